"""A WebRTC call that the upstream answers: dialled, joined, joined again, lost, ended by its limit."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.core import actions as act
from realtime.core.config import ReconnectPolicy
from tests.core.driver import NO_RECONNECT, Driver
from tests.core.face_world import FACE, TOOLS

GONE = act.Loss("no such call", code="upstream_refused", retryable=True, gone=True)
BUSY = act.Loss("status 503", code="upstream_refused", retryable=True)
FORBIDDEN = act.Loss("status 403", code="upstream_refused", retryable=False)


def made(*, joined: bool = True, **changes: Any) -> Driver:
    """A call that was answered, and joined unless said otherwise."""
    driver = Driver(opened=False, **{"call": "made", **changes})
    driver.apply(act.CallAnswered("v=0 answer"))
    if joined:
        driver.apply(act.UpstreamOpened(1))
        driver.receive("session.updated", session={})
    return driver


def methods(driver: Driver) -> list[str]:
    """What clients were told, state and items left out."""
    names = [action.notification.method.rpartition("/")[2] for action in driver.of(act.Notify)]
    return [name for name in names if name not in ("state", "itemAdded")]


def test_the_client_has_its_answer_before_the_sideband_is_there() -> None:
    driver = Driver(opened=False, call="made")
    assert driver.opens == []
    driver.apply(act.CallAnswered("v=0 answer"))
    assert methods(driver) == ["started", "sdp"]
    assert driver.notes("sdp")[0]["sdp"] == "v=0 answer"
    assert driver.sent == []
    driver.apply(act.UpstreamOpened(driver.opens[-1].generation))
    assert driver.sent_types == ["session.update"]


def test_dialling_is_tried_again_a_few_times_and_never_after_a_refusal() -> None:
    driver = Driver(opened=False, call="made", reconnect=ReconnectPolicy(first_retries=2))
    driver.apply(act.CallRefused(BUSY))
    driver.apply(act.CallRefused(BUSY))
    assert [dial.delay for dial in driver.of(act.Dial)] == [0.2, 0.4]
    driver.apply(act.CallRefused(BUSY))
    assert methods(driver) == ["error"]
    for loss in (FORBIDDEN, GONE):
        driver = Driver(opened=False, call="made")
        driver.apply(act.CallRefused(loss))
        assert driver.of(act.Dial) == []
        assert methods(driver) == ["error"]
        assert driver.of(act.Close) == [act.Close("error")]


def test_a_new_call_that_is_not_known_yet_is_sought_for_a_while() -> None:
    driver = made(joined=False, join_s=5.0)
    for _ in range(3):
        driver.now += 1.0
        driver.apply(act.UpstreamLost(driver.opens[-1].generation, GONE))
    assert len(driver.opens) == 4
    driver.now += 5.0
    driver.apply(act.UpstreamLost(driver.opens[-1].generation, GONE))
    assert methods(driver) == ["started", "sdp", "error", "closed"]


def test_a_sideband_that_is_forbidden_is_not_sought() -> None:
    driver = made(joined=False)
    driver.apply(act.UpstreamLost(1, FORBIDDEN))
    assert methods(driver) == ["started", "sdp", "error", "closed"]


def test_what_was_typed_before_the_sideband_is_told_on_it_in_order() -> None:
    driver = made(joined=False)
    driver.apply(act.AppendText("first"))
    driver.ask("second")
    assert driver.sent == []
    driver.apply(act.UpstreamOpened(1))
    texts = [event["item"]["content"][0]["text"] for event in driver.sent if "item" in event]
    assert texts == ["[USER] first", "[USER] second"]
    assert driver.sent_types[-1] == "response.create"


def test_a_new_sideband_is_told_only_what_the_upstream_has_not_shown() -> None:
    driver = made()
    driver.apply(act.AppendText("shown"))
    driver.apply(act.AppendText("lost"))
    shown, lost = (event["item"] for event in driver.sent if "item" in event)
    driver.receive("conversation.item.added", item=shown)
    driver.lose()
    driver.apply(act.AppendText("typed meanwhile"))
    driver.log.clear()
    driver.apply(act.UpstreamOpened(2))
    told = [event["item"]["id"] for event in driver.sent]
    assert told[0] == lost["id"]
    assert len(told) == 2
    assert shown["id"] not in told


def test_a_session_that_was_never_shown_is_told_again() -> None:
    driver = made(joined=False)
    driver.apply(act.UpstreamOpened(1))
    driver.lose()
    driver.log.clear()
    driver.apply(act.UpstreamOpened(2))
    assert driver.sent_types == ["session.update"]


def test_an_answer_under_way_outlives_the_sideband() -> None:
    driver = made()
    item = {"id": "item_1", "type": "message", "role": "assistant"}
    driver.receive("response.created", response={"id": "resp_1"})
    driver.receive("conversation.item.added", item=item)
    driver.lose()
    driver.apply(act.UpstreamOpened(2))
    assert driver.creates() == 0
    driver.receive("response.output_audio_transcript.done", item_id="item_1", transcript="to the end")
    driver.receive("conversation.item.done", item={**item, "status": "completed"})
    driver.receive("response.done", response={"id": "resp_1", "status": "completed"})
    done = [body for method, body in driver.records() if method == "item/completed" and body["id"] == "item_1"]
    assert [(body["text"], body["status"]) for body in done] == [("to the end", "completed")]
    driver.ask("next")
    assert driver.creates() == 1


def test_what_ended_while_the_sideband_was_away_is_asked_for() -> None:
    driver = made()
    driver.speak("item_1")
    driver.begin_answer("resp_1", "item_2")
    driver.lose()
    driver.log.clear()
    driver.apply(act.UpstreamOpened(2))
    assert [event["item_id"] for event in driver.sent] == ["item_1", "item_2"]
    assert set(driver.sent_types) == {"conversation.item.retrieve"}
    heard = {
        "id": "item_1",
        "type": "message",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": "hi"}],
    }
    driver.receive("conversation.item.retrieved", item=heard)
    content = [{"type": "output_audio", "transcript": "hello"}]
    said = {"id": "item_2", "type": "message", "role": "assistant", "status": "completed", "content": content}
    driver.receive("conversation.item.retrieved", item=said)
    driver.receive("conversation.item.retrieved", item=said)
    assert [(note["role"], note["text"]) for note in driver.notes("transcript/done")] == [
        ("user", "hi"),
        ("assistant", "hello"),
    ]
    ended = [(body["id"], body["text"]) for method, body in driver.records() if method == "item/completed"]
    assert ended == [("item_1", "hi"), ("item_2", "hello")]


def test_what_is_still_under_way_stays_so() -> None:
    driver = made()
    driver.begin_answer("resp_1", "item_2")
    driver.lose()
    driver.apply(act.UpstreamOpened(2))
    driver.log.clear()
    now = {"id": "item_2", "type": "message", "role": "assistant", "status": "in_progress"}
    driver.receive("conversation.item.retrieved", item=now)
    driver.receive("error", error={"code": "item_retrieve_invalid_item_id", "message": "does not exist"})
    assert driver.records() == []
    assert driver.notes("error") == []


def test_a_response_that_may_have_ended_unseen_keeps_no_wish_waiting() -> None:
    driver = made()
    driver.receive("response.created", response={"id": "resp_1"})
    driver.lose()
    driver.apply(act.UpstreamOpened(2))
    driver.ask("hello")
    assert driver.creates() == 1  # the upstream is asked ...
    refusal = {"code": "conversation_already_has_active_response", "message": "one is active"}
    driver.receive("error", error=refusal)
    driver.ask("more")
    assert driver.creates() == 1  # ... and has said that it is active
    driver.receive("response.done", response={"id": "resp_1", "status": "completed"})
    assert driver.creates() == 2


def test_a_response_that_was_asked_for_into_a_dead_sideband_is_asked_for_again() -> None:
    driver = made()
    driver.ask("hello")
    driver.lose()
    driver.apply(act.UpstreamOpened(2))
    assert driver.creates() == 2


@pytest.mark.parametrize("clean", [True, False])
def test_a_call_that_is_over_ends_in_order_only_if_the_upstream_had_closed_it(clean: bool) -> None:
    driver = made()
    driver.lose(clean=clean)
    driver.apply(act.UpstreamLost(2, GONE))
    if clean:
        assert methods(driver) == ["started", "sdp", "reconnecting", "closed"]
        assert driver.notes("closed")[0]["reason"] == "transport_closed"
    else:
        assert methods(driver) == ["started", "sdp", "reconnecting", "reconnecting", "error", "closed"]
        assert driver.notes("reconnecting")[-1]["action"] == "offer"


def test_without_reconnecting_the_first_drop_is_the_last() -> None:
    driver = made(reconnect=NO_RECONNECT)
    driver.lose(clean=True)
    assert methods(driver) == ["started", "sdp", "closed"]
    driver = made(reconnect=NO_RECONNECT)
    driver.lose()
    assert methods(driver) == ["started", "sdp", "error", "closed"]


def test_a_sideband_is_given_up_after_a_while() -> None:
    driver = made(reconnect=ReconnectPolicy(give_up_s=60.0))
    driver.lose()
    while not driver.of(act.Close):
        driver.now += 15.0
        driver.apply(act.UpstreamLost(driver.opens[-1].generation, BUSY))
    assert len(driver.opens) in range(4, 8)
    assert driver.notes("closed")[0]["reason"] == "error"


def test_a_new_offer_is_asked_for_before_the_limit_and_the_call_ends_at_it() -> None:
    driver = made(session_limit_s=1000.0)
    driver.tick(after=849.0)
    assert driver.notes("reconnecting") == []
    driver.tick(after=2.0)
    assert [note["action"] for note in driver.notes("reconnecting")] == ["offer"]
    assert len(driver.opens) == 1
    driver.tick(after=150.0)
    assert driver.notes("closed")[0]["reason"] == "session_expired"


def test_the_upstream_says_that_the_session_has_expired() -> None:
    driver = made()
    driver.receive("error", error={"code": "session_expired", "message": "60 minutes"})
    assert methods(driver) == ["started", "sdp", "reconnecting", "error", "closed"]
    assert driver.notes("closed")[0]["reason"] == "session_expired"


def test_the_upstream_cuts_its_own_answer_and_says_where() -> None:
    driver = made()
    driver.begin_answer("resp_1", "item_1")
    driver.receive("response.output_audio.delta", delta="A" * 6400, item_id="item_1")
    driver.log.clear()
    driver.receive("input_audio_buffer.speech_started", item_id="item_2")
    assert driver.sent == []
    assert len(driver.of(act.Flush)) == 1
    driver.receive("conversation.item.truncated", item_id="item_1", audio_end_ms=40, content_index=0)
    incomplete = {"id": "item_1", "type": "message", "role": "assistant", "status": "incomplete"}
    driver.receive("conversation.item.done", item=incomplete)
    _, body = next(known for known in driver.records() if known[1]["id"] == "item_1")
    assert (body["status"], body["heardMs"]) == ("interrupted", 40)


def test_what_a_page_writes_on_its_own_data_channel_stands_in_the_thread_once() -> None:
    driver = made()
    driver.apply(act.AppendText("by the gateway"))
    (ours,) = (event["item"] for event in driver.sent if "item" in event)

    def item(item_id: str, role: str, kind: str, **part: Any) -> dict[str, Any]:
        return {"id": item_id, "type": "message", "role": role, "content": [{"type": kind, **part}]}

    pages = item("page_1", "user", "input_text", text="by the page")
    for shown in (
        ours,
        pages,
        pages,
        item("page_2", "system", "input_text", text="be brief"),
        item("spoken_1", "user", "input_audio", transcript=None),
    ):
        driver.receive("conversation.item.added", item=shown)
        driver.receive("conversation.item.done", item={**shown, "status": "completed"})
    told = [(body["text"], body["role"], body["status"]) for _, body in driver.records() if body["type"] != "session"]
    assert told == [
        ("by the gateway", "user", "completed"),
        ("by the page", "user", "completed"),
        ("be brief", "developer", "completed"),
    ]


def test_a_client_that_wants_silence_has_the_upstream_drop_what_it_plays() -> None:
    driver = made()
    driver.receive("response.created", response={"id": "resp_1"})
    driver.log.clear()
    driver.apply(act.Interrupt())
    assert driver.sent_types == ["response.cancel", "output_audio_buffer.clear"]


def test_a_call_of_the_clients_own_is_joined_as_it_is() -> None:
    driver = Driver(opened=False, call="joined")
    driver.apply(act.UpstreamOpened(1))
    assert methods(driver) == ["started"]
    assert driver.sent == []
    driver = Driver(opened=False, call="joined")
    driver.apply(act.UpstreamLost(1, FORBIDDEN))
    assert methods(driver) == ["error"]


def test_the_end_of_our_own_peer_is_the_end_of_the_call() -> None:
    driver = Driver()
    driver.apply(act.MediaLost(act.Loss("gone", code="peer_lost", clean=True)))
    assert driver.notes("closed")[0]["reason"] == "transport_closed"
    driver = Driver()
    driver.apply(act.MediaLost(act.Loss("did not connect", code="peer_lost")))
    assert [note["code"] for note in driver.notes("error")] == ["peer_lost"]
    assert driver.notes("closed")[0]["reason"] == "error"


def test_a_sideband_that_was_joined_at_the_second_attempt_is_sought_when_it_soon_drops() -> None:
    driver = made(joined=False)
    driver.apply(act.UpstreamLost(1, GONE))
    driver.reopen()
    driver.tick(after=1.0)
    driver.lose()
    assert methods(driver) == ["started", "sdp", "reconnecting"]


def test_nothing_falls_due_while_the_sideband_is_away() -> None:
    driver = made(transcription_s=20.0, response_s=30.0)
    driver.receive("input_audio_buffer.committed", item_id="u1")
    driver.receive("response.created", response={"id": "r1"})
    driver.lose()
    driver.tick(after=40.0)
    due = driver.conversation.deadline
    assert due is not None
    assert due > driver.now, "whoever waits for it would wait for ever, and let nobody else do anything"
    driver.reopen()
    driver.tick()
    assert driver.notes("transcript/failed") != []
    assert "response.cancel" not in driver.sent_types, "it may have spoken all the while"
    driver.tick(after=30.0)
    assert driver.sent_types[-1] == "response.cancel"


def test_who_has_spoken_while_the_sideband_was_away_speaks_no_longer() -> None:
    driver = made()
    driver.receive("input_audio_buffer.speech_started", item_id="item_1")
    driver.lose()
    driver.apply(act.UpstreamOpened(2))
    content = [{"type": "input_audio", "transcript": "hi"}]
    driver.receive(
        "conversation.item.retrieved", item={"id": "item_1", "type": "message", "role": "user", "content": content}
    )
    assert driver.notes("state")[-1]["speaking"] is False


def _call_of_the_agent(driver: Driver) -> None:
    """The upstream shows the item that it was asked for."""
    arguments = '{"prompt": "list the files"}'
    item = {"type": "function_call", "id": "item_8", "call_id": "call_1", "status": "completed", "arguments": arguments}
    driver.receive("conversation.item.retrieved", item={**item, "name": "background_agent"})


def test_a_function_call_that_ended_while_the_sideband_was_away_is_asked_for() -> None:
    driver = made()
    driver.receive("response.created", response={"id": "resp_1"})
    driver.receive("conversation.item.added", item={"id": "item_8", "type": "function_call"})
    driver.lose()
    driver.log.clear()
    driver.apply(act.UpstreamOpened(2))
    assert [(event["type"], event["item_id"]) for event in driver.sent] == [("conversation.item.retrieve", "item_8")]
    _call_of_the_agent(driver)
    _call_of_the_agent(driver)
    assert [begun.request for begun in driver.of(act.StartOrJoinTurn)] == ["list the files"]


def test_a_function_call_that_was_made_while_the_sideband_was_away_is_found_by_what_follows_it() -> None:
    driver = made()
    driver.receive("conversation.item.added", item={"id": "item_7", "type": "message", "role": "user"})
    driver.lose()
    driver.log.clear()
    driver.apply(act.UpstreamOpened(2))
    asked = {"id": "item_9", "type": "message", "role": "user"}
    driver.receive("conversation.item.added", previous_item_id="item_8", item=asked)
    assert [(event["type"], event["item_id"]) for event in driver.sent] == [("conversation.item.retrieve", "item_8")]
    _call_of_the_agent(driver)
    assert [begun.request for begun in driver.of(act.StartOrJoinTurn)] == ["list the files"]
    driver.receive("conversation.item.added", previous_item_id="item_8", item={**asked, "id": "item_10"})
    assert driver.sent_types == ["conversation.item.retrieve"], "it is known by now"


def test_a_response_with_words_of_its_own_that_was_asked_for_into_a_dead_sideband_keeps_them() -> None:
    driver = made(face=FACE)
    body = {"instructions": "Say it in French."}
    driver.apply(act.ClientSent({"type": "response.create", "response": body}, 1))
    driver.lose()
    driver.apply(act.UpstreamOpened(2))
    creates = [event["response"] for event in driver.sent if event["type"] == "response.create"]
    assert [create.get("instructions") for create in creates] == ["Say it in French."] * 2


def test_a_client_whose_response_never_began_is_told_and_a_new_sideband_is_asked_for_it() -> None:
    driver = made(face=FACE, response_s=30.0)
    body = {"instructions": "Say it in French."}
    driver.apply(act.ClientSent({"type": "response.create", "event_id": "mine", "response": body}, 1))
    driver.tick(30.0)
    errors = [relay.event["error"] for relay in driver.of(act.Relay) if relay.event["type"] == "error"]
    assert [(error["code"], error["event_id"]) for error in errors] == [("response_timeout", "mine")]
    driver.lose()
    driver.apply(act.UpstreamOpened(2))
    creates = [event["response"] for event in driver.sent if event["type"] == "response.create"]
    assert [create.get("instructions") for create in creates] == ["Say it in French."] * 2


def test_what_a_client_sends_while_the_sideband_is_away_is_sent_when_it_is_back() -> None:
    driver = made(face=FACE, session={"type": "realtime", "tools": list(TOOLS)})
    driver.lose()
    content = [{"type": "input_text", "text": "hi"}]
    item = {"id": "in_gap", "type": "message", "role": "user", "content": content}
    driver.apply(act.ClientSent({"type": "conversation.item.create", "item": item}, 1))
    driver.apply(act.ClientSent({"type": "response.create"}, 1))
    driver.log = [driver.opens[-1]]
    driver.reopen()
    assert driver.sent_types == ["conversation.item.create", "response.create"]


def test_a_turn_that_a_client_ended_as_the_sideband_dropped_is_answered() -> None:
    driver = made()
    driver.apply(act.CommitAudio())
    driver.lose()
    driver.reopen()
    assert driver.creates() == 1
