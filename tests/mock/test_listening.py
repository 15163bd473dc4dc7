"""Sound that arrives: the buffer, voice detection, turns, transcription."""

from __future__ import annotations

import base64

import pytest

from realtime.mock.sound import MAX_AUDIO_BYTES
from tests.mock.talk import RATE, Talk, base64_of, said, silence, tone

BYTES_PER_MS = RATE * 2 // 1000


def push_to_talk(talk: Talk, **audio_input: object) -> None:
    talk.configure(audio={"input": {"turn_detection": None, **audio_input}})


def detect(talk: Talk, **detection: object) -> None:
    talk.configure(audio={"input": {"turn_detection": {"type": "server_vad", **detection}}})


def test_appending_is_never_confirmed_and_committing_makes_an_item() -> None:
    talk = Talk()
    push_to_talk(talk)
    typed = talk.type("hello")
    pcm = tone(400)
    assert talk.send("input_audio_buffer.append", audio=base64_of(pcm)) == []
    committed, added, done = talk.send("input_audio_buffer.commit")
    assert committed["type"] == "input_audio_buffer.committed"
    assert committed["previous_item_id"] == typed
    assert added["item"]["id"] == done["item"]["id"] == committed["item_id"]
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": ""}]
    assert talk.wait(5.0) == []
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=committed["item_id"])
    assert base64.b64decode(retrieved["item"]["content"][0]["audio"]) == pcm


