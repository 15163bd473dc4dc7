"""The mock's clock: Unix time that can be set forward."""

from __future__ import annotations

import time


class Clock:
    """Unix seconds that never run back. What was advanced stays."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """The time."""
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> None:
        """Let so much time have passed at once."""
        self._offset += seconds
