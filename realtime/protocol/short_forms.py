"""Events that are larger than a data channel takes: what goes in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from realtime.protocol import json
from realtime.protocol.complaint import Complaint

_TOO_LARGE = "The event that stood here is larger than your data channel takes: "
_HEAVY = ("audio", "image_url")


def fitting(text: str, carries: Callable[[str], bool]) -> str:
    """The event, or the best that the channel carries in its place.

    That is an item that was retrieved without its sound and pictures, or an ``error`` under the event's id.
    """
    return next(filter(carries, _forms(text)), text)


def _forms(text: str) -> Iterator[str]:
    yield text
    event = json.decode_object(text)
    if event.get("type") == "conversation.item.retrieved":
        item = event["item"]
        parts = [{name: part[name] for name in part if name not in _HEAVY} for part in item.get("content") or ()]
        yield json.encode({**event, "item": {**item, "content": parts}})
    told = Complaint("server_error", f"{_TOO_LARGE}{event.get('type')}")
    yield json.encode({"event_id": event.get("event_id", "event_too_large"), **told.event(None)})
