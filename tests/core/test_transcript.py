"""Words by item: a turn takes its place when it begins, is filled once, and no delta follows its done."""

from __future__ import annotations

from realtime.core import actions as act
from tests.core.driver import Driver


def test_a_spoken_turn_takes_its_place_at_speech_start() -> None:
    driver = Driver()
    driver.receive("input_audio_buffer.speech_started", item_id="u1")
    driver.receive("input_audio_buffer.committed", item_id="u1", previous_item_id="a0")
    driver.receive("conversation.item.input_audio_transcription.delta", item_id="u1", delta="hel")
    driver.receive("conversation.item.input_audio_transcription.completed", item_id="u1", transcript="hello")
    (started, place), (completed, item) = driver.records()[-2:]
    assert (started, place["id"], place["status"], place["text"]) == ("item/started", "u1", "inProgress", "")
    assert (completed, item["text"], item["status"], item["previousItemId"]) == (
        "item/completed",
        "hello",
        "completed",
        "a0",
    )
    assert [note["delta"] for note in driver.notes("transcript/delta")] == ["hel"]
    assert driver.notes("transcript/done") == [{"threadId": "thread", "role": "user", "text": "hello", "itemId": "u1"}]


def test_done_comes_once_and_last() -> None:
    driver = Driver()
    for _ in range(2):
        driver.receive("conversation.item.input_audio_transcription.completed", item_id="u1", transcript="hello")
        driver.receive("conversation.item.input_audio_transcription.delta", item_id="u1", delta="late")
    assert len(driver.notes("transcript/done")) == 1
    assert driver.notes("transcript/delta") == []
    assert len(driver.records()) == 1


def test_a_failed_transcription_is_a_visible_state() -> None:
    driver = Driver()
    driver.speak("u1")
    driver.receive("conversation.item.input_audio_transcription.failed", item_id="u1", error={"message": "too noisy"})
    _, item = driver.records()[-1]
    assert (item["id"], item["status"], item["error"]) == ("u1", "failed", "too noisy")


def test_words_that_never_come_leave_a_failed_turn_and_late_ones_fill_it() -> None:
    driver = Driver()
    driver.speak("u1")
    deadline = driver.conversation.deadline
    assert deadline is not None
    driver.tick(deadline - driver.now)
    assert [note["itemId"] for note in driver.notes("transcript/failed")] == ["u1"]
    assert driver.records()[-1][1]["status"] == "failed"
    assert driver.conversation.deadline != deadline
    driver.receive("conversation.item.input_audio_transcription.completed", item_id="u1", transcript="at last")
    filled = driver.records()[-1][1]
    assert (filled["status"], filled["text"], "error" in filled) == ("completed", "at last", False)


def test_speech_that_is_cleared_leaves_an_interrupted_turn() -> None:
    driver = Driver()
    driver.receive("input_audio_buffer.speech_started", item_id="u1")
    driver.receive("input_audio_buffer.cleared")
    assert driver.records()[-1][1]["status"] == "interrupted"


def test_without_transcription_a_turn_is_complete_when_committed() -> None:
    driver = Driver(transcribes=False)
    driver.receive("input_audio_buffer.committed", item_id="u1")
    assert [(method, item["status"]) for method, item in driver.records()] == [
        ("item/started", "inProgress"),
        ("item/completed", "completed"),
    ]


def test_an_answer_is_placed_filled_and_carries_its_ids() -> None:
    driver = Driver()
    driver.receive("response.created", response={"id": "r1"})
    item = {"id": "a1", "type": "message", "role": "assistant"}
    driver.receive("conversation.item.added", item=item, previous_item_id="u1")
    driver.receive("response.output_text.delta", item_id="a1", response_id="r1", delta="hi")
    driver.receive("response.output_text.done", item_id="a1", response_id="r1", text="hi there")
    driver.receive("conversation.item.done", item={**item, "status": "completed"})
    driver.receive("response.done", response={"id": "r1", "status": "completed"})
    answer = [(method, item["text"], item["status"]) for method, item in driver.records()]
    assert answer == [("item/started", "", "inProgress"), ("item/completed", "hi there", "completed")]
    assert driver.records()[-1][1]["responseId"] == "r1"
    assert driver.notes("transcript/delta")[0]["responseId"] == "r1"


