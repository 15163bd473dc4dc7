"""Server-sent events: a thread's records and live notifications for clients that only listen."""

from __future__ import annotations

import asyncio

from aiohttp import web

from realtime.errors import GatewayError, InvalidRequest, SlowConsumer, ThreadNotFound
from realtime.gateway import DELETED, Gateway, Outgoing, Resumption
from realtime.protocol import appserver as app
from realtime.queues import ClientOutbox
from realtime.server.outgoing import rank
from realtime.server.refusals import told
from realtime.server.validation import parse_params
from realtime.settings import LimitsSettings

HEARTBEAT_S = 15.0
FLUSH_S = 1.0

_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


class EventStream:
    """One listener: replayed records, then live, by the same hold-and-release as ``thread/resume``."""

    def __init__(self, gateway: Gateway, limits: LimitsSettings) -> None:
        self._gateway = gateway
        self._outbox = ClientOutbox(max_messages=limits.client_messages, max_bytes=limits.client_bytes)
        self._ending: asyncio.Future[GatewayError] = asyncio.get_running_loop().create_future()

    def notify(self, message: Outgoing) -> None:
        """Queue an event; a listener that has no room for a record is ended."""
        try:
            self._outbox.put(_event(message), rank(message))
        except SlowConsumer as error:
            self.fail(error)
        if message.method == DELETED:
            self.fail(ThreadNotFound("the thread was deleted"))

    async def room(self, size: int) -> None:
        """Wait for room for a replayed message; raises ``SlowConsumer`` when the listener is gone."""
        await self._outbox.room(size)

    def stalled_for(self) -> float:
        """For how many seconds something has waited unsent."""
        return self._outbox.stalled_for()

    def fail(self, error: GatewayError) -> None:
        """End the stream; the listener comes back with the last number it saw."""
        if not self._ending.done():
            self._ending.set_result(told(error))

    async def run(self, request: web.Request, response: web.StreamResponse) -> None:
        """Stream until the listener leaves or is ended. Raises ``GatewayError`` before anything is sent."""
        try:
            resumption = await self._gateway.prepare_resume(_position(request), self)
            await response.prepare(request)
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._write(response))
                replay = group.create_task(self._replay(resumption))
                await asyncio.wait((writer, self._ending), return_when=asyncio.FIRST_COMPLETED)
                replay.cancel()
                self._outbox.close()
                _, unsent = await asyncio.wait((writer,), timeout=FLUSH_S)
                if unsent and request.transport is not None:
                    request.transport.abort()
                writer.cancel()
        finally:
            self._gateway.forget(self)

    async def _replay(self, resumption: Resumption) -> None:
        try:
            await self._gateway.threads.replay(resumption, self)
        except GatewayError as error:
            self.fail(error)

    async def _write(self, response: web.StreamResponse) -> None:
        """A comment when nothing happens: it keeps proxies patient and finds out who has gone."""
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    batch = await self._outbox.get_batch()
            except TimeoutError:
                batch = [": nothing new\n\n"]
            if not batch:
                return
            try:
                await response.write("".join(batch).encode())
            except ConnectionError:
                return


def event_response() -> web.StreamResponse:
    """The head of a stream."""
    return web.StreamResponse(headers=_HEADERS)


def _event(message: Outgoing) -> str:
    number = f"id: {message.seq}\n" if message.seq is not None else ""
    return f"{number}event: {message.method}\ndata: {message.params_text}\n\n"


def _position(request: web.Request) -> app.ThreadResumeParams:
    """``Last-Event-ID``, or for the first connection ``?after=``; from the head without either."""
    field = "Last-Event-ID" if "Last-Event-ID" in request.headers else "after"
    last = request.headers.get("Last-Event-ID", request.query.get("after"))
    if last is not None and not (last.isascii() and last.isdigit() and len(last) < 16):
        raise InvalidRequest(f"Invalid request: {field} must be an event's id: a whole number, 0 or more", field=field)
    params = parse_params(app.ThreadResumeParams, dict(request.match_info))
    return params if last is None else params.model_copy(update={"after_seq": int(last)})
