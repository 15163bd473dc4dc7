"""Every function call is answered exactly once, and the voice is asked to speak of results only."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.core import actions as act
from realtime.core.handoffs import request_text
from realtime.protocol.ids import CallId, TurnId
from tests.core.driver import WORDS, Driver

CALL, TURN = CallId("call_1"), TurnId("turn_1")


def running() -> Driver:
    """A conversation whose hand-off began a turn."""
    driver = Driver()
    driver.call()
    driver.apply(act.TurnStarted(CALL, TURN))
    return driver


def test_a_call_starts_a_turn_and_is_shown() -> None:
    driver = Driver()
    driver.receive("conversation.item.input_audio_transcription.completed", transcript="help me")
    driver.call()
    (start,) = driver.of(act.StartOrJoinTurn)
    assert (start.call_id, start.request) == ("call_1", "list the files")
    assert start.lines == (act.Line("user", "help me"), act.Line("user", "list the files"))
    assert driver.notes("itemAdded")[-1]["item"]["handoff_id"] == "call_1"


CALLED = {
    "type": "function_call",
    "id": "item_1",
    "call_id": "call_1",
    "name": "background_agent",
    "arguments": '{"prompt": "list the files"}',
    "status": "completed",
}


@pytest.mark.parametrize("lost", ["conversation.item.done", "response.output_item.done", "response.done", None])
def test_a_call_is_taken_once_from_whatever_tells_of_it(lost: str | None) -> None:
    told: dict[str, dict[str, Any]] = {
        "conversation.item.done": {"item": CALLED},
        "response.output_item.done": {"item": CALLED, "response_id": "r1"},
        "response.done": {"response": {"id": "r1", "status": "completed", "output": [CALLED]}},
    }
    for only in (set(told) - {lost}, {lost} & set(told)):
        driver = Driver()
        driver.receive("response.created", response={"id": "r1"})
        for kind in [kind for kind in told if kind in only]:
            driver.receive(kind, **told[kind])
        assert [start.request for start in driver.of(act.StartOrJoinTurn)] == ["list the files"] * bool(only)


def test_a_call_of_an_out_of_band_response_is_nobodys() -> None:
    driver = Driver()
    apart = {"id": "r1", "conversation_id": None}
    driver.receive("response.created", response=apart)
    driver.receive("response.output_item.done", item=CALLED, response_id="r1")
    driver.receive("response.done", response={**apart, "status": "completed", "output": [CALLED]})
    assert driver.of(act.StartOrJoinTurn) == []


@pytest.mark.parametrize("oddity", [{"call_id": 7}, {"arguments": ["no"]}, {"status": "in_progress"}, {"type": None}])
def test_an_odd_call_in_a_response_moves_nothing(oddity: dict[str, object]) -> None:
    driver = Driver()
    driver.receive("response.created", response={"id": "r1"})
    driver.receive("response.done", response={"id": "r1", "status": "completed", "output": [{**CALLED, **oddity}]})
    assert driver.of(act.StartOrJoinTurn) == []


def test_messages_go_up_as_items_and_the_output_only_points_to_them() -> None:
    driver = running()
    driver.apply(act.AgentSaid(TURN, "there are three", final=True))
    assert driver.creates() == 0
    driver.apply(act.TurnEnded(TURN, "completed", "there are three"))
    texts = [event["item"]["content"][0]["text"] for event in driver.sent if "content" in event.get("item", {})]
    assert texts == ["[BACKEND] there are three"]
    assert driver.outputs() == [("call_1", WORDS.result_pointer)]
    assert driver.sent_types[-1] == "response.create"


@pytest.mark.parametrize(
    ("ended", "output"),
    [
        (act.TurnEnded(TURN, "completed"), WORDS.no_result),
        (act.TurnEnded(TURN, "failed", None, "no luck"), "failed: no luck"),
        (act.TurnEnded(TURN, "interrupted"), WORDS.cancelled),
    ],
)
def test_a_turn_without_result_is_answered_and_cleared(ended: act.TurnEnded, output: str) -> None:
    driver = running()
    driver.apply(ended)
    driver.apply(ended)
    assert driver.outputs() == [("call_1", output)]
    driver.call(call_id="call_2")
    assert len(driver.of(act.StartOrJoinTurn)) == 2


def test_a_second_call_steers_and_is_acknowledged_at_once() -> None:
    driver = running()
    driver.call(call_id="call_2")
    driver.apply(act.TurnJoined(CallId("call_2"), TURN))
    assert driver.outputs() == [("call_2", WORDS.steered)]
    assert driver.creates() == 1
    driver.apply(act.TurnEnded(TURN, "completed", "x"))
    assert [call for call, _ in driver.outputs()] == ["call_2", "call_1"]


def steered() -> Driver:
    """A turn was steered, and the voice has spoken of that."""
    driver = running()
    driver.call(call_id="call_2")
    driver.apply(act.TurnJoined(CallId("call_2"), TURN))
    respond(driver, "r1")
    return driver


def respond(driver: Driver, response_id: str) -> None:
    driver.receive("response.created", response={"id": response_id})
    driver.receive("response.done", response={"id": response_id, "status": "completed"})


@pytest.mark.parametrize("final", [True, False])
def test_an_answer_in_a_steered_turn_that_goes_on_is_spoken_once(final: bool) -> None:
    driver = steered()
    driver.apply(act.AgentSaid(TURN, "a minute is left", final=final))
    driver.tick(1.4)
    assert driver.creates() == 1
    driver.tick(0.1)
    assert driver.creates() == 2
    respond(driver, "r2")
    driver.apply(act.AgentSaid(TURN, "half a minute is left", final=False))
    driver.tick(20.0)
    assert driver.creates() == 2
    driver.apply(act.TurnEnded(TURN, "completed", "time is up"))
    assert driver.creates() == 3


def test_what_was_spoken_on_the_way_is_not_spoken_again_at_the_end() -> None:
    driver = steered()
    driver.apply(act.AgentSaid(TURN, "it rains", final=True))
    driver.tick(1.5)
    respond(driver, "r2")
    driver.apply(act.TurnEnded(TURN, "completed", "it rains"))
    assert driver.outputs()[-1] == ("call_1", WORDS.result_pointer)
    assert driver.creates() == 2


def test_a_failure_is_spoken_whatever_was_said_before() -> None:
    driver = steered()
    driver.apply(act.AgentSaid(TURN, "it rains", final=True))
    driver.tick(1.5)
    respond(driver, "r2")
    driver.apply(act.TurnEnded(TURN, "failed", None, "no luck"))
    assert driver.creates() == 3


def test_a_steered_turn_that_soon_ends_is_spoken_of_at_its_end_alone() -> None:
    driver = steered()
    driver.apply(act.AgentSaid(TURN, "it rains", final=True))
    driver.tick(1.0)
    driver.apply(act.TurnEnded(TURN, "completed", "it rains"))
    assert driver.creates() == 2
    respond(driver, "r2")
    driver.tick(5.0)
    assert driver.creates() == 2


def test_what_another_request_has_brought_up_is_not_asked_for_again() -> None:
    driver = steered()
    driver.apply(act.AgentSaid(TURN, "a minute is left", final=False))
    driver.ask("how long?")
    respond(driver, "r2")
    driver.tick(1.5)
    assert driver.creates() == 2


def test_an_answer_that_falls_due_without_an_upstream_is_asked_for_on_the_next() -> None:
    driver = steered()
    driver.apply(act.AgentSaid(TURN, "a minute is left", final=False))
    driver.lose()
    driver.tick(5.0)
    driver.reopen()
    driver.tick()
    assert driver.creates() == 2


def test_the_same_call_shown_twice_is_one_call() -> None:
    driver = running()
    driver.call()
    assert len(driver.of(act.StartOrJoinTurn)) == 1


def test_remain_silent_is_answered_with_silence() -> None:
    driver = Driver()
    driver.call("remain_silent", "call_s", "")
    assert driver.outputs() == [("call_s", "")]
    assert driver.creates() == 0
    assert driver.notes("itemAdded") == []


def test_an_unknown_tool_is_answered() -> None:
    driver = Driver()
    driver.call("reboot", "call_x", "now")
    assert driver.outputs() == [("call_x", WORDS.unknown_tool)]
    assert driver.creates() == 1


def test_an_empty_request_takes_the_transcript_and_without_one_is_answered() -> None:
    driver = Driver()
    driver.call(prompt="")
    assert driver.outputs() == [("call_1", WORDS.empty_request)]
    driver.receive("conversation.item.input_audio_transcription.completed", transcript="open the door")
    driver.call(call_id="call_2", prompt="")
    (start,) = driver.of(act.StartOrJoinTurn)
    assert (start.request, start.lines) == ("", (act.Line("user", "open the door"),))


def test_a_refused_hand_off_is_answered_with_the_reason() -> None:
    driver = Driver()
    driver.call()
    driver.apply(act.TurnRefused(CALL, "no agent"))
    assert driver.outputs() == [("call_1", "failed: no agent")]


def test_progress_asks_for_speech_only_where_that_is_set() -> None:
    quiet, talkative = running(), Driver(speak_progress=True)
    talkative.call()
    talkative.apply(act.TurnStarted(CALL, TURN))
    for driver in (quiet, talkative):
        driver.apply(act.AgentSaid(TURN, "looking", final=False))
    assert (quiet.creates(), talkative.creates()) == (0, 1)


def test_a_typed_turn_that_is_followed_is_told_and_spoken() -> None:
    driver = Driver()
    driver.apply(act.TurnFollowed(TURN))
    driver.apply(act.AgentSaid(TURN, "typed answer", final=True))
    driver.apply(act.TurnEnded(TURN, "completed", "typed answer"))
    assert driver.sent[0]["item"]["content"][0]["text"] == "[BACKEND] typed answer"
    assert driver.creates() == 1


def test_words_of_a_turn_of_others_are_not_told() -> None:
    driver = Driver()
    driver.apply(act.AgentSaid(TurnId("old"), "late", final=True))
    driver.apply(act.TurnEnded(TurnId("old"), "completed", "late"))
    assert driver.sent == []


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [
        ('{"prompt": " do it "}', "do it"),
        ('{"prompt": "  ", "query": "q"}', "q"),
        ('{"input_transcript": "a", "prompt": "b"}', "a"),
        ('{"other": "x"}', '{"other": "x"}'),
        ('{"prompt": 5}', '{"prompt": 5}'),
        ("not json", "not json"),
        ("[1]", "[1]"),
        ("", ""),
    ],
)
def test_the_wish_is_found_in_the_arguments(arguments: str, request_: str) -> None:
    assert request_text(arguments) == request_


def test_a_call_that_was_cut_off_is_answered_and_not_handed_over() -> None:
    driver = Driver()
    driver.receive(
        "conversation.item.done",
        item={
            "type": "function_call",
            "id": "item_1",
            "call_id": "call_1",
            "name": "background_agent",
            "status": "incomplete",
            "arguments": '{"prompt": "delete all',
        },
    )
    assert driver.of(act.StartOrJoinTurn) == []
    assert driver.outputs() == [("call_1", "cancelled")]
    assert driver.creates() == 0


def test_the_hand_off_comes_last_of_what_a_call_causes() -> None:
    driver = Driver()
    driver.call()
    assert isinstance(driver.log[-1], act.StartOrJoinTurn)
    assert driver.notes("state")[-1]["handoffsOpen"] == 1


def _answered() -> Driver:
    """The agent is done, and the voice was asked to speak of it."""
    driver = running()
    driver.apply(act.AgentSaid(TURN, "three files", final=True))
    driver.apply(act.TurnEnded(TURN, "completed", "three files"))
    assert driver.creates() == 1
    return driver


FAILED = {"status": "failed", "status_details": {"error": {"code": "server_error", "message": "sorry"}}}


@pytest.mark.parametrize("end", [{"status": "completed", "output": []}, FAILED])
def test_a_result_that_the_voice_says_nothing_of_is_asked_for_once_more(end: dict[str, Any]) -> None:
    driver = _answered()
    for number in (2, 2):
        driver.receive("response.created", response={"id": "r"})
        driver.receive("response.done", response={"id": "r", **end})
        assert driver.creates() == number


@pytest.mark.parametrize("end", ["completed", "cancelled"])
def test_a_result_that_was_spoken_of_is_not_asked_for_again(end: str) -> None:
    driver = _answered()
    driver.receive("response.created", response={"id": "r1"})
    item = {"id": "a1", "type": "message", "role": "assistant"}
    driver.receive("conversation.item.added", item=item)
    driver.receive("conversation.item.done", item={**item, "status": "completed"})
    driver.receive("response.done", response={"id": "r1", "status": end, "output": [item]})
    driver.apply(act.AppendText("thanks", respond=True))
    driver.receive("response.created", response={"id": "r2"})
    driver.receive("response.done", response={"id": "r2", "status": "completed", "output": []})
    assert driver.creates() == 2


def test_the_answer_of_voice_detection_that_came_before_and_was_cut_off_is_no_answer_to_a_result() -> None:
    driver = _answered()
    driver.receive("response.created", response={"id": "vad"})
    driver.receive("error", error={"code": "conversation_already_has_active_response", "message": "busy"})
    driver.receive("response.done", response={"id": "vad", "status": "cancelled", "output": []})
    assert driver.creates() == 2
    driver.receive("response.created", response={"id": "r2"})
    driver.receive("response.done", response={"id": "r2", "status": "completed", "output": []})
    assert driver.creates() == 3


def test_what_was_under_way_when_the_result_came_is_no_answer_to_it() -> None:
    driver = running()
    driver.receive("response.created", response={"id": "r1"})
    driver.apply(act.AgentSaid(TURN, "three files", final=True))
    driver.apply(act.TurnEnded(TURN, "completed", "three files"))
    driver.receive("response.done", response={"id": "r1", "status": "completed", "output": [{"id": "a1"}]})
    driver.receive("response.created", response={"id": "r2"})
    driver.receive("response.done", response={"id": "r2", "status": "completed", "output": []})
    assert driver.creates() == 2


def test_a_result_whose_response_never_begins_is_asked_for_once_more_and_then_missed_aloud() -> None:
    driver = _answered()
    driver.tick(60)
    assert (driver.creates(), driver.notes("error")) == (2, [])
    driver.tick(60)
    assert driver.creates() == 2
    assert [note["code"] for note in driver.notes("error")] == ["response_timeout"]


def test_an_upstream_that_speaks_by_itself_is_asked_for_nothing() -> None:
    driver = Driver(version="v1")
    driver.call()
    driver.apply(act.TurnStarted(CallId("call_1"), TurnId("turn")))
    driver.apply(act.AgentSaid(TurnId("turn"), "done", final=True))
    driver.apply(act.TurnEnded(TurnId("turn"), "completed", "done"))
    driver.tick(after=120.0)
    assert driver.creates() == 0
    assert driver.notes("error") == []