def test_an_answer_that_is_cut_off_upstream_is_interrupted() -> None:
    driver = Driver()
    driver.begin_answer()
    driver.receive("response.output_text.delta", item_id="a1", delta="hal")
    driver.receive("response.done", response={"id": "r1", "status": "cancelled"})
    _, item = driver.records()[-1]
    assert (item["text"], item["status"]) == ("hal", "interrupted")


def test_words_that_come_after_their_response_has_ended_are_a_line_that_ends() -> None:
    driver = Driver()
    driver.receive("response.created", response={"id": "r1"})
    driver.receive("response.done", response={"id": "r1", "status": "completed"})
    driver.receive("response.output_audio_transcript.done", item_id="a1", response_id="r1", transcript="late")
    assert [(method, item["status"]) for method, item in driver.records()] == [
        ("item/started", "inProgress"),
        ("item/completed", "completed"),
    ]
    assert driver.records()[-1][1]["text"] == "late"


def test_words_without_item_ids_join_by_speaker() -> None:
    driver = Driver()
    driver.receive("conversation.item.input_audio_transcription.delta", delta="do ")
    driver.receive("conversation.item.input_audio_transcription.delta", delta="it")
    driver.receive("response.output_audio_transcript.delta", delta="sure")
    driver.call(prompt="go")
    (start,) = driver.of(act.StartOrJoinTurn)
    assert [line.text for line in start.lines] == ["do it", "sure", "go"]


def test_what_the_agent_was_told_it_is_not_told_again() -> None:
    driver = Driver()
    driver.receive("conversation.item.input_audio_transcription.completed", item_id="u1", transcript="first")
    driver.call(call_id="call_1", prompt="one")
    driver.receive("conversation.item.input_audio_transcription.completed", item_id="u2", transcript="second")
    driver.call(call_id="call_2", prompt="two")
    assert [line.text for line in driver.of(act.StartOrJoinTurn)[1].lines] == ["second", "two"]


def test_typed_text_is_prefixed_once_and_stored_bare() -> None:
    driver = Driver()
    for text in ("hello", "[USER] already", ""):
        driver.apply(act.AppendText(text))
    sent = [event["item"]["content"][0]["text"] for event in driver.sent]
    assert sent == ["[USER] hello", "[USER] already", ""]
    assert [item["text"] for _, item in driver.records()] == ["hello", "[USER] already", ""]
    assert driver.creates() == 0


def test_typed_text_asks_for_an_answer_in_text_modality() -> None:
    driver = Driver(modality="text")
    driver.apply(act.AppendText("hello"))
    driver.apply(act.AppendText("silently", respond=False))
    assert driver.creates() == 1


def test_roles_are_kept() -> None:
    driver = Driver()
    driver.apply(act.AppendText("note", role="developer"))
    driver.apply(act.AppendText("said", role="assistant"))
    items = [event["item"] for event in driver.sent]
    assert [(item["role"], item["content"][0]["type"]) for item in items] == [
        ("system", "input_text"),
        ("assistant", "output_text"),
    ]


def test_garbage_moves_nothing() -> None:
    driver = Driver()
    for kind, members in (
        ("conversation.item.added", {"item": 5}),
        ("response.output_audio.delta", {"delta": 7}),
        ("response.output_audio.delta", {"delta": "not base64!"}),
        ("unheard.of", {}),
        ("conversation.item.input_audio_transcription.completed", {"item_id": "x"}),
    ):
        assert driver.receive(kind, **members) == []


def test_an_event_that_comes_twice_counts_once() -> None:
    driver = Driver()
    for number in (1, 1, 2):
        driver.receive("response.output_text.delta", event_id=f"event_{number}", item_id="a1", delta="ha")
    assert [note["delta"] for note in driver.notes("transcript/delta")] == ["ha", "ha"]


def test_different_events_of_one_id_all_count() -> None:
    driver = Driver()
    for delta in ("one", "two", "three"):
        driver.receive("response.output_text.delta", event_id="event", item_id="a1", delta=delta)
    assert [note["delta"] for note in driver.notes("transcript/delta")] == ["one", "two", "three"]
