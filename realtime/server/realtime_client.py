"""One client of the Realtime API, by WebSocket."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from realtime.errors import GatewayError, Overloaded, SessionNotFound, SlowConsumer
from realtime.gateway import Session
from realtime.protocol import json
from realtime.protocol.appserver import Shed
from realtime.protocol.complaint import MAX_AUDIO, Complaint, audio_of, parsed
from realtime.protocol.json import JsonObject
from realtime.protocol.realtime_beta import BetaCodec
from realtime.queues import ClientOutbox, Rank
from realtime.server.refusals import refusal, told
from realtime.server.sockets import CLOSE_S, FLUSH_S, Socket, close, feed, new_socket
from realtime.settings import LimitsSettings
from realtime.telemetry import Telemetry

PROTOCOL = "realtime"
MAX_MESSAGE = MAX_AUDIO * 4 // 3 + 65_536
"""The longest event, in bytes: audio in base64, and what is around it."""
MESSAGES = 65_536
"""What may wait for a client."""

_CLOSES = {"requested": 1000, "abandoned": 1000, "draining": 1012, "overloaded": 1013, "store_unavailable": 1013}
"""Close codes by why the call ended; 1011 for all others."""


class RealtimeClient:
    """Reads its events, queues what goes to it, ends with the call, and the call with it.

    Nothing is left out of what goes to it, since such clients count the audio they get: one that does not
    read is closed. An event is read when the call has taken the one before, and audio when there is room
    for it, so that order is kept and a client that sends too fast is slowed down by TCP.
    """

    def __init__(self, limits: LimitsSettings, telemetry: Telemetry, beta: BetaCodec | None) -> None:
        self.socket = new_socket(PROTOCOL, MAX_MESSAGE)
        self._telemetry = telemetry
        self._beta = beta
        self._outbox = ClientOutbox(max_messages=MESSAGES, max_bytes=limits.realtime_client_bytes)
        self._ending: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self._complaints = 0

    # -- what goes to the client -----------------------------------------------------------------------

    def relay(self, text: str, shed: Shed) -> None:
        """A server event."""
        if self._beta is None:
            self._put(text, shed)
            return
        for event in self._beta.to_client(json.decode_object(text)):
            self._put(json.encode(event), shed)

    def _put(self, text: str, shed: Shed) -> None:
        try:
            self._outbox.put(text, Rank.AUDIO if shed is Shed.AUDIO else Rank.RECORD)
        except SlowConsumer as error:
            self.fail(error)
        if self._outbox.shed_audio:
            self.fail(SlowConsumer("the client does not read"))

    def ended(self, reason: str) -> None:
        """The call is over."""
        self._end(_CLOSES.get(reason, 1011), reason)

    def stalled_for(self) -> float:
        """For how many seconds something has waited unsent."""
        return self._outbox.stalled_for()

    def fail(self, error: GatewayError) -> None:
        """End the connection with the close code of the error; the first end counts."""
        said = told(error)
        self._end(refusal(said).close or 1011, said.code)

    def _end(self, code: int, reason: str) -> None:
        if not self._ending.done():
            self._ending.set_result((code, reason))

    # -- its life --------------------------------------------------------------------------------------

    async def run(self, request: web.Request, session: Session, client: int) -> None:
        """Serve the client until it leaves or is ended."""
        try:
            await self.socket.prepare(request)
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(feed(self.socket, self._outbox))
                reader = group.create_task(self._read(session, client))
                await asyncio.wait((reader, self._ending), return_when=asyncio.FIRST_COMPLETED)
                reader.cancel()
                session.clients.leave(client)
                self._outbox.close()
                if self._ending.done():
                    await asyncio.wait((writer,), timeout=FLUSH_S)
                    writer.cancel()
                    await close(request, self.socket, *self._ending.result())
                writer.cancel()
        finally:
            session.clients.leave(client)
            self._telemetry.client_shed(self._outbox.shed_audio_ms, self._outbox.shed_deltas)

    async def _read(self, session: Session, client: int) -> None:
        while True:
            message = await self.socket.receive()
            if message.type is not WSMsgType.TEXT and message.type is not WSMsgType.BINARY:
                return
            try:
                await self._receive(message.data, session, client)
                await self._outbox.room()
            except SessionNotFound:
                await asyncio.wait((self._ending,), timeout=CLOSE_S)
                return
            except SlowConsumer:
                return

    async def _receive(self, message: bytes, session: Session, client: int) -> None:
        event: JsonObject = {}
        try:
            event = parsed(message)
            if event.get("type") == "input_audio_buffer.append":
                dropped = await session.clients.append_audio(audio_of(event))
                if dropped:
                    self._telemetry.audio_dropped(dropped)
                return
            if self._beta is not None:
                event = self._beta.from_client(event)
            await session.clients.take(event, client)
        except Complaint as complaint:
            self._complain(complaint, event.get("event_id"))
        except Overloaded as error:
            self._complain(Complaint("overloaded", error.message, kind="server_error"), event.get("event_id"))

    def _complain(self, complaint: Complaint, event_id: object) -> None:
        self._complaints += 1
        told_id = event_id if isinstance(event_id, str) else None
        event = {"event_id": f"event_door_{self._complaints}", **complaint.event(told_id)}
        self._put(json.encode(event), Shed.NEVER)


async def turn_away(request: web.Request, complaint: Complaint, code: int) -> Socket:
    """Open a socket only to say why it is closed."""
    socket = new_socket(PROTOCOL, MAX_MESSAGE)
    await socket.prepare(request)
    await socket.send_str(json.encode({"event_id": "event_door_1", **complaint.event(None)}))
    await socket.close(code=code, message=complaint.code.encode())
    return socket