def test_a_commit_needs_a_tenth_of_a_second() -> None:
    talk = Talk()
    push_to_talk(talk)
    error = talk.refused("input_audio_buffer.commit")
    assert error["code"] == "input_audio_buffer_commit_empty"
    talk.send("input_audio_buffer.append", audio=base64_of(tone(99)))
    error = talk.refused("input_audio_buffer.commit")
    assert error["message"] == (
        "Error committing input audio buffer: buffer too small. "
        "Expected at least 100ms of audio, but buffer only has 99.00ms of audio."
    )
    talk.send("input_audio_buffer.append", audio=base64_of(tone(1)))
    assert talk.send("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"
    assert talk.refused("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


@pytest.mark.parametrize("end", ["commit", "clear"])
def test_half_a_sample_ends_with_its_utterance(end: str) -> None:
    talk = Talk()
    push_to_talk(talk)
    talk.send("input_audio_buffer.append", audio=base64_of(tone(400) + b"x"))
    talk.send(f"input_audio_buffer.{end}")
    pcm = tone(300)
    for piece in (pcm[:4801], pcm[4801:]):  # cut within a sample, which the next piece completes
        talk.send("input_audio_buffer.append", audio=base64_of(piece))
    item_id = talk.send("input_audio_buffer.commit")[0]["item_id"]
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=item_id)
    assert base64.b64decode(retrieved["item"]["content"][0]["audio"]) == pcm


def test_clear_forgets() -> None:
    talk = Talk()
    push_to_talk(talk)
    talk.send("input_audio_buffer.append", audio=base64_of(tone(400)))
    assert [event["type"] for event in talk.send("input_audio_buffer.clear")] == ["input_audio_buffer.cleared"]
    assert talk.refused("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_clear_in_the_middle_of_speech() -> None:
    talk = Talk()
    talk.hear(tone(500))
    talk.send("input_audio_buffer.clear")
    assert not talk.model.state()["speaking"]
    assert talk.hear(silence(1000)) == []
    talk.hear(tone(500), silence(600))
    assert talk.last("input_audio_buffer.speech_started")["audio_start_ms"] == 1200
    assert talk.last("input_audio_buffer.speech_stopped")["audio_end_ms"] == 2000


@pytest.mark.parametrize("audio", ["not base64", "AAA", "AA==AA==", "ÄÄÄÄ"])
def test_audio_must_be_base64(audio: str) -> None:
    error = Talk().refused("input_audio_buffer.append", audio=audio)
    assert (error["code"], error["param"]) == ("invalid_value", "audio")


def test_one_event_holds_15_mib() -> None:
    talk = Talk()
    push_to_talk(talk)
    assert talk.send("input_audio_buffer.append", audio=base64_of(bytes(MAX_AUDIO_BYTES))) == []
    error = talk.refused("input_audio_buffer.append", audio=base64_of(bytes(MAX_AUDIO_BYTES + 1)))
    assert (error["code"], error["param"]) == ("invalid_value", "audio")


def test_a_spoken_turn_from_start_to_answer() -> None:
    talk = Talk()
    talk.configure(instructions="heard: what a fine day")
    before = len(talk.events)
    talk.hear(silence(1000), tone(800), silence(700))
    talk.wait(3.0)
    kinds = talk.kinds()[before:]
    assert kinds[:6] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    started, stopped = talk.last("input_audio_buffer.speech_started"), talk.last("input_audio_buffer.speech_stopped")
    committed = talk.last("input_audio_buffer.committed")
    assert started["item_id"] == stopped["item_id"] == committed["item_id"]
    assert started["audio_start_ms"] == pytest.approx(700, abs=20)  # 300 ms of padding before the onset
    assert stopped["audio_end_ms"] == pytest.approx(1800, abs=20)
    assert said(talk.last("response.done")["response"]) == "what a fine day"
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=committed["item_id"])
    heard_ms = len(base64.b64decode(retrieved["item"]["content"][0]["audio"])) // BYTES_PER_MS
    assert heard_ms == pytest.approx(300 + 800 + 500, abs=120)


@pytest.mark.parametrize("step_ms", [5, 20, 33, 100, 3000])
def test_offsets_do_not_depend_on_how_the_sound_is_cut(step_ms: int) -> None:
    talk = Talk()
    detect(talk, prefix_padding_ms=0, create_response=False)
    talk.hear(silence(437), tone(311), silence(900), tone(523), silence(700), step_ms=step_ms)
    starts = [event["audio_start_ms"] for event in talk.all("input_audio_buffer.speech_started")]
    ends = [event["audio_end_ms"] for event in talk.all("input_audio_buffer.speech_stopped")]
    assert starts == pytest.approx([437, 1648], abs=20)
    assert ends == pytest.approx([748, 2171], abs=20)


def test_pauses_shorter_than_the_silence_do_not_end_a_turn() -> None:
    talk = Talk()
    detect(talk, silence_duration_ms=800, create_response=False)
    talk.hear(tone(300), silence(700), tone(300), silence(700))
    assert not talk.all("input_audio_buffer.speech_stopped")
    talk.hear(silence(200))
    assert talk.last("input_audio_buffer.speech_stopped")["audio_end_ms"] == pytest.approx(1300, abs=20)


def test_clicks_and_noise_are_no_speech_and_the_threshold_counts() -> None:
    talk = Talk()
    talk.hear(silence(300), tone(20), silence(300), tone(1000, amplitude=100), silence(500))
    assert not talk.all("input_audio_buffer.speech_started")
    detect(talk, threshold=0.1)
    talk.hear(tone(1000, amplitude=100))
    assert talk.all("input_audio_buffer.speech_started")


def test_detection_may_leave_the_answer_to_the_client() -> None:
    talk = Talk()
    detect(talk, create_response=False)
    talk.hear(tone(500), silence(700))
    talk.wait(3.0)
    assert talk.all("input_audio_buffer.committed")
    assert not talk.all("response.created")


def test_speech_interrupts_the_answer() -> None:
    talk = Talk()
    talk.begin("please count to twenty slowly", 1.0)
    talk.hear(tone(500))
    response = talk.last("response.done")["response"]
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    kinds = talk.kinds()
    assert kinds.index("input_audio_buffer.speech_started") < kinds.index("response.done")
    talk.hear(silence(700))
    talk.wait(3.0)
    assert [event["response"]["status"] for event in talk.all("response.done")] == ["cancelled", "completed"]


def test_without_interruption_the_next_answer_waits_for_the_first() -> None:
    talk = Talk()
    detect(talk, interrupt_response=False)
    talk.begin("please count to twenty slowly", 1.0)
    talk.hear(tone(500), silence(700))
    assert talk.all("input_audio_buffer.committed")
    assert len(talk.all("response.created")) == 1
    first = talk.until("response.done")["response"]
    assert first["status"] == "completed"
    talk.until("response.done")
    assert len(talk.all("response.created")) == 2


def test_push_to_talk_hears_no_turns() -> None:
    talk = Talk()
    push_to_talk(talk)
    talk.hear(tone(500), silence(1500), tone(500), silence(1500))
    assert not talk.all("input_audio_buffer.speech_started")
    talk.send("input_audio_buffer.commit")
    assert len(talk.all("conversation.item.added")) == 1


def test_detection_switched_on_counts_all_audio_since_the_session_began() -> None:
    talk = Talk()
    push_to_talk(talk)
    talk.hear(silence(1000))
    talk.send("input_audio_buffer.clear")
    detect(talk, prefix_padding_ms=100)
    talk.hear(silence(500), tone(500))
    assert talk.last("input_audio_buffer.speech_started")["audio_start_ms"] == pytest.approx(1400, abs=20)


def test_semantic_detection_is_accepted() -> None:
    talk = Talk()
    talk.configure(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}})
    talk.hear(tone(500), silence(400))
    talk.wait(3.0)
    assert talk.all("input_audio_buffer.speech_stopped")


