"""The conversation outlives its connections."""

from __future__ import annotations

import pytest

from realtime.core import actions as act
from realtime.core.call import State
from realtime.core.config import ReconnectPolicy
from realtime.core.conversation import IGNORED, Conversation
from realtime.protocol import realtime as ev
from realtime.protocol.ids import CallId, TurnId
from tests.core.driver import CONFIG, NO_RECONNECT, Driver


def test_a_call_begins_with_its_session_and_says_so() -> None:
    driver = Driver(opened=False)
    driver.apply(act.UpstreamOpened(1))
    assert driver.sent == [{"type": "session.update", "session": {"type": "realtime"}}]
    assert driver.notes("started") == [
        {"threadId": "thread", "sessionId": "session", "realtimeSessionId": "session", "version": "v2"}
    ]


def test_a_start_that_fails_is_one_error_and_no_closed() -> None:
    driver = Driver(opened=False, reconnect=NO_RECONNECT)
    driver.apply(act.UpstreamLost(1, act.Loss("unexpected status 401", code="upstream_refused", retryable=False)))
    assert [note["code"] for note in driver.notes("error")] == ["upstream_refused"]
    assert driver.notes("closed") == []
    assert driver.of(act.Close) == [act.Close("error")]


def test_a_start_is_tried_again_as_often_as_set() -> None:
    driver = Driver(opened=False, reconnect=ReconnectPolicy(first_retries=2))
    for generation in (1, 2):
        driver.apply(act.UpstreamLost(generation, act.Loss("503", retryable=True)))
    assert [(action.generation, action.delay) for action in driver.opens] == [(2, 0.2), (3, 0.4)]
    driver.apply(act.UpstreamLost(3, act.Loss("503", retryable=True)))
    assert driver.conversation.state is State.CLOSED


@pytest.mark.parametrize(("clean", "reason", "errors"), [(True, "transport_closed", 0), (False, "error", 1)])
def test_without_reconnecting_a_loss_ends_the_call(clean: bool, reason: str, errors: int) -> None:
    driver = Driver(reconnect=NO_RECONNECT)
    driver.lose(clean=clean)
    assert [note["reason"] for note in driver.notes("closed")] == [reason]
    assert len(driver.notes("error")) == errors


def test_a_lost_upstream_is_replaced_and_told_the_history() -> None:
    driver = Driver()
    driver.speak("u1")
    driver.begin_answer()
    driver.receive("response.output_text.done", item_id="a1", text="answer")
    driver.receive(
        "conversation.item.done", item={"id": "a1", "type": "message", "role": "assistant", "status": "completed"}
    )
    driver.receive("response.done", response={"id": "r1", "status": "completed"})
    driver.receive("conversation.item.input_audio_transcription.completed", item_id="u1", transcript="question")
    driver.apply(act.AppendText("typed"))
    driver.lose()
    assert driver.notes("reconnecting") == [{"threadId": "thread", "attempt": 1}]
    driver.log = [driver.opens[-1]]
    driver.reopen()
    items = [event["item"] for event in driver.sent if event["type"] == "conversation.item.create"]
    assert [(item["role"], item["content"][0]["text"]) for item in items] == [
        ("user", "question"),
        ("assistant", "answer"),
        ("user", "[USER] typed"),
    ]
    assert len(driver.notes("resumed")) == 1
    assert driver.creates() == 0


def test_an_answer_that_was_cut_short_is_asked_for_anew() -> None:
    driver = Driver()
    driver.ask("hi")
    driver.begin_answer()
    driver.receive("response.output_text.delta", item_id="a1", delta="hal")
    driver.lose()
    assert driver.records()[-1][1]["status"] == "interrupted"
    driver.reopen()
    assert driver.creates() == 2


def test_a_wish_between_output_and_create_survives() -> None:
    driver = Driver()
    driver.receive("response.created", response={"id": "r1"})
    driver.call()
    driver.apply(act.TurnStarted(CallId("call_1"), TurnId("t")))
    driver.apply(act.TurnEnded(TurnId("t"), "completed"))
    assert driver.creates() == 0
    driver.lose()
    driver.reopen()
    assert driver.creates() == 1


def test_an_open_hand_off_is_answered_in_the_new_session() -> None:
    driver = Driver()
    driver.call()
    driver.apply(act.TurnStarted(CallId("call_1"), TurnId("t")))
    driver.lose()
    driver.apply(act.AgentSaid(TurnId("t"), "result", final=True))
    driver.apply(act.TurnEnded(TurnId("t"), "completed", "result"))
    driver.log = [driver.opens[-1]]
    driver.reopen()
    items = [event["item"] for event in driver.sent if event["type"] == "conversation.item.create"]
    assert [item["type"] for item in items] == ["function_call", "message", "function_call_output"]
    assert driver.creates() == 1


