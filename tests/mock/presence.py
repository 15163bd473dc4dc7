"""Waits for who comes to a mock in this process and who leaves it, of which it tells nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TypeVar

from realtime.mock.server import MockServer

PATIENCE_S = 15.0
V = TypeVar("V")


class _Watched(dict[str, V]):
    """Those that are there, put in the place of the mock's own list of them."""

    def __init__(self, known: Mapping[str, V]) -> None:
        super().__init__(known)
        self._changed = asyncio.Event()

    def __setitem__(self, name: str, value: V) -> None:
        super().__setitem__(name, value)
        self._changed.set()

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._changed.set()

    async def are(self, count: int) -> None:
        """Wait until there are so many."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self) != count:
                self._changed.clear()
                await self._changed.wait()


async def connections(server: MockServer, count: int) -> None:
    """Wait until its sessions have so many in all: a call's page, and whoever has joined it."""
    there = _Watched(server.mock.connections)
    server.mock.connections = there
    await there.are(count)


async def no_session(server: MockServer) -> None:
    """Wait until the last session is over."""
    there = _Watched(server.mock._live)
    server.mock._live = there
    await there.are(0)