def test_a_commit_by_hand_takes_the_turn_that_was_begun() -> None:
    talk = Talk()
    talk.hear(silence(600), tone(600))
    started = talk.last("input_audio_buffer.speech_started")
    committed = talk.send("input_audio_buffer.commit")[0]
    assert committed["item_id"] == started["item_id"]
    talk.hear(silence(800), tone(400))
    assert talk.last("input_audio_buffer.speech_started")["item_id"] != started["item_id"]


def test_turns_are_heard_line_by_line() -> None:
    talk = Talk()
    push_to_talk(talk)

    def heard() -> str:
        talk.send("input_audio_buffer.append", audio=base64_of(tone(200)))
        talk.send("input_audio_buffer.commit")
        return said(talk.respond())

    assert heard()
    talk.configure(instructions="Be kind.\nheard: one\n  Heard:  two  \nThat is all.")
    assert [heard(), heard(), heard()] == ["one", "two", "two"]
    talk.configure(instructions="heard: other\nheard: last")
    assert [heard(), heard()] == ["other", "last"]


def test_transcription_is_told_where_it_is_asked_for() -> None:
    talk = Talk(transcription_delay_s=0.3)
    push_to_talk(talk)
    talk.configure(instructions="heard: tell me more")

    def commit() -> str:
        talk.send("input_audio_buffer.append", audio=base64_of(tone(1000)))
        return str(talk.send("input_audio_buffer.commit")[0]["item_id"])

    commit()
    assert talk.wait(2.0) == []
    push_to_talk(talk, transcription={"model": "gpt-4o-mini-transcribe"})
    item_id = commit()
    assert talk.wait(0.2) == []
    completed = talk.until("conversation.item.input_audio_transcription.completed")
    assert (completed["item_id"], completed["transcript"]) == (item_id, "tell me more")
    assert completed["usage"]["input_token_details"] == {"text_tokens": 0, "audio_tokens": 10}
    deltas = talk.all("conversation.item.input_audio_transcription.delta")
    assert [delta["delta"] for delta in deltas] == ["tell", " me", " more"]
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=item_id)
    assert retrieved["item"]["content"][0]["transcript"] == "tell me more"


def test_transcription_may_fail_and_the_answer_still_comes() -> None:
    talk = Talk(transcription_fails=True)
    talk.configure(audio={"input": {"transcription": {"model": "whisper-1"}}}, instructions="heard: hello")
    talk.hear(tone(500), silence(600))
    talk.wait(3.0)
    failed = talk.last("conversation.item.input_audio_transcription.failed")
    assert failed["error"]["message"]
    assert not talk.all("conversation.item.input_audio_transcription.completed")
    assert said(talk.last("response.done")["response"]) == "hello"


def test_a_deleted_turn_is_not_transcribed() -> None:
    talk = Talk()
    push_to_talk(talk, transcription={"model": "whisper-1"})
    talk.send("input_audio_buffer.append", audio=base64_of(tone(300)))
    item_id = talk.send("input_audio_buffer.commit")[0]["item_id"]
    talk.send("conversation.item.delete", item_id=item_id)
    assert talk.wait(2.0) == []


def test_a_chunk_may_end_within_a_sample() -> None:
    talk = Talk()
    detect(talk, prefix_padding_ms=0, create_response=False)
    pcm = silence(300) + tone(400) + silence(700)
    for start in range(0, len(pcm), 961):
        talk.send("input_audio_buffer.append", audio=base64_of(pcm[start : start + 961]))
    assert talk.last("input_audio_buffer.speech_started")["audio_start_ms"] == pytest.approx(300, abs=20)
    assert talk.last("input_audio_buffer.speech_stopped")["audio_end_ms"] == pytest.approx(700, abs=20)
