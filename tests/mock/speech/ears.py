"""A session's recogniser at work, and what engines tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from realtime.mock.speech.contracts import Heard, Report, Unheard
from realtime.mock.speech.decoders import Decoders
from realtime.mock.speech.listening import Listening
from realtime.mock.speech.places import Place, Places


class Reports:
    """What engines have told."""

    def __init__(self) -> None:
        self.all: list[Report] = []
        self._changed = asyncio.Condition()

    async def tell(self, report: Report) -> None:
        async with self._changed:
            self.all.append(report)
            self._changed.notify_all()

    async def until(self, fits: Callable[[Report], bool]) -> Report:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: any(fits(each) for each in self.all))
        return next(each for each in self.all if fits(each))

    async def end_of(self, turn: str) -> Report:
        return await self.until(
            lambda each: (
                each.turn == turn and (isinstance(each, Unheard) or each.last)
                if isinstance(each, (Heard, Unheard))
                else False
            )
        )


@asynccontextmanager
async def listening(
    *, places: int = 1, folder: Path | None = None
) -> AsyncIterator[tuple[Listening, Reports, Decoders]]:
    """A session's recogniser at work."""
    decoders, reports = Decoders(places, folder), Reports()
    async with asyncio.TaskGroup() as group:
        decoders.begin(group)
        ears = Listening(decoders, Place(Places(places), "thread"), early=True)
        running = group.create_task(ears.run(reports.tell))
        try:
            yield ears, reports, decoders
        finally:
            running.cancel()
            await asyncio.wait((running,))
            await decoders.close()
