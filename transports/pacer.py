"""When the next frame is due: absolute deadlines, so that lateness does not add up.

After a late call the frames that are due follow each other closer, but never in a burst; after a long stall the clock
jumps, and what should have been sent meanwhile was never due. Pure: time is an argument.
"""

from __future__ import annotations

from typing import Final

INTERVAL_S: Final = 0.020
SPACING_S: Final = 0.005
"""The least time between two frames."""
STALL_S: Final = 0.200
"""Being later than that is not caught up with."""


class Pacer:
    """Deadlines every 20 ms from ``start``."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._beats = 0
        self._not_before = start

    @property
    def due(self) -> float:
        """When ``beat`` wants to be called next."""
        return max(self._start + self._beats * INTERVAL_S, self._not_before)

    def beat(self, now: float) -> int:
        """A frame goes now; returns how many intervals were jumped over before it."""
        self._not_before = now + SPACING_S
        jumped = 0
        late = now - (self._start + self._beats * INTERVAL_S)
        if late > STALL_S:
            jumped = int(late / INTERVAL_S)
            self._beats += jumped
        self._beats += 1
        return jumped