def test_a_replayed_call_is_not_taken_for_a_new_one_and_not_shown() -> None:
    driver = Driver()
    driver.call()
    driver.lose()
    driver.reopen()
    driver.log.clear()
    driver.receive(
        "conversation.item.added", item={"id": "item_call_1", "type": "function_call", "name": "background_agent"}
    )
    driver.call()
    assert driver.log == []


def test_events_of_a_dead_connection_are_dropped() -> None:
    driver = Driver()
    driver.lose()
    driver.reopen()
    event = ev.decode_value({"type": "input_audio_buffer.speech_started", "item_id": "u"})
    assert driver.conversation.receive(event, 1, now=driver.now) == []


def test_a_loss_is_given_up_after_a_while() -> None:
    driver = Driver(reconnect=ReconnectPolicy(give_up_s=60))
    driver.lose(clean=True)
    for _ in range(40):
        driver.now += 5
        driver.apply(act.UpstreamLost(driver.opens[-1].generation, act.Loss("still down", clean=True)))
        if driver.conversation.state is State.CLOSED:
            break
    assert [note["reason"] for note in driver.notes("closed")] == ["transport_closed"]
    assert max(action.delay for action in driver.opens) == 10.0


def test_a_second_upstream_is_prepared_before_the_limit_and_taken_in_a_quiet_moment() -> None:
    driver = Driver(session_limit_s=3600.0, response_s=1e9)
    driver.receive("response.created", response={"id": "r1"})
    driver.tick(3600 * 0.86)
    assert [action.generation for action in driver.opens] == [2]
    driver.apply(act.UpstreamOpened(2))
    assert driver.conversation.generation == 1
    driver.receive("response.done", response={"id": "r1", "status": "completed"})
    assert driver.conversation.generation == 2
    assert driver.notes("reconnecting") == []


def test_the_switch_is_forced_just_before_the_limit() -> None:
    driver = Driver(session_limit_s=3600.0, response_s=1e9)
    driver.apply(act.AppendText("go on"))
    driver.receive("response.created", response={"id": "r1"})
    driver.tick(3600 * 0.86)
    driver.apply(act.UpstreamOpened(2))
    driver.tick(3600 * 0.1)
    assert driver.conversation.generation == 2
    assert driver.creates() == 1  # the answer that was cut short


def test_an_early_expiry_is_a_drop() -> None:
    driver = Driver()
    driver.receive("error", error={"code": "session_expired", "message": "60 minutes"})
    assert driver.conversation.state is State.REOPENING
    assert driver.notes("error") == []


def test_an_expiry_without_reconnecting_says_so() -> None:
    driver = Driver(reconnect=NO_RECONNECT)
    driver.receive("error", error={"code": "session_expired", "message": "60 minutes"})
    assert driver.notes("closed")[0]["reason"] == "session_expired"


def test_a_fatal_error_ends_the_call_and_an_unknown_one_does_not() -> None:
    driver = Driver()
    driver.receive("error", error={"code": "brand_new", "message": "hm"})
    assert driver.conversation.state is State.OPEN
    assert driver.notes("error")[0]["code"] == "brand_new"
    driver.receive("error", error={"code": "insufficient_quota", "message": "pay"})
    assert driver.notes("closed")[0]["reason"] == "error"


def test_nothing_follows_close() -> None:
    driver = Driver()
    driver.apply(act.Stop())
    assert driver.of(act.Close) == [act.Close("requested")]
    driver.log.clear()
    driver.ask("x")
    driver.receive("response.created", response={"id": "r"})
    driver.tick(1e6)
    assert driver.log == []


def test_what_is_open_at_the_end_is_ended() -> None:
    driver = Driver()
    driver.receive("input_audio_buffer.speech_started", item_id="u1")
    driver.begin_answer()
    driver.apply(act.Stop())
    last = {item["id"]: item["status"] for _, item in driver.records()}
    assert last["u1"] == last["a1"] == "interrupted"


def test_every_event_has_a_row_or_is_ignored_by_rule() -> None:
    declared = set(ev.ServerEvent.__subclasses__())
    handled = Conversation(CONFIG).handled_events
    assert handled | IGNORED == declared
    assert not handled & IGNORED


def test_a_deadline_that_has_passed_is_not_named_again() -> None:
    driver = Driver(session_limit_s=100.0)
    driver.tick(86)
    driver.tick(10)
    assert driver.conversation.deadline is None
    driver.apply(act.UpstreamOpened(2))
    assert driver.conversation.generation == 2


def test_no_switch_while_words_are_still_to_come() -> None:
    driver = Driver(session_limit_s=100.0)
    driver.tick(76)
    driver.receive("input_audio_buffer.committed", item_id="u1")
    driver.tick(10)
    driver.apply(act.UpstreamOpened(2))
    assert driver.conversation.generation == 1
    driver.receive("conversation.item.input_audio_transcription.completed", item_id="u1", transcript="hello")
    assert driver.conversation.generation == 2


