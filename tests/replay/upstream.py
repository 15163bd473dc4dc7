"""A voice model that does what a scenario tells it, and keeps every frame that it is sent."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from tests import loopback

WAIT_S = 10.0

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer to the handshake that is none of a WebSocket."""

    status: int
    body: str


class Connection:
    """One connection: ``address`` and ``headers`` of its handshake, the ``frames`` it brought."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._changed = asyncio.Event()
        self.socket = web.WebSocketResponse(compress=False)
        self.address = str(request.rel_url)
        self.headers = request.headers
        self.frames: list[Event] = []
        self.close_code: int | None = None
        """How the gateway left, once it has."""
        self.ended = asyncio.Event()

    async def run(self, *, confirm: bool) -> None:
        """Listen to the end."""
        await self.socket.prepare(self._request)
        async for message in self.socket:
            if message.type is not WSMsgType.TEXT:
                continue
            frame: Event = json.loads(message.data)
            self.frames.append(frame)
            self._changed.set()
            if confirm and frame["type"] == "session.update":
                await self.push({"type": "session.updated", "session": {"id": "sess_1"}})
        self.close_code = self.socket.close_code
        self.ended.set()

    async def push(self, *events: Event) -> None:
        """Say something."""
        for event in events:
            await self.socket.send_str(json.dumps(event))

    async def got(self, kind: str, count: int = 1) -> None:
        """Wait until so many frames of a type have come; raises ``TimeoutError``."""
        async with asyncio.timeout(WAIT_S):
            while [frame["type"] for frame in self.frames].count(kind) < count:
                self._changed.clear()
                await self._changed.wait()

    async def leave(self, code: int = WSCloseCode.OK) -> None:
        """Close with a close frame."""
        await self.socket.close(code=code)

    def drop(self) -> None:
        """End the TCP connection by a reset."""
        transport = self._request.transport
        assert transport is not None
        lingering: socket.socket = transport.get_extra_info("socket")
        lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


class Upstream:
    """All connections in the order in which they came. ``refusal`` and ``confirm`` are for those to come."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.connections: list[Connection] = []
        self.refusal: Refusal | None = None
        self.refused = 0
        self.confirm = True
        """Whether ``session.update`` is answered."""
        self.base_url = ""

    async def connection(self, number: int = 0) -> Connection:
        """The connection of that number, once it is there."""
        async with asyncio.timeout(WAIT_S):
            while len(self.connections) <= number:
                self._changed.clear()
                await self._changed.wait()
        return self.connections[number]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """A handshake."""
        if self.refusal is not None:
            self.refused += 1
            return web.Response(status=self.refusal.status, text=self.refusal.body)
        connection = Connection(request)
        self.connections.append(connection)
        self._changed.set()
        await connection.run(confirm=self.confirm)
        return connection.socket


@asynccontextmanager
async def listening() -> AsyncIterator[Upstream]:
    """An upstream on a free port."""
    upstream = Upstream()
    application = web.Application()
    application.router.add_get("/{path:.*}", upstream.handle)
    async with loopback.listening(application) as address:
        upstream.base_url = f"{address}/v1"
        yield upstream
