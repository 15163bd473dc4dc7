"""How many spoken sessions the machine bears, and who has a place among them."""

from __future__ import annotations

from collections import Counter

from realtime.errors import Overloaded

_COME_BACK_MS = 5_000


class Places:
    """A place belongs to a thread: a session that takes over from another one of its thread needs no second."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._taken: Counter[str] = Counter()

    def take(self, thread: str) -> None:
        """Raises ``Overloaded`` when all are taken."""
        if self._taken[thread] == 0 and sum(users > 0 for users in self._taken.values()) >= self.count:
            message = f"all {self.count} places for spoken sessions are taken (speech.sessions); typing still works"
            raise Overloaded(message, retry_after_ms=_COME_BACK_MS)
        self._taken[thread] += 1

    def leave(self, thread: str) -> None:
        """One session of the thread is over."""
        self._taken[thread] -= 1
        if not self._taken[thread]:
            del self._taken[thread]


class Place:
    """One session's: taken once, left once, or never."""

    def __init__(self, places: Places, thread: str) -> None:
        self._places = places
        self._thread = thread
        self._taken = False

    def take(self) -> None:
        """Raises ``Overloaded``."""
        if not self._taken:
            self._places.take(self._thread)
            self._taken = True

    def leave(self) -> None:
        """Nothing happens where none was taken."""
        if self._taken:
            self._taken = False
            self._places.leave(self._thread)
