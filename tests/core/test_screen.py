"""What clients of the Realtime API are shown of an upstream that does not quite keep the API's rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from realtime.core import actions as act
from realtime.protocol.json import JsonObject
from tests.core.driver import Driver
from tests.core.face_world import FACE


def _answering() -> Driver:
    """The client has its session and sees an answer begin."""
    driver = Driver(face=FACE)
    driver.receive("session.updated", session={"type": "realtime"})
    driver.receive("response.created", response={"id": "r1", "status": "in_progress"})
    driver.receive("response.output_item.added", response_id="r1", output_index=0, item={"id": "a1", "type": "message"})
    return driver


def _ends(driver: Driver) -> list[JsonObject]:
    events = [action.event for action in driver.of(act.Relay)]
    return [event["response"] for event in events if event["type"] in ("response.done", "response.cancelled")]


@pytest.mark.parametrize("members", [{"response_id": "r1"}, {"response": {"id": "r1"}}])
def test_a_response_that_is_said_to_be_cancelled_ends_once_as_the_api_has_it(members: JsonObject) -> None:
    driver = _answering()
    driver.receive("response.cancelled", **members)
    driver.receive("response.done", response={"id": "r1", "status": "cancelled"})
    assert [(body["id"], body["status"]) for body in _ends(driver)] == [("r1", "cancelled")]
    driver.lose()
    assert len(_ends(driver)) == 1


@pytest.mark.parametrize("event_id", ["preamble", None])
def test_a_settled_session_that_is_refused_ends_the_call_also_where_the_error_names_no_event(
    event_id: str | None,
) -> None:
    opening: JsonObject = {"type": "realtime", "voice": "bob"}
    driver = Driver(face=replace(FACE, opening=opening))
    error = {"type": "invalid_request_error", "code": "unknown_parameter", "message": "No.", "param": "session.voice"}
    driver.receive("error", error={**error, "event_id": event_id})
    told = [action.event["error"]["param"] for action in driver.of(act.Relay)]
    assert told == ["session.voice"]
    assert [action.reason for action in driver.of(act.Close)] == ["error"]


def test_a_session_that_nobody_settled_begins_also_when_an_error_that_names_no_event_refuses_it() -> None:
    driver = Driver(face=FACE)
    error = {"type": "invalid_request_error", "code": "unknown_parameter", "message": "No.", "param": "session.tools"}
    driver.receive("error", error=error)
    assert [action.event["type"] for action in driver.of(act.Relay)] == ["session.created", "error"]
    assert driver.of(act.Close) == []


def test_an_id_that_is_used_again_ends_again() -> None:
    driver = _answering()
    driver.receive("response.done", response={"id": "r1", "status": "completed"})
    driver.receive("response.created", response={"id": "r1", "status": "in_progress"})
    driver.receive("response.output_item.added", response_id="r1", output_index=0, item={"id": "a2", "type": "message"})
    driver.receive("response.done", response={"id": "r1", "status": "failed"})
    assert [body["status"] for body in _ends(driver)] == ["completed", "failed"]


def test_a_response_that_waits_for_an_upstream_can_be_cancelled() -> None:
    driver = Driver(face=FACE)
    driver.receive("session.updated", session={"type": "realtime"})
    driver.lose()
    driver.apply(act.ClientSent({"type": "response.create"}, 1))
    driver.apply(act.ClientSent({"type": "response.cancel"}, 1))
    driver.reopen()
    assert driver.creates() == 0
    assert [action.event["type"] for action in driver.of(act.Relay)] == ["session.created"]


_SESSIONS: list[JsonObject] = [
    {"tools": None},
    {"tools": ["weather"]},
    {"tools": [{"type": "function", "name": ["weather"]}]},
    {"audio": "x"},
    {"audio": {"input": {"format": "pcm16"}}},
    {"audio": {"input": {"turn_detection": True}}},
]
_ITEMS: list[JsonObject] = [
    {"type": "message", "role": "user", "content": "hi"},
    {"type": "message", "role": "user", "content": ["hi"]},
    {"type": "message", "role": ["user"], "content": []},
    {"type": "function_call", "name": "weather", "arguments": "{}"},
    {"type": "function_call_output", "output": "rain"},
]
ODD: list[JsonObject] = [
    *({"type": "session.update", "session": {"type": "realtime", **session}} for session in _SESSIONS),
    *({"type": "conversation.item.create", "item": item} for item in _ITEMS),
]


@pytest.mark.parametrize("event", ODD)
def test_what_the_call_could_not_read_is_refused_and_never_reaches_a_lenient_upstream(event: JsonObject) -> None:
    driver = Driver(face=FACE)
    driver.receive("session.updated", session={"type": "realtime"})
    driver.apply(act.ClientSent({**event, "event_id": "odd"}, 1))
    (error,) = [action.event["error"] for action in driver.of(act.Relay) if action.event["type"] == "error"]
    assert error["event_id"] == "odd"
    assert error["code"] in ("invalid_type", "missing_required_parameter")
    assert error["param"].startswith(("session.", "item."))
    assert driver.sent_types == []
