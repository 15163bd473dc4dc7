"""The order of one client's calls: one after another within a thread, side by side between threads."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field

from realtime.errors import Overloaded

Work = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Strand:
    waiting: deque[tuple[Work, bool]] = field(default_factory=deque)
    holding: int = 0
    """How many of its calls, the running one included, hold sound back."""


class Strands:
    """Runs calls, each in the strand of its key.

    A strand is a task that lives as long as it has work, so a store that is slow for one thread keeps
    nobody waiting but the calls that came after on the same thread. The calls that wait and run are
    bounded together. ``work`` must not raise.
    """

    def __init__(self, group: asyncio.TaskGroup, *, limit: int) -> None:
        self._group = group
        self._limit = limit
        self._strands: dict[str, _Strand] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._outstanding = 0

    def add(self, key: str, work: Work, *, holds: bool) -> None:
        """Run ``work`` after what the strand already has; raises ``Overloaded`` at the limit."""
        if self._outstanding >= self._limit:
            raise Overloaded(f"more than {self._limit} requests are outstanding")
        self._outstanding += 1
        strand = self._strands.get(key)
        if strand is None:
            strand = self._strands[key] = _Strand()
            self._start(self._run(key, strand))
        strand.waiting.append((work, holds))
        strand.holding += holds

    def beside(self, work: Work) -> None:
        """Run ``work`` in no strand: what a call leaves behind. It counts as outstanding, so it is bounded too."""
        self._outstanding += 1
        self._start(self._run_beside(work))

    def holds(self, key: str) -> bool:
        """True while the strand has a call that sound must not overtake."""
        strand = self._strands.get(key)
        return strand is not None and strand.holding > 0

    async def finish(self, within_s: float) -> None:
        """Wait until all is done that was accepted; what takes longer is cancelled."""
        try:
            async with asyncio.timeout(within_s):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        except TimeoutError:
            for task in self._tasks:
                task.cancel()

    def _start(self, coroutine: Coroutine[None, None, None]) -> None:
        task = self._group.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_beside(self, work: Work) -> None:
        try:
            await work()
        finally:
            self._outstanding -= 1

    async def _run(self, key: str, strand: _Strand) -> None:
        while strand.waiting:
            work, holds = strand.waiting.popleft()
            try:
                await work()
            finally:
                self._outstanding -= 1
                strand.holding -= holds
        del self._strands[key]
