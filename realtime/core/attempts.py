"""Opening connections, and opening them again after a loss: how often, after how long, and until when.

Law: a connection that lived ``STABLE_S`` makes the count begin anew, and with it the time until all is given up.
"""

from __future__ import annotations

from realtime.core.actions import Loss, Open
from realtime.core.call import Call, State

STABLE_S = 10.0
"""A connection that lived so long makes the count of attempts begin anew."""


class Attempts:
    """``opening`` is the generation that is awaited; ``count`` how often the last loss was answered by another one."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._newest = 0
        self._opened_at: float | None = None
        self._lost_at = 0.0
        self.opening: int | None = None
        self.count = 0

    @property
    def any_opened(self) -> bool:
        """True once there was a connection."""
        return self._opened_at is not None

    def next_generation(self) -> int:
        """The number of one more connection."""
        self._newest += 1
        return self._newest

    def open(self, delay: float = 0.0) -> None:
        """Ask for a connection, ``delay`` seconds from now."""
        self.opening = self.next_generation()
        self._call.emit(Open(self.opening, delay))

    def opened(self) -> None:
        """There is one."""
        if not self.any_opened:
            self.count = 0  # those that it took to begin are no part of a later loss
        self.opening, self._opened_at = None, self._call.now

    def dropped(self) -> None:
        """It is there no longer."""
        call = self._call
        if self._opened_at is not None and call.now - self._opened_at >= STABLE_S:
            self.count = 0
        if self.count == 0:
            self._lost_at = call.now
        call.state = State.REOPENING

    def again(self, loss: Loss) -> bool:
        """Ask for another one after this loss; False where that is of no use, or was tried for long enough."""
        call = self._call
        given_up = self.count > 0 and call.now - self._lost_at > call.config.reconnect.give_up_s
        if not loss.retryable or given_up:
            return False
        self.count += 1
        call.notify("reconnecting", {"attempt": self.count})
        self.open(call.config.reconnect.delay(self.count, at_least_s=loss.retry_after_s))
        return True
