"""The agent's ear: what steers a running task waits here, bounded, until the agent listens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from realtime.errors import Overloaded


class Ear:
    """A ``Steering`` with its other end, ``put``. For one agent and one loop.

    ``on_heard`` is told each text at the moment the agent takes it.
    """

    def __init__(self, limit: int, on_heard: Callable[[str], None]) -> None:
        self._waiting: deque[str] = deque()
        self._limit = limit
        self._on_heard = on_heard
        self._arrived = asyncio.Event()

    def check_room(self) -> None:
        """Raises ``Overloaded`` when the agent has not listened for too long."""
        if len(self._waiting) >= self._limit:
            raise Overloaded("the running task has too many corrections waiting")

    def put(self, text: str) -> None:
        """Queue a text; raises ``Overloaded`` like ``check_room``."""
        self.check_room()
        self._waiting.append(text)
        self._arrived.set()

    def take(self) -> list[str]:
        """What has come and was not read yet, without waiting."""
        taken: list[str] = []
        while self._waiting:
            taken.append(self._next())
        return taken

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        """The next text, waiting for it. A cancelled wait loses nothing."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._next()

    def _next(self) -> str:
        text = self._waiting.popleft()
        self._on_heard(text)
        return text
