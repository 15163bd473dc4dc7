"""Events that come twice: the first one counts.

Law: an event of the same connection with the id and the content of an earlier one moves nothing. An
upstream that gives no ids, or the same id to different events, loses none.
"""

from __future__ import annotations

from realtime.core.recent import Recent
from realtime.protocol.realtime import ServerEvent

KEPT = 128
"""Events remembered, by a number each; a double comes soon or never."""


class Doubles:
    """What was received last on the connection that is talked over."""

    def __init__(self) -> None:
        self._seen = Recent[str, int](KEPT)
        self._generation = 0

    def has(self, event: ServerEvent, generation: int) -> bool:
        """True when the event was here before; it is remembered."""
        if event.event_id is None:
            return False
        if generation != self._generation:
            self._generation = generation
            self._seen.clear()
        content = _fingerprint(event)
        if self._seen.get(event.event_id) == content:
            return True
        self._seen[event.event_id] = content
        return False


def _fingerprint(event: ServerEvent) -> int:
    """A number for the content; of a delta, which may be long audio, without serialising it."""
    delta = getattr(event, "delta", None)
    if isinstance(delta, str):
        return hash((event.type, str(getattr(event, "item_id", None)), delta))  # an unknown event's may be anything
    return hash(event.model_dump_json())
