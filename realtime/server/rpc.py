"""The JSON-RPC door: one client's WebSocket."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from realtime.errors import GatewayError, SlowConsumer
from realtime.gateway import Gateway, Outgoing
from realtime.queues import ClientOutbox, Rank
from realtime.server.access import SUBPROTOCOL
from realtime.server.calls import Calls
from realtime.server.outgoing import rank
from realtime.server.refusals import refusal, told
from realtime.server.sockets import FLUSH_S, LINGER_S, Socket, close, feed, new_socket
from realtime.server.strands import Strands
from realtime.settings import LimitsSettings
from realtime.telemetry import Telemetry

OUTSTANDING = 32
"""Calls of one connection that may wait or run at a time."""
FINISH_S = 10.0
"""How long calls that a leaving client had sent may still run."""
SLOW_LINGER_S = 30.0
"""How long a client that does not read has for its close: it sees the reason only once it reads again."""
INTERNAL_CLOSE = 1011


class ClientConnection:
    """One client: reads its messages, queues what goes to it, and ends with a close code that says why.

    Tasks: the reader, the writer, and one for each strand of calls that has work (``Strands``). The
    reader stops while the client takes no answers, so TCP pushes back on a client that calls faster
    than it reads.
    """

    def __init__(self, gateway: Gateway, limits: LimitsSettings, telemetry: Telemetry) -> None:
        self._gateway = gateway
        self.socket = new_socket(SUBPROTOCOL, limits.message_bytes)
        self._telemetry = telemetry
        self._outbox = ClientOutbox(max_messages=limits.client_messages, max_bytes=limits.client_bytes)
        self._ending: asyncio.Future[GatewayError] = asyncio.get_running_loop().create_future()

    def notify(self, message: Outgoing) -> None:
        """Queue a notification; a client that has no room for a record is ended."""
        self._put(message.rpc, rank(message))

    async def room(self, size: int) -> None:
        """Wait for room for a replayed message; raises ``SlowConsumer`` when the client is gone."""
        await self._outbox.room(size)

    def reply(self, text: str) -> None:
        """Queue an answer."""
        self._put(text, Rank.RECORD)

    def stalled_for(self) -> float:
        """For how many seconds something has waited unsent."""
        return self._outbox.stalled_for()

    def fail(self, error: GatewayError) -> None:
        """End the connection with the close code of the error; the first end counts."""
        if not self._ending.done():
            self._ending.set_result(told(error))

    async def run(self, request: web.Request) -> None:
        """Serve the client until it leaves or is ended; what it had called by then is still done."""
        await self.socket.prepare(request)
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(feed(self.socket, self._outbox))
                strands = Strands(group, limit=OUTSTANDING)
                reader = group.create_task(self._read(Calls(self._gateway, self, strands, self._telemetry)))
                await asyncio.wait((reader, self._ending), return_when=asyncio.FIRST_COMPLETED)
                reader.cancel()
                self._outbox.close()
                if self._ending.done():
                    self._gateway.forget(self)
                    await asyncio.wait((reader, writer), timeout=FLUSH_S)
                    writer.cancel()
                    await self._close(request, self._ending.result())
                await strands.finish(FINISH_S)
                writer.cancel()
        finally:
            self._gateway.forget(self)
            self._telemetry.client_shed(self._outbox.shed_audio_ms, self._outbox.shed_deltas)

    async def _read(self, calls: Calls) -> None:
        while True:
            message = await self.socket.receive()
            if message.type is not WSMsgType.TEXT and message.type is not WSMsgType.BINARY:
                return
            await calls.receive(message.data)
            try:
                await self._outbox.room()
            except SlowConsumer:
                return

    async def _close(self, request: web.Request, error: GatewayError) -> None:
        linger_s = SLOW_LINGER_S if isinstance(error, SlowConsumer) else LINGER_S
        await close(request, self.socket, refusal(error).close or INTERNAL_CLOSE, error.code, linger_s)

    def _put(self, text: str, cost: Rank) -> None:
        try:
            self._outbox.put(text, cost)
        except SlowConsumer as error:
            self.fail(error)


async def close_at_once(request: web.Request, error: GatewayError, limits: LimitsSettings) -> Socket:
    """Open a socket only to close it with the code of the error."""
    socket = new_socket(SUBPROTOCOL, limits.message_bytes)
    await socket.prepare(request)
    await socket.close(code=refusal(error).close or INTERNAL_CLOSE, message=error.code.encode())
    return socket
