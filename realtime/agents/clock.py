"""What time it is, and waiting: handed to those who need it, so that tests may own the time."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall clock, stop-watch and alarm."""

    def now(self) -> datetime:
        """The moment, with the local time zone."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """A context that raises ``TimeoutError`` when it is not left in time."""
        ...


class SystemClock:
    """The machine's own."""

    def now(self) -> datetime:
        """The moment, with the machine's time zone."""
        return datetime.now(UTC).astimezone()

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """See ``asyncio.timeout``."""
        return asyncio.timeout(seconds)
