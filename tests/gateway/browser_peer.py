"""A page's end of a WebRTC call, of which only the loudness is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np

from tests.transports.line import NOTHING, Line, Samples, Tongue

LOUD = 300
"""RMS above which something sounds."""


class Page(Line):
    """``levels`` are the loudness of the frames of 20 ms that came."""

    def __init__(self, says: Samples) -> None:
        super().__init__(Tongue(says))
        self.levels: list[float] = []

    def take(self, frame: Samples) -> None:
        """Keep how loud it is."""
        self.levels.append(float(np.sqrt(np.mean(frame.astype(np.float64) ** 2))))

    async def sounds(self) -> None:
        """Wait until something is heard from now on."""
        since = len(self.levels)
        await self.see(lambda: any(level > LOUD for level in self.levels[since:]))

    async def is_quiet(self, frames: int = 25) -> None:
        """Wait until the last so many frames were silent."""
        await self.see(lambda: len(self.levels) > frames and max(self.levels[-frames:]) < LOUD)


@asynccontextmanager
async def calling(answer: Callable[[str], Awaitable[str]], says: Samples = NOTHING) -> AsyncIterator[Page]:
    """A call that is connected with its data channel open; ``answer`` gives the answer to the page's offer."""
    page = Page(says)
    async with page.up(answer):
        yield page
