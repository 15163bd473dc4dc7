"""The responses that wait for their turn, each with what it was asked with.

Law: what has parameters is asked for in the order it came, one response each; of plain wishes that wait
side by side one is left, since a response begun later has seen every item. An ask that the upstream
refused for its moment, or lost, stands in front again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from realtime.protocol.json import JsonObject


@dataclass(frozen=True, slots=True)
class Origin:
    """A client's event: which client sent it, and the ``event_id`` it gave."""

    client: int
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A response that is wanted; ``body`` None: as the session says. ``origin`` None: no client asked.

    ``spoken``: for the sake of words alone that were just said: it is not wanted when they are lost.
    """

    body: JsonObject | None = None
    origin: Origin | None = None
    spoken: bool = False


class Asks:
    """What is asked for next, and what was asked for last."""

    def __init__(self) -> None:
        self._waiting: deque[Ask] = deque()
        self._owed: Ask | None = None
        self.current: Ask | None = None
        """Asked for, and not ended."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, ask: Ask) -> None:
        """At the end; a plain wish behind a plain wish is the same wish."""
        if ask.body is None and self._waiting and self._waiting[-1].body is None:
            last = self._waiting[-1]
            self._waiting[-1] = replace(ask, origin=last.origin or ask.origin, spoken=last.spoken and ask.spoken)
            return
        self._waiting.append(ask)

    def take(self) -> Ask:
        """The next one; a plain one when none waits. A plain one brings what is still owed to a client."""
        ask = self._waiting.popleft() if self._waiting else Ask()
        if ask.body is None and self._owed is not None:
            owed, self._owed = self._owed, None
            metadata = (owed.body or {}).get("metadata")
            ask = replace(ask, body={"metadata": metadata} if metadata else None, origin=ask.origin or owed.origin)
        self.current = ask
        return ask

    def again(self) -> None:
        """What was asked for last is wanted still, before all others."""
        ask, self.current = self.current or Ask(), None
        if ask.body is None and self._waiting and self._waiting[0].body is None:
            waiting = self._waiting.popleft()
            ask = replace(ask, origin=ask.origin or waiting.origin, spoken=ask.spoken and waiting.spoken)
        self._waiting.appendleft(ask)

    def settle(self) -> None:
        """What was asked for last has ended."""
        self.current = None

    def owe(self, ask: Ask) -> None:
        """The client's ask ended with nothing that it is shown: the answer that comes later is the answer to it."""
        self._owed = ask

    def withdraw(self) -> None:
        """The words that were just said are lost."""
        self._waiting = deque(ask for ask in self._waiting if not ask.spoken)

    def forget(self) -> None:
        """The client wants nothing of what waits."""
        self._waiting.clear()
        self._owed = None
