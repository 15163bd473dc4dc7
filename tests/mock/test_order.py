"""The order checker itself: it takes what the model says, and objects to what the book does not allow."""

from __future__ import annotations

import pytest

from realtime.protocol.json import JsonObject
from tests.mock.order import FOLLOWS, OrderChecker
from tests.mock.talk import Talk, function, server, silence, tone

MAY_COME_AGAIN = {"session.updated", "rate_limits.updated", "error", "response.output_audio.delta"}
MAY_BE_MISSING = {*MAY_COME_AGAIN, "input_audio_buffer.cleared", "input_audio_buffer.speech_stopped"}
"""A turn that the client commits by hand has no ``speech_stopped``."""


def log() -> list[JsonObject]:
    """A talk with everything in it."""
    talk = Talk()
    talk.configure(tools=[function("f")], audio={"input": {"transcription": {"model": "whisper-1"}}})
    talk.ask("please call f with {}")
    talk.hear(tone(500), silence(700))
    talk.wait(5.0)
    talk.configure(output_modalities=["text"])
    talk.ask("written")
    talk.send("input_audio_buffer.clear")
    remote_tools(talk)
    return talk.events


def remote_tools(talk: Talk) -> None:
    """Listings and calls of MCP tools that go well and that fail, and one by approval."""
    labels = {"docs": "never", "unreachable": "never", "asks": "always"}
    tools = [server(label, require_approval=approval) for label, approval in labels.items()]
    talk.send("session.update", session={"type": "realtime", "tools": tools})
    talk.wait(1.0)
    talk.ask('please call echo with {"text": "there"}')
    talk.ask("please call echo with {}")
    *_, request = talk.ask('please call asks.echo with {"text": "here"}')["output"]
    answer = {"type": "mcp_approval_response", "approval_request_id": request["id"], "approve": True}
    talk.send("conversation.item.create", item=answer)
    talk.respond()


def objects_to(events: list[JsonObject]) -> bool:
    checker = OrderChecker()
    try:
        for event in events:
            checker.see(event)
    except (AssertionError, KeyError, ValueError):
        return True
    untold = checker.transcripts.keys() - checker.transcribed
    unlisted = set(checker.listings.values()) - {"over"}
    return bool(checker.open_items or checker.open_outputs or checker.default or untold or unlisted)


def test_it_takes_what_is_right() -> None:
    events = log()
    assert not objects_to(events)
    assert set(FOLLOWS) - {event["type"] for event in events} == {"input_audio_buffer.timeout_triggered"}


def test_it_objects_to_anything_that_comes_twice() -> None:
    events = log()
    for index, event in enumerate(events):
        if event["type"] not in {*MAY_COME_AGAIN, "input_audio_buffer.cleared"}:
            again = {**event, "event_id": "event_again"}
            assert objects_to([*events[: index + 1], again, *events[index + 1 :]]), event


def test_it_objects_to_anything_that_is_missing() -> None:
    events = log()
    for index, event in enumerate(events):
        if event["type"] not in MAY_BE_MISSING - {"rate_limits.updated"}:
            assert objects_to(events[:index] + events[index + 1 :]), event


@pytest.mark.parametrize("kind", sorted(FOLLOWS))
def test_it_objects_to_anything_between(kind: str) -> None:
    events = log()
    places = [index for index, event in enumerate(events) if event["type"] == kind]
    stranger = {"type": "input_audio_buffer.cleared", "event_id": "event_between"}
    for place in places:
        assert objects_to([*events[: place + 1], stranger, *events[place + 1 :]])


def test_it_objects_to_events_that_nobody_knows() -> None:
    assert objects_to([*log(), {"type": "response.whispered", "event_id": "event_x"}])
