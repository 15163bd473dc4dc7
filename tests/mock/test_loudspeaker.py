"""A call's sound: what is told of it, and what becomes of it when somebody cuts in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mock.talk import Talk, calls, function, silence, tone

LONG = "please count to twenty slowly"
OUTPUT = "output_audio_buffer"


class Tape:
    """A playback that plays nothing by itself; ``heard`` is what it says of its position."""

    def __init__(self) -> None:
        self.queued: list[tuple[str, int]] = []
        self.heard: tuple[str, int] | None = None
        self.room = True
        self.flushed = 0

    def play(self, pcm: bytes, tag: str) -> bool:
        if self.room:
            self.queued.append((tag, len(pcm) // 48))
        return self.room

    def flush(self, tag: str | None = None) -> None:
        assert tag is None
        self.flushed += 1

    def position(self) -> tuple[str, int] | None:
        return self.heard

    def queued_ms(self, tag: str) -> int:
        return sum(ms for each, ms in self.queued if each == tag)


def call(**settings: Any) -> tuple[Talk, Tape]:
    tape = Tape()
    return Talk(playback=tape, **settings), tape


def about_sound(talk: Talk) -> list[str]:
    return [kind.removeprefix(f"{OUTPUT}.") for kind in talk.kinds() if kind.startswith(OUTPUT)]


def test_sound_is_played_and_not_sent() -> None:
    talk, tape = call()
    response = talk.ask("hello there")
    item_id = response["output"][0]["id"]
    assert {tag for tag, _ in tape.queued} == {item_id}
    assert tape.queued_ms(item_id) == 60 * len("hello there")
    assert not talk.all("response.output_audio.delta")
    assert talk.all("response.output_audio.done")
    kinds = talk.kinds()
    assert kinds.index("response.content_part.added") < kinds.index(f"{OUTPUT}.started")
    assert talk.last(f"{OUTPUT}.started")["response_id"] == response["id"]


def test_it_stops_when_all_was_played() -> None:
    talk, _ = call()
    response = talk.ask("hello there")
    assert about_sound(talk) == ["started"]
    (stopped,) = talk.played(response["output"][0]["id"])
    assert (stopped["type"], stopped["response_id"]) == (f"{OUTPUT}.stopped", response["id"])
    assert talk.played(response["output"][0]["id"]) == []


def test_what_runs_dry_before_it_is_said_goes_on() -> None:
    talk, tape = call()
    talk.begin(LONG, 0.5)
    assert talk.played(tape.queued[0][0]) == []
    talk.until("response.done")
    assert about_sound(talk) == ["started"]
    talk.played(tape.queued[0][0])
    assert about_sound(talk) == ["started", "stopped"]


def test_what_ran_dry_at_the_end_stops_with_the_response() -> None:
    talk, tape = call(pace_s=1.0)
    talk.begin("hello", 1.5)
    talk.played(tape.queued[0][0])
    talk.wait(5.0)
    assert talk.kinds()[-2:] == ["response.done", f"{OUTPUT}.stopped"]


def test_writing_is_not_played() -> None:
    talk, tape = call()
    talk.configure(output_modalities=["text"])
    talk.ask("hello")
    assert (about_sound(talk), tape.queued) == ([], [])


def test_who_cuts_in_on_an_answer_that_is_still_being_said() -> None:
    talk, tape = call()
    talk.begin(LONG, 1.5)
    item_id = tape.queued[0][0]
    tape.heard = (item_id, 700)
    talk.speak(tone(100))
    assert talk.kinds()[-3:] == ["response.done", f"{OUTPUT}.cleared", "conversation.item.truncated"]
    assert talk.last("response.done")["response"]["status_details"]["reason"] == "turn_detected"
    truncated = talk.last("conversation.item.truncated")
    assert (truncated["item_id"], truncated["content_index"], truncated["audio_end_ms"]) == (item_id, 0, 700)
    (shown,) = talk.send("conversation.item.retrieve", item_id=item_id)
    assert "transcript" not in shown["item"]["content"][0]
    assert tape.flushed == 1


def test_who_cuts_in_on_an_answer_that_was_said_long_before_it_is_heard() -> None:
    talk, tape = call()
    response = talk.ask("a sentence of thirty-odd letters")
    tape.heard = (response["output"][0]["id"], 300)
    came = talk.speak(tone(100))
    assert [event["type"] for event in came] == [
        "input_audio_buffer.speech_started",
        f"{OUTPUT}.cleared",
        "conversation.item.truncated",
    ]
    assert came[2]["audio_end_ms"] == 300
    assert talk.played(response["output"][0]["id"]) == []


def test_what_was_not_heard_at_all_is_cut_to_nothing() -> None:
    talk, tape = call()
    first = talk.ask("first of all")["output"][0]["id"]
    second = talk.ask("second of all")["output"][0]["id"]
    tape.heard = (first, 500)
    talk.speak(tone(100))
    ends = {event["item_id"]: event["audio_end_ms"] for event in talk.all("conversation.item.truncated")}
    assert ends == {first: 500, second: 0}
    assert about_sound(talk) == ["started", "started", "cleared", "cleared"]


def test_what_was_heard_to_the_end_stays() -> None:
    talk, tape = call()
    first = talk.ask("first of all")["output"][0]["id"]
    talk.played(first)
    tape.heard = (first, 720)
    talk.speak(tone(100))
    assert not talk.all("conversation.item.truncated")
    assert about_sound(talk) == ["started", "stopped"]


def test_who_may_not_cut_in_is_heard_all_the_same() -> None:
    talk, tape = call()
    talk.configure(audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}})
    talk.ask("a sentence of thirty-odd letters")
    talk.speak(tone(100))
    assert talk.all("input_audio_buffer.speech_started")
    assert (about_sound(talk), tape.flushed) == (["started"], 0)


def test_the_client_clears() -> None:
    talk, tape = call()
    response = talk.ask("a sentence of thirty-odd letters")
    item_id = response["output"][0]["id"]
    tape.heard = (item_id, 240)
    cleared, truncated = talk.send("output_audio_buffer.clear")
    assert (cleared["type"], cleared["response_id"]) == (f"{OUTPUT}.cleared", response["id"])
    assert (truncated["item_id"], truncated["audio_end_ms"]) == (item_id, 240)
    assert talk.send("output_audio_buffer.clear") == []


def test_what_is_cleared_while_it_is_being_said_is_not_heard_any_more() -> None:
    talk, tape = call()
    talk.begin(LONG, 1.0)
    talk.send("output_audio_buffer.clear")
    queued = len(tape.queued)
    talk.until("response.done")
    assert about_sound(talk) == ["started", "cleared"]
    assert len(tape.queued) == queued
    talk.ask("another")
    assert about_sound(talk) == ["started", "cleared", "started"]


def test_two_at_once_each_have_their_own() -> None:
    talk, tape = call()
    talk.begin(LONG, 0.5)
    talk.send("response.create", response={"conversation": "none", "instructions": "beside"})
    talk.wait(20.0)
    for tag in {tag for tag, _ in tape.queued}:
        talk.played(tag)
    assert sorted(about_sound(talk)) == ["started", "started", "stopped", "stopped"]


def test_a_full_buffer_takes_no_more() -> None:
    talk, tape = call()
    tape.room = False
    talk.ask("hello")
    assert about_sound(talk) == ["started", "stopped"]


def test_a_deleted_item_is_not_truncated() -> None:
    talk, _ = call()
    response = talk.ask("a sentence of thirty-odd letters")
    talk.send("conversation.item.delete", item_id=response["output"][0]["id"])
    talk.speak(tone(100))
    assert about_sound(talk) == ["started", "cleared"]
    assert not talk.all("conversation.item.truncated")


def test_the_microphone_is_heard_and_answered() -> None:
    talk, tape = call()
    talk.configure(instructions="heard: please call f with {}", tools=[function("f")])
    talk.speak(tone(400), silence(700))
    assert calls(talk.last("response.done")["response"]) == [("f", "{}")]
    assert talk.last("input_audio_buffer.speech_stopped")["audio_end_ms"] == pytest.approx(400, abs=20)
    assert tape.queued == []


def test_push_to_talk() -> None:
    talk, _ = call()
    talk.configure(audio={"input": {"turn_detection": None}})
    talk.speak(silence(1000))
    talk.send("input_audio_buffer.clear")
    talk.speak(tone(300))
    assert talk.send("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
def test_a_format_of_the_wire_changes_nothing_about_the_length(kind: str) -> None:
    talk, tape = call()
    talk.configure(audio={"input": {"format": {"type": kind}}, "output": {"format": {"type": kind}}})
    item_id = talk.ask("hello there")["output"][0]["id"]
    assert tape.queued_ms(item_id) == 60 * len("hello there")
    talk.speak(tone(400), silence(700))
    assert talk.last("input_audio_buffer.speech_stopped")["audio_end_ms"] == pytest.approx(400, abs=20)


def test_elsewhere_the_client_plays() -> None:
    error = Talk().refused("output_audio_buffer.clear")
    assert (error["code"], error["param"]) == ("invalid_value", "type")


def test_a_microphone_that_nobody_commits_fills_nothing_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.mock.buffer.MOST_MS", 1000)
    talk, _ = call()
    talk.configure(audio={"input": {"turn_detection": None}})
    assert talk.speak(tone(3000)) == []
    assert talk.model.state()["input_audio_ms"] == 1000
