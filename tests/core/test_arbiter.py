"""One response at a time, and no wish is lost."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.core import actions as act
from realtime.core.responses import ResponseQueue
from realtime.protocol.ids import ResponseId
from realtime.protocol.json import JsonObject
from tests.core.driver import Driver


def test_a_response_is_asked_for_at_once_when_none_is_active() -> None:
    driver = Driver()
    driver.ask("hi")
    assert driver.sent_types == ["conversation.item.create", "response.create"]


@pytest.mark.parametrize("role", ["user", "developer", "assistant"])
@pytest.mark.parametrize(("modality", "asks"), [("text", 1), ("audio", 0)])
def test_without_a_word_of_it_text_is_answered_where_answers_are_text(role: Any, modality: Any, asks: int) -> None:
    driver = Driver(modality=modality)
    driver.apply(act.AppendText("hi", role))
    assert driver.creates() == asks


def test_our_own_request_counts_as_active_and_several_wishes_become_one() -> None:
    driver = Driver()
    for text in ("one", "two", "three"):
        driver.ask(text)
    assert driver.creates() == 1
    driver.receive("response.created", response={"id": "r1"})
    driver.receive("response.done", response={"id": "r1", "status": "completed"})
    assert driver.creates() == 2
    driver.receive("response.created", response={"id": "r2"})
    driver.receive("response.done", response={"id": "r2", "status": "completed"})
    assert driver.creates() == 2


def test_the_end_of_another_response_frees_nothing() -> None:
    driver = Driver()
    driver.receive("response.created", response={"id": "r1"})
    driver.ask("hi")
    driver.receive("response.done", response={"id": "other", "status": "completed"})
    assert driver.creates() == 0
    driver.receive("response.cancelled", response={"id": "r1"})
    assert driver.creates() == 1


def test_a_refusal_for_an_active_response_is_no_error_and_is_retried() -> None:
    driver = Driver()
    driver.ask("hi")
    driver.receive("response.created", response={"id": "vad", "metadata": {}})
    driver.receive("error", error={"code": "conversation_already_has_active_response", "message": "busy"})
    assert driver.notes("error") == []
    driver.receive("response.done", response={"id": "vad", "status": "completed", "metadata": {}})
    assert driver.creates() == 2


def test_a_refusal_before_the_active_response_was_seen_is_retried_after_whichever_ends() -> None:
    driver = Driver()
    driver.ask("hi")
    driver.receive("error", error={"code": "conversation_already_has_active_response", "message": "busy"})
    assert driver.creates() == 1
    driver.receive("response.done", response={"id": "unseen", "status": "completed"})
    assert driver.creates() == 2


def test_a_response_that_never_ends_is_given_up() -> None:
    driver = Driver(response_s=60.0)
    driver.receive("response.created", response={"id": "r1"})
    driver.ask("hi")
    assert driver.conversation.deadline == driver.now + 60.0
    driver.tick(59.9)
    assert driver.creates() == 0
    driver.tick(0.2)
    assert driver.sent_types[-2:] == ["response.cancel", "response.create"]


def test_a_wish_given_up_on_a_dead_connection_is_asked_for_on_the_next() -> None:
    driver = Driver(response_s=5.0)
    driver.ask("hi")
    driver.tick(5.0)
    assert driver.sent_types[-1] == "response.cancel"
    driver.now += 15.0  # the ping finds out
    driver.lose()
    driver.reopen()
    assert driver.creates() == 2


def test_an_answer_that_fell_silent_with_its_connection_is_asked_for_on_the_next() -> None:
    driver = Driver(response_s=5.0)
    driver.ask("hi")
    driver.begin_answer()
    driver.tick(5.0)
    driver.lose()
    driver.reopen()
    assert driver.creates() == 2


def test_a_wish_given_up_while_the_upstream_lives_is_not_asked_for_again() -> None:
    driver = Driver(response_s=5.0)
    driver.ask("hi")
    driver.tick(5.0)
    driver.receive("error", error={"code": "response_cancel_not_active", "message": "nothing to cancel"})
    driver.lose()
    driver.reopen()
    assert driver.creates() == 1


@pytest.mark.parametrize(("said", "codes"), [(False, ["response_timeout"]), (True, [])])
def test_the_client_is_told_of_an_answer_that_does_not_come(said: bool, codes: list[str]) -> None:
    driver = Driver(response_s=5.0)
    driver.receive("response.created", response={"id": "r1"})
    item = {"id": "a1", "type": "message", "role": "assistant"}
    driver.receive("conversation.item.added", item=item)
    if said:  # only the end of the response is missing
        driver.receive("conversation.item.done", item={**item, "status": "completed"})
    driver.tick(5.0)
    assert [note["code"] for note in driver.notes("error")] == codes


def test_a_response_that_speaks_is_not_given_up() -> None:
    driver = Driver(response_s=60.0)
    driver.receive("response.created", response={"id": "r1"})
    driver.now += 50
    driver.receive("response.output_text.delta", delta="still", item_id="i1", response_id="r1")
    driver.tick(20)
    assert "response.cancel" not in driver.sent_types


def test_a_request_that_is_refused_for_another_reason_does_not_block() -> None:
    driver = Driver()
    driver.ask("hi")
    event_id = driver.sent[-1]["event_id"]
    driver.receive("error", error={"code": "invalid_value", "message": "no", "event_id": event_id})
    driver.ask("again")
    assert driver.creates() == 2
    assert [note["code"] for note in driver.notes("error")] == ["invalid_value"]


def test_an_out_of_band_response_moves_nothing() -> None:
    driver = Driver()
    driver.receive("response.created", response={"id": "side", "conversation_id": None})
    driver.ask("hi")
    assert driver.creates() == 1


def test_a_wish_from_before_the_connection_is_granted_when_it_opens() -> None:
    driver = Driver(opened=False)
    driver.ask("early")
    assert driver.sent == []
    driver.apply(act.UpstreamOpened(1))
    assert driver.sent_types == ["session.update", "conversation.item.create", "response.create"]


def test_the_lost_beginning_of_our_own_response_is_seen_at_its_end() -> None:
    queue = ResponseQueue(limit_s=60)
    assert queue.request(now=0)
    assert not queue.request(now=1)
    assert queue.finished(ResponseId("r1"), ours=True, now=2)


@pytest.mark.parametrize("metadata", [{}, {"metadata": {"voxgate": "1"}}])
def test_a_response_that_is_said_to_begin_after_its_end_is_not_waited_for(metadata: JsonObject) -> None:
    driver = Driver()
    driver.receive("response.done", response={"id": "r1", "status": "failed", **metadata})
    driver.receive("response.created", response={"id": "r2"})
    driver.receive("response.created", response={"id": "r1", **metadata})
    driver.ask("hi")
    assert driver.creates() == 0
    driver.receive("response.done", response={"id": "r2", "status": "completed"})
    assert driver.creates() == 1


def test_a_request_is_over_when_its_response_is_said_to_begin_after_its_end() -> None:
    driver = Driver()
    driver.ask("hi")
    driver.ask("and this")
    driver.receive("response.done", response={"id": "r1", "status": "completed"})
    driver.receive("response.created", response={"id": "r1"})
    assert driver.creates() == 2


def test_a_request_behind_such_a_response_is_not_over_with_it() -> None:
    queue = ResponseQueue(limit_s=60.0)
    queue.request(now=0.0)
    queue.refused(now=0.0)
    assert queue.finished(ResponseId("r1"), ours=None, now=0.0), "the one that was active, whichever it was"
    assert not queue.created(ResponseId("r1"), ours=None, now=0.0)
    assert queue.busy


def test_the_ends_of_one_upstream_are_not_those_of_the_next() -> None:
    driver = Driver()
    driver.receive("response.created", response={"id": "r1"})
    driver.receive("response.cancelled", response={"id": "r1"})
    driver.receive("response.done", response={"id": "r1", "status": "cancelled"})
    driver.lose()
    driver.reopen()
    driver.receive("response.created", response={"id": "r1"})
    driver.ask("hi")
    assert driver.creates() == 0


def test_a_response_of_voice_detection_does_not_pass_for_ours_once_the_upstream_echoes() -> None:
    queue = ResponseQueue(limit_s=60)
    queue.request(now=0)
    queue.created(ResponseId("r1"), ours=True, now=0)
    queue.finished(ResponseId("r1"), ours=True, now=1)
    queue.request(now=2)
    queue.created(ResponseId("vad"), ours=None, now=2)
    queue.request(now=3)
    assert not queue.finished(ResponseId("vad"), ours=None, now=4)  # ours is still on its way
    queue.created(ResponseId("r2"), ours=True, now=5)
    assert queue.finished(ResponseId("r2"), ours=True, now=6)


def test_the_queue_is_idle_once_the_upstream_is() -> None:
    queue = ResponseQueue(limit_s=60)
    queue.request(now=0)
    queue.created(ResponseId("r1"), ours=True, now=0)
    queue.finished(ResponseId("r1"), ours=True, now=1)
    assert (queue.busy, queue.wanted, queue.deadline) == (False, False, None)


def test_a_guess_that_a_response_was_ours_is_taken_back_by_the_refusal() -> None:
    driver = Driver()
    driver.ask("hi")
    driver.receive("response.created", response={"id": "vad"})
    driver.receive("error", error={"code": "conversation_already_has_active_response", "message": "busy"})
    driver.receive("response.done", response={"id": "vad", "status": "completed"})
    assert driver.creates() == 2


def test_the_late_end_of_a_response_that_was_given_up_is_not_the_end_of_the_next() -> None:
    driver = Driver(response_s=20.0)
    driver.ask("one")
    first = driver.sent[-1]["response"]
    driver.ask("two")
    driver.tick(21)
    assert driver.creates() == 2
    driver.ask("three")
    driver.receive("response.done", response={"id": "r1", "status": "cancelled", **first})
    assert driver.creates() == 2


def test_a_wish_behind_a_request_that_is_denied_is_asked_for() -> None:
    driver = Driver()
    driver.ask("hi")
    event_id = driver.sent[-1]["event_id"]
    driver.ask("again")
    driver.receive("error", error={"code": "invalid_value", "message": "no", "event_id": event_id})
    assert driver.creates() == 2


def test_the_words_of_out_of_band_responses_are_nobodys() -> None:
    driver = Driver()
    for response_id in ("r9", "r10"):
        driver.receive("response.created", response={"id": response_id, "conversation_id": None})
    for response_id in ("r9", "r10"):
        words = {"item_id": f"of_{response_id}", "response_id": response_id}
        driver.receive("response.output_text.delta", delta="billing", **words)
        driver.receive("response.output_audio.delta", delta="AAAA", **words)
        driver.receive("response.output_text.done", text="billing", **words)
        driver.receive("response.done", response={"id": response_id, "conversation_id": None})
    assert driver.records() == []
    assert driver.notes("transcript/delta") == driver.notes("transcript/done") == driver.of(act.Play) == []


def test_an_upstream_that_is_seen_to_echo_at_an_end_is_known_to_echo() -> None:
    driver = Driver()
    driver.apply(act.AppendText("one", respond=True))
    done = {"id": "r1", "status": "completed", "metadata": driver.sent[-1]["response"]["metadata"]}
    driver.receive("response.done", response=done)  # its beginning was lost
    driver.apply(act.AppendText("two", respond=True))
    driver.receive("response.created", response={"id": "r2"})  # voice detection's: ours is still on its way
    driver.apply(act.AppendText("three", respond=True))
    driver.receive("response.done", response={"id": "r2", "status": "completed"})
    assert driver.creates() == 2


@pytest.mark.parametrize("end", ["input_audio_buffer.speech_stopped", "input_audio_buffer.committed"])
def test_the_voice_is_not_asked_to_speak_while_the_person_does(end: str) -> None:
    driver = Driver()
    driver.receive("input_audio_buffer.speech_started", item_id="u1")
    driver.ask("by the way")
    assert driver.creates() == 0
    driver.receive(end, item_id="u1")
    assert driver.creates() == 1


def test_a_wish_behind_an_answer_that_speech_cuts_off_waits_for_the_end_of_that_speech() -> None:
    driver = Driver()
    driver.begin_answer()
    driver.ask("more")
    driver.receive("input_audio_buffer.speech_started", item_id="u1")
    driver.receive("response.done", response={"id": "r1", "status": "cancelled"})
    assert driver.creates() == 0
    driver.receive("input_audio_buffer.speech_stopped", item_id="u1")
    assert driver.creates() == 1


def test_a_wish_does_not_wait_for_ever_for_speech_whose_end_was_lost() -> None:
    driver = Driver(response_s=30.0)
    driver.receive("input_audio_buffer.speech_started", item_id="u1")
    driver.ask("hello?")
    driver.tick(after=30.0)
    assert driver.creates() == 1


def test_a_turn_that_a_client_ends_is_answered_once_there_is_one() -> None:
    driver = Driver()
    driver.apply(act.AudioBegan())
    driver.apply(act.CommitAudio())
    assert driver.sent_types == ["input_audio_buffer.commit"]
    driver.receive("input_audio_buffer.committed", item_id="u1")
    assert driver.creates() == 1


def test_a_turn_without_sound_is_not_answered() -> None:
    driver = Driver()
    driver.apply(act.CommitAudio())
    driver.receive("error", error={"code": "input_audio_buffer_commit_empty", "message": "buffer too small"})
    assert [note["code"] for note in driver.notes("error")] == ["input_audio_buffer_commit_empty"]
    driver.receive("input_audio_buffer.committed", item_id="u1")  # of voice detection's
    assert driver.creates() == 0


@pytest.mark.parametrize("committed", [False, True])
def test_a_turn_that_is_lost_with_its_connection_is_not_answered_and_told_as_lost(committed: bool) -> None:
    driver = Driver()
    driver.apply(act.AudioBegan())
    driver.apply(act.CommitAudio())
    if committed:
        driver.receive("input_audio_buffer.committed", item_id="u1")
    driver.lose()
    driver.reopen()
    assert driver.creates() == int(committed), "asked for at most on the connection that had the words"
    told = driver.notes("error") if not committed else [item for _, item in driver.records() if item["id"] == "u1"]
    assert told[-1].get("code", told[-1].get("status")) in ("upstream_lost", "failed")


def test_a_tool_that_the_upstream_calls_may_take_its_time() -> None:
    driver = Driver(response_s=60.0)
    driver.ask("hi")
    driver.receive("response.created", response={"id": "r1"})
    driver.receive("conversation.item.added", item={"id": "m1", "type": "mcp_call", "status": "in_progress"})
    driver.tick(after=300.0)
    assert "response.cancel" not in driver.sent_types
    driver.receive("conversation.item.done", item={"id": "m1", "type": "mcp_call", "status": "completed"})
    driver.tick(after=60.0)
    assert "response.cancel" in driver.sent_types


def test_a_wish_of_another_kind_outlives_words_that_are_lost_with_their_connection() -> None:
    driver = Driver()
    driver.ask("good morning")
    driver.receive("response.created", response={"id": "r1"})
    driver.apply(act.AppendText("be brief", "developer", respond=True))
    driver.apply(act.CommitAudio())
    driver.receive("input_audio_buffer.committed", item_id="u1")
    driver.lose()
    driver.reopen()
    assert driver.creates() == 2


def test_whoever_hangs_up_behind_a_commit_is_told_of_no_loss() -> None:
    driver = Driver()
    driver.apply(act.CommitAudio())
    driver.apply(act.Stop())
    assert driver.notes("error") == []
