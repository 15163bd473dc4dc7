"""Eyes on the gateway while it is fed: what nobody caught, what was logged as an error, how long the loop stood."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

TICK_S = 0.005


class Watch(logging.Handler):
    """``faults`` tell what went wrong inside.

    ``stalls`` are (when a tick was due, seconds it came late, processor seconds of the loop meanwhile).
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.faults: list[str] = []
        self.stalls: list[tuple[float, float, float]] = []

    def emit(self, record: logging.LogRecord) -> None:
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        self.faults.append(f"{record.name}: {record.getMessage()}\n{trace[-3000:]}")

    def uncaught(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The loop's exception handler."""
        del loop
        self.faults.append(f"uncaught: {context.get('message')}: {context.get('exception')!r}")

    async def tick(self) -> None:
        """Measure how late the loop is, until cancelled."""
        while True:
            due, cpu = time.monotonic() + TICK_S, time.thread_time()
            await asyncio.sleep(TICK_S)  # how late this comes back is what is measured
            self.stalls.append((due, time.monotonic() - due, time.thread_time() - cpu))

    def check(self) -> None:
        """Nothing went wrong inside."""
        assert not self.faults, f"{len(self.faults)} faults, the first: {self.faults[0]}"

    @property
    def longest(self) -> float:
        """Seconds."""
        return max((late for _, late, _ in self.stalls), default=0.0)


@asynccontextmanager
async def watching() -> AsyncIterator[Watch]:
    """Watch this loop and all loggers for the length of the block."""
    watch, loop, root = Watch(), asyncio.get_running_loop(), logging.getLogger()
    before = loop.get_exception_handler()
    loop.set_exception_handler(watch.uncaught)
    root.addHandler(watch)
    try:
        async with asyncio.TaskGroup() as group:
            ticking = group.create_task(watch.tick())
            try:
                yield watch
            finally:
                ticking.cancel()
    finally:
        root.removeHandler(watch)
        loop.set_exception_handler(before)
