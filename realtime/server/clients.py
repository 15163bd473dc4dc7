"""All connections of the doors: how many there are, which of them do not read, and their common end."""

from __future__ import annotations

import asyncio
from typing import Protocol

from realtime.errors import Draining, GatewayError, Overloaded, SlowConsumer
from realtime.telemetry import Telemetry

CHECK_EVERY_S = 0.5


class Connection(Protocol):
    """An open socket or event stream."""

    def stalled_for(self) -> float:
        """For how many seconds something has waited unsent."""
        ...

    def fail(self, error: GatewayError) -> None:
        """End it, saying why; idempotent, never waits."""
        ...


class Clients:
    """One watch for all connections: a timer for each frame or connection would cost more than it tells."""

    def __init__(self, telemetry: Telemetry, *, limit: int, stall_s: float) -> None:
        self._telemetry = telemetry
        self._limit = limit
        self._stall_s = stall_s
        self._connections: set[Connection] = set()
        self._draining = False
        self._empty = asyncio.Event()
        self._empty.set()

    def add(self, connection: Connection) -> None:
        """Count a new connection; raises ``Overloaded`` at the limit, ``Draining`` when the gateway leaves."""
        if self._draining:
            raise Draining("the gateway is leaving")
        if len(self._connections) >= self._limit:
            raise Overloaded("too many connections")
        self._connections.add(connection)
        self._empty.clear()
        self._telemetry.client_opened()

    def discard(self, connection: Connection, *, code: int) -> None:
        """It has ended, with this close code."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()
        self._telemetry.client_closed(code)

    def __len__(self) -> int:
        return len(self._connections)

    async def drain(self, within_s: float) -> None:
        """End all of them, let no more in, and wait until they have gone, or for so long."""
        self._draining = True
        for connection in list(self._connections):
            connection.fail(Draining("the gateway is leaving"))
        try:
            async with asyncio.timeout(within_s):
                await self._empty.wait()
        except TimeoutError:
            return

    def check(self) -> None:
        """End those that do not read what was sent to them."""
        for connection in list(self._connections):
            if connection.stalled_for() > self._stall_s:
                connection.fail(SlowConsumer("the client does not read"))

    async def watch(self) -> None:
        """Check again and again, until cancelled; how late each check comes is how busy the loop is."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + CHECK_EVERY_S
            await asyncio.sleep(CHECK_EVERY_S)
            self._telemetry.loop_lagged(max(0.0, loop.time() - due))
            self.check()
