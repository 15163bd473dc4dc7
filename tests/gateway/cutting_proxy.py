"""A TCP proxy that cuts each connection after so many bytes on their way to the client."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

_BLOCK = 65_536
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Cut:
    """``after`` so many bytes, the last of which still arrives; by RST (which may overtake it) or else by FIN."""

    after: int
    reset: bool = False


def random_cuts(seed: int, reaches: Sequence[int]) -> Iterator[Cut]:
    """Cuts at random bytes; ``reaches`` are how many a connection may live for, an equal share of them each."""
    chance = random.Random(seed)
    while True:
        yield Cut(chance.randrange(chance.choice(reaches)), reset=chance.random() < 0.5)


class CuttingProxy:
    """Stands before a port of the loopback. ``next_cut`` is asked once a connection; None lets it live."""

    def __init__(self, target_port: int, next_cut: Callable[[], Cut | None]) -> None:
        self._target_port = target_port
        self._next_cut = next_cut
        self.port = 0
        self.cuts = 0
        self._relays: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[CuttingProxy]:
        """Listen on a free port for the length of the block; what is open at its end is cut."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for relay in self._relays:
                relay.cancel()
            await asyncio.gather(*self._relays, return_exceptions=True)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        relay = asyncio.create_task(self._relay(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, reader: StreamReader, writer: StreamWriter) -> None:
        cut = self._next_cut()
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        upwards = asyncio.create_task(_pump(reader, up_writer, None))
        try:
            if await _pump(up_reader, writer, cut.after if cut is not None else None):
                self.cuts += 1
        finally:
            upwards.cancel()
            for end in (writer, up_writer):
                if cut is not None and cut.reset:
                    _arm_reset(end)
                    end.transport.abort()
                end.close()


async def _pump(reader: StreamReader, writer: StreamWriter, limit: int | None) -> bool:
    """Copy until one side ends (False) or ``limit`` bytes have passed (True)."""
    with contextlib.suppress(ConnectionError):
        while limit is None or limit > 0:
            block = await reader.read(_BLOCK if limit is None else min(_BLOCK, limit))
            if not block:
                writer.close()
                return False
            writer.write(block)
            await writer.drain()
            limit = None if limit is None else limit - len(block)
        return True
    return False


def _arm_reset(writer: StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
