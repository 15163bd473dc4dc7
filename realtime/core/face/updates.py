"""Session updates that the upstream has not answered yet, in the order they were sent."""

from __future__ import annotations

from realtime.core.face.configuration import Update
from realtime.core.upstreams import PREAMBLE
from realtime.protocol.realtime import ErrorDetail


class Updates:
    """By the id they were sent under; the one with which an upstream begins (``PREAMBLE``) is ours."""

    def __init__(self) -> None:
        self._pending: dict[str, Update | None] = {}

    def begin(self) -> None:
        """A new upstream is told the session."""
        self._pending[PREAMBLE] = None

    def sent(self, event_id: str, update: Update) -> None:
        """A client's update is on its way."""
        self._pending[event_id] = update

    def clear(self) -> None:
        """The upstream is gone."""
        self._pending.clear()

    def accepted(self) -> tuple[str | None, Update | None]:
        """The upstream shows its session, and so has taken the oldest: its id, and what a client wanted."""
        event_id = next(iter(self._pending), None)
        return event_id, self._pending.pop(event_id) if event_id is not None else None

    def refused(self, error: ErrorDetail, *, begun: bool) -> str | None:
        """The id of the one that the error refuses; it is forgotten.

        An error that names none refuses the oldest that it may be about: ours only before the session has ``begun``,
        since what was taken once is taken again.
        """
        event_id = error.event_id
        if event_id is None and is_about_session(error):
            event_id = next((known for known in self._pending if known != PREAMBLE or not begun), None)
        if event_id not in self._pending:
            return None
        del self._pending[event_id]
        return event_id


def is_about_session(error: ErrorDetail) -> bool:
    """True where it names a member of the session."""
    return (error.param or "").startswith("session")
