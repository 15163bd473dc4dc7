"""Items without what makes them long, and what takes the place of events that are longer than a data channel takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from realtime.protocol import json
from realtime.protocol.complaint import Complaint
from realtime.protocol.json import JsonObject

_TOO_LARGE = "The event that stood here is larger than your data channel takes: "
_HEAVY = ("audio", "image_url")


def light(item: JsonObject) -> JsonObject:
    """The item without sound and pictures, which are long."""
    content = item.get("content")
    if not isinstance(content, list):
        return item
    parts = [{name: value for name, value in part.items() if name not in _HEAVY} for part in content]
    return {**item, "content": parts}


def fitting(text: str, carries: Callable[[str], bool]) -> str:
    """The event, or the best that the channel carries in its place.

    That is an item that was retrieved without its sound and pictures, or an ``error`` under the event's id.
    """
    return next(filter(carries, _forms(text)), text)


def _forms(text: str) -> Iterator[str]:
    yield text
    event = json.decode_object(text)
    if event.get("type") == "conversation.item.retrieved":
        yield json.encode({**event, "item": light(event["item"])})
    told = Complaint("server_error", f"{_TOO_LARGE}{event.get('type')}")
    yield json.encode({"event_id": event.get("event_id", "event_too_large"), **told.event(None)})
