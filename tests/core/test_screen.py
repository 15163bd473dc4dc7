"""What clients of the Realtime API are shown of an upstream that does not quite keep the API's rules."""

from __future__ import annotations

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


def test_an_id_that_is_used_again_ends_again() -> None:
    driver = _answering()
    driver.receive("response.done", response={"id": "r1", "status": "completed"})
    driver.receive("response.created", response={"id": "r1", "status": "in_progress"})
    driver.receive("response.output_item.added", response_id="r1", output_index=0, item={"id": "a2", "type": "message"})
    driver.receive("response.done", response={"id": "r1", "status": "failed"})
    assert [body["status"] for body in _ends(driver)] == ["completed", "failed"]