def test_a_call_that_waits_is_told_again_however_long_the_talk_has_grown() -> None:
    driver = Driver(history_items=3)
    driver.call()
    driver.apply(act.TurnStarted(CallId("call_1"), TurnId("t")))
    for number in range(5):
        driver.apply(act.AppendText(f"text {number}"))
    driver.lose()
    driver.log = [driver.opens[-1]]
    driver.reopen()
    items = [event["item"]["type"] for event in driver.sent if event["type"] == "conversation.item.create"]
    assert items == ["function_call", "message", "message", "message"]


def test_a_loss_soon_after_a_start_that_was_tried_twice_is_sought_like_any_other() -> None:
    driver = Driver(opened=False)
    driver.apply(act.UpstreamLost(1, act.Loss("503", retryable=True)))
    driver.reopen()
    driver.tick(after=1.0)
    driver.lose()
    assert driver.conversation.state is State.REOPENING
    assert driver.notes("reconnecting") == [{"threadId": "thread", "attempt": 1}]


def test_the_age_of_a_second_upstream_counts_from_its_opening() -> None:
    driver = Driver(session_limit_s=100.0, response_s=1e9)
    driver.receive("response.created", response={"id": "r1"})
    driver.tick(85)
    driver.apply(act.UpstreamOpened(2))
    opened_at = driver.now
    assert driver.conversation.generation == 1
    driver.tick(10)
    assert driver.conversation.generation == 2, "the last moment"
    driver.receive("response.created", response={"id": "r2"})
    driver.receive("response.done", response={"id": "r2"})
    assert driver.conversation.deadline == opened_at + 85.0


def test_a_long_text_does_not_keep_the_rest_from_being_told() -> None:
    driver = Driver(history_chars=100)
    driver.apply(act.AppendText("my name is Ada"))
    driver.apply(act.AppendText("x" * 500))
    driver.lose()
    driver.log = [driver.opens[-1]]
    driver.reopen()
    items = [event["item"] for event in driver.sent if event["type"] == "conversation.item.create"]
    assert [item["content"][0]["text"] for item in items] == ["[USER] my name is Ada", "[USER] " + "x" * 43]


def test_a_text_of_which_nothing_may_be_told_is_not_told() -> None:
    driver = Driver(history_chars=1)
    driver.apply(act.AppendText("my name is Ada"))
    driver.lose()
    driver.log = [driver.opens[-1]]
    driver.reopen()
    assert driver.sent_types == ["session.update"]


@pytest.mark.parametrize(("end", "answer"), [(act.CommitAudio(), "committed"), (act.ClearAudio(), "cleared")])
def test_no_switch_while_the_person_holds_the_key(end: act.Command, answer: str) -> None:
    driver = Driver(session_limit_s=100.0)
    driver.apply(act.AudioBegan())
    driver.tick(86)
    driver.apply(act.UpstreamOpened(2))
    assert driver.conversation.generation == 1, "the sound until now is in its buffer"
    driver.apply(end)
    driver.receive(f"input_audio_buffer.{answer}", item_id="u1")
    driver.receive("conversation.item.input_audio_transcription.completed", item_id="u1", transcript="hello")
    driver.receive("response.created", response={"id": "r1"})
    driver.receive("response.done", response={"id": "r1", "status": "completed"})
    assert driver.conversation.generation == 2


def test_a_turn_that_is_being_committed_is_not_left_behind() -> None:
    driver = Driver(session_limit_s=100.0)
    driver.apply(act.AudioBegan())
    driver.tick(86)
    driver.apply(act.CommitAudio())
    driver.apply(act.UpstreamOpened(2))
    assert driver.conversation.generation == 1


def test_a_microphone_that_is_always_open_does_not_put_off_the_switch_to_the_last_moment() -> None:
    driver = Driver(session_limit_s=100.0)
    driver.apply(act.AudioBegan())
    driver.tick(86)
    driver.apply(act.UpstreamOpened(2))
    driver.tick(5)
    assert driver.conversation.generation == 2


def test_an_upstream_that_asks_to_be_left_alone_is() -> None:
    driver = Driver()
    driver.lose()
    busy = act.Loss("busy", code="upstream_refused", retry_after_s=7.0)
    driver.apply(act.UpstreamLost(driver.opens[-1].generation, busy))
    assert driver.opens[-1].delay / 2 >= 7.0  # jitter takes up to half of it away
    driver.apply(act.UpstreamLost(driver.opens[-1].generation, act.Loss("busy", retry_after_s=3600.0)))
    assert driver.opens[-1].delay / 2 <= driver.conversation._call.config.reconnect.give_up_s


@pytest.mark.parametrize(("wait_s", "tried_again"), [(3.0, True), (3600.0, False)])
def test_nobody_waits_long_for_a_call_to_begin(wait_s: float, tried_again: bool) -> None:
    driver = Driver(opened=False)
    driver.apply(act.UpstreamLost(1, act.Loss("busy", code="upstream_refused", retry_after_s=wait_s)))
    assert [opened.delay / 2 for opened in driver.opens if opened.generation == 2] == [wait_s] * tried_again
    assert len(driver.notes("error")) == (not tried_again)
