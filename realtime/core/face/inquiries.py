"""What clients sent to the upstream and have no answer to yet.

Law: each client event goes up under an id of ours, so that a refusal finds the client that it is for and
bears the id which that client gave. What a lost upstream has not answered is sent to the next one, except
what only the lost one could do.
"""

from __future__ import annotations

from dataclasses import dataclass

from realtime.core.asks import Origin
from realtime.core.recent import Recent
from realtime.protocol.json import JsonObject

KEPT = 1024
PREFIX = "client_"

ASKED = "asked"
"""Stands for a response that the arbiter asks for on a client's behalf."""

REPEATED = frozenset(
    {
        "session.update",
        "conversation.item.create",
        "conversation.item.retrieve",
        "conversation.item.delete",
        "conversation.item.truncate",
        "response.create",
    }
)
"""What is sent again to a new upstream. (Of responses only those outside the conversation stand here.)"""

_ANSWERS = {
    "conversation.item.added": "conversation.item.create",
    "conversation.item.retrieved": "conversation.item.retrieve",
    "conversation.item.deleted": "conversation.item.delete",
    "conversation.item.truncated": "conversation.item.truncate",
    "input_audio_buffer.committed": "input_audio_buffer.commit",
    "input_audio_buffer.cleared": "input_audio_buffer.clear",
    "session.updated": "session.update",
    "response.done": "response.cancel",
}


@dataclass(frozen=True, slots=True)
class Inquiry:
    """``event`` is the client's, as it came; ``item_id`` the item that it speaks of."""

    origin: Origin
    event: JsonObject
    item_id: str | None = None

    @property
    def kind(self) -> str:
        """The event's type."""
        return str(self.event["type"])


class Inquiries:
    """In the order they were sent, by the id they were sent under."""

    def __init__(self) -> None:
        self._pending = Recent[str, Inquiry](KEPT)
        self._number = 0

    def sent(self, inquiry: Inquiry) -> str:
        """Remember it; returns the id to send it under."""
        self._number += 1
        event_id = f"{PREFIX}{self._number}"
        self.keep(event_id, inquiry)
        return event_id

    def keep(self, event_id: str, inquiry: Inquiry) -> None:
        """The same, under a given id."""
        self._pending[event_id] = inquiry

    def answered(self, event: JsonObject) -> Inquiry | None:
        """The inquiry that an upstream event answers; it is forgotten."""
        kind = _ANSWERS.get(event["type"])
        if kind is None:
            return None
        item_id = event.get("item_id") or (event.get("item") or {}).get("id")
        for event_id, inquiry in self._pending.items():
            if inquiry.kind == kind and inquiry.item_id in (None, item_id):
                return self._pending.pop(event_id)
        return None

    def refused(self, event_id: str | None) -> Inquiry | None:
        """The inquiry that an error is about; it is forgotten."""
        return self._pending.pop(event_id, None) if event_id is not None else None

    def first(self, kind: str) -> Inquiry | None:
        """The oldest of this kind; it is forgotten."""
        for event_id, inquiry in self._pending.items():
            if inquiry.kind == kind:
                return self._pending.pop(event_id)
        return None

    def lost(self) -> list[Inquiry]:
        """The upstream is gone: all that it has not answered."""
        pending = list(self._pending.values())
        self._pending.clear()
        return pending
