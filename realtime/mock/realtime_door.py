"""The Realtime API by WebSocket and HTTP."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from realtime.mock import edge
from realtime.mock.beta import BETA_CLOSE, BETA_MESSAGE, BETA_REFUSED, asks_for_beta
from realtime.mock.client_secrets import PREFIX, ClientSecret
from realtime.mock.host import MockHost
from realtime.mock.refusal import error_event
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from transports.errors import LinkClosed

CLOSE_S = 2.0


class RealtimeDoor:
    """Opens sessions, lets sidebands join calls, and gives out client secrets."""

    def __init__(self, host: MockHost, api_key: str | None) -> None:
        self._host = host
        self._api_key = api_key

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get("/v1/realtime", self._realtime),
            web.post("/v1/realtime/client_secrets", self._create_secret),
            web.post("/v1/realtime/sessions", self._beta_route),
            web.post("/v1/realtime/transcription_sessions", self._beta_route),
        ]

    def denied(self, request: web.Request) -> web.Response | None:
        """The answer to a client without the key; None for one that has it, or where none is asked for."""
        key = edge.key_of(request.headers)
        right = not (key or "").startswith(PREFIX) if self._api_key is None else key == self._api_key
        return None if right else edge.wrong_key()

    async def _realtime(self, request: web.Request) -> web.StreamResponse:
        kind = "sideband" if "call_id" in request.query else "session"
        struck = self._host.faults.strike("upgrade", json.encode({"type": kind}))
        if (answer := await edge.suffer(request, struck)) is not None:
            return answer
        key = edge.key_of(request.headers) or ""
        secret = self._host.client_secrets.find(key) if key.startswith(PREFIX) else None
        if secret is None and (denied := self.denied(request)) is not None:
            return denied
        if "call_id" in request.query:
            return await self._join(request, request.query["call_id"])
        transcribing = request.query.get("intent") == "transcription"
        model = secret.model if secret else request.query.get("model") or ("gpt-realtime" if transcribing else "")
        if not model:
            return edge.error(400, "missing_required_parameter", "Missing required parameter: 'model'.", param="model")
        opening = _opening(secret, transcribing=transcribing)
        socket = self._socket()
        if not socket.can_prepare(request):
            return edge.error(426, "upgrade_required", "This is a WebSocket endpoint.")
        await socket.prepare(request)
        if self._host.refuse_beta and asks_for_beta(request.headers):
            await socket.send_str(json.encode({"event_id": "event_1", **error_event(BETA_REFUSED, BETA_MESSAGE)}))
            await socket.close(code=BETA_CLOSE, message=b"beta api shape disabled")
            return socket
        await self._host.serve(SocketCarrier(socket, request), model, opening=opening)
        return socket

    async def _join(self, request: web.Request, call_id: str) -> web.StreamResponse:
        live = self._host.call(call_id)
        if live is None:
            return edge.no_call(call_id)
        socket = self._socket()
        if not socket.can_prepare(request):
            return edge.error(426, "upgrade_required", "This is a WebSocket endpoint.")
        await socket.prepare(request)
        await self._host.join(SocketCarrier(socket, request), live)
        return socket

    def _socket(self) -> web.WebSocketResponse:
        return web.WebSocketResponse(
            protocols=("realtime",),
            max_msg_size=edge.MAX_MESSAGE,
            compress=False,
            timeout=CLOSE_S,
            heartbeat=self._host.heartbeat_s,
        )

    async def _create_secret(self, request: web.Request) -> web.Response:
        if (denied := self.denied(request)) is not None:
            return denied
        return edge.json_answer(self._host.client_secrets.create(await edge.body_of(request)))

    async def _beta_route(self, request: web.Request) -> web.Response:
        return self.denied(request) or edge.error(400, BETA_REFUSED, BETA_MESSAGE)


class SocketCarrier:
    """An accepted WebSocket as a carrier."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self._socket = socket
        self._request = request

    async def send(self, text: str) -> None:
        try:
            await self._socket.send_str(text)
        except ConnectionError as error:
            raise LinkClosed(str(error), code=self._socket.close_code) from None

    async def receive(self) -> str | bytes:
        message = await self._socket.receive()
        if isinstance(message.data, str) and message.type is WSMsgType.TEXT:
            return message.data
        if message.type is WSMsgType.BINARY:
            return bytes(message.data)
        raise LinkClosed("closed", code=self._socket.close_code, clean=message.type is not WSMsgType.ERROR)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._socket.close(code=code, message=reason.encode())
        except TimeoutError:  # the client does not even read that
            edge.cut(self._request, reset=True)

    async def abort(self, *, reset: bool) -> None:
        edge.cut(self._request, reset=reset)


def _opening(secret: ClientSecret | None, *, transcribing: bool) -> JsonObject | None:
    if secret is not None:
        return secret.opening
    return {"type": "transcription"} if transcribing else None
