"""The mock on the network: the Realtime API by WebSocket, what agents need by HTTP, and the door to its inside."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import WSMsgType, web

from realtime.mock.agent_api import AgentResponse, answer_request
from realtime.mock.faults import Fault
from realtime.mock.host import MockHost
from realtime.mock.ids import Ids
from realtime.mock.journal import Journal
from realtime.mock.magic import DefaultScript
from realtime.mock.refusal import Refused
from realtime.mock.reply import Script
from realtime.mock.scenarios import Scenario, find_scenario
from realtime.mock.script import load_script
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from transports.errors import LinkClosed

_MAX_MESSAGE = 32 * 1024 * 1024
_KEY_PROTOCOL = "openai-insecure-api-key."
_MODELS = ("gpt-realtime", "gpt-realtime-1.5", "gpt-realtime-2", "gpt-5.2")
_LINGER = struct.pack("ii", 1, 0)
_CLOSE_S = 2.0


class MockServer:
    """``async with MockServer(...) as server``: listens from enter to exit; ``port`` is then the real one.

    ``mock`` holds what its sessions share; change its ``settings`` before entering.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        script: Script | None = None,
        seed: int | None = None,
        api_key: str | None = None,
        log: Path | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.mock = MockHost(script or DefaultScript(), seed=seed, journal=Journal(log))
        self._api_key = api_key
        self._ids = Ids(secrets.token_hex(8) if seed is None else f"{seed}/responses")
        self._runner = web.AppRunner(self._application(), shutdown_timeout=_CLOSE_S, access_log=None)

    @property
    def base_url(self) -> str:
        """What SDKs take as base URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"

    async def __aenter__(self) -> Self:
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, self.host, self.port).start()
        except BaseException:
            await self._close()
            raise
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        try:
            await self._runner.cleanup()
        finally:
            self.mock.journal.close()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=_MAX_MESSAGE, middlewares=[_refusals])
        app.add_routes(
            [
                web.get("/v1/realtime", self._realtime),
                web.get("/v1/models", self._models),
                web.post("/v1/responses", self._responses),
                web.get("/_mock/sessions", self._sessions),
                web.post("/_mock/push", self._push),
                web.get("/_mock/faults", self._list_faults),
                web.post("/_mock/faults", self._add_fault),
                web.delete("/_mock/faults", self._clear_faults),
                web.delete("/_mock/faults/{id}", self._remove_fault),
            ]
        )
        app.on_shutdown.append(self._leave)
        return app

    async def _leave(self, app: web.Application) -> None:
        del app
        async with asyncio.TaskGroup() as group:
            for connection in self.mock.connections.values():
                group.create_task(connection.stop())

    # -- the Realtime API ------------------------------------------------------------------

    async def _realtime(self, request: web.Request) -> web.StreamResponse:
        if (answer := await self._strike_upgrade(request)) is not None:
            return answer
        if (denied := self._denied(request)) is not None:
            return denied
        if "call_id" in request.query:
            return _error(404, "call_id_not_found", f"No session found for call_id '{request.query['call_id']}'.")
        model = request.query.get("model")
        if not model:
            return _error(400, "missing_required_parameter", "Missing required parameter: 'model'.", param="model")
        socket_ = web.WebSocketResponse(
            protocols=("realtime",), max_msg_size=_MAX_MESSAGE, compress=False, timeout=_CLOSE_S
        )
        if not socket_.can_prepare(request):
            return _error(426, "upgrade_required", "This is a WebSocket endpoint.")
        await socket_.prepare(request)
        await self.mock.serve(_SocketCarrier(socket_, request), model)
        return socket_

    async def _strike_upgrade(self, request: web.Request) -> web.StreamResponse | None:
        for fault in self.mock.faults.strike("upgrade"):
            if fault.kind == "delay":
                await asyncio.sleep(fault.args.get("seconds", 1.0))
            elif fault.kind == "stall":
                await asyncio.sleep(fault.args.get("seconds", 3600.0))
            elif fault.kind == "refuse":
                return _refusal(fault)
            else:
                _cut(request, reset=fault.kind == "rst")
                return web.Response(status=500)
        return None

    def _denied(self, request: web.Request) -> web.Response | None:
        """The answer to a client without the key; None for one that has it, or where none is asked for."""
        if self._api_key is None or _key(request) == self._api_key:
            return None
        return _error(401, "invalid_api_key", "Incorrect API key provided.")

    async def _models(self, request: web.Request) -> web.Response:
        if (denied := self._denied(request)) is not None:
            return denied
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "voxgate"} for name in _MODELS]
        return _json({"object": "list", "data": data})

    # -- the Responses API -----------------------------------------------------------------

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        if (denied := self._denied(request)) is not None:
            return denied
        body = await _body(request)
        answer = answer_request(body, DefaultScript(), self._ids, int(time.time()))
        if body.get("stream"):
            return await _streamed(request, answer)
        for step in answer.stream():
            if isinstance(step, float):
                await asyncio.sleep(step)
        return _json(answer.body("completed"))

    # -- the inside ------------------------------------------------------------------------

    async def _sessions(self, request: web.Request) -> web.Response:
        del request
        return _json({"sessions": self.mock.sessions()})

    async def _push(self, request: web.Request) -> web.Response:
        body = await _body(request)
        event, session = body.get("event"), body.get("session")
        if not isinstance(event, dict) or not isinstance(session, str):
            raise Refused("invalid_value", "A push needs a 'session' and an 'event'.")
        connection = self.mock.find(session)
        if connection is None:
            return _error(404, "session_not_found", f"No live session '{session}'.", param="session")
        connection.push(event)
        return _json({"session": connection.model.session_id})

    async def _list_faults(self, request: web.Request) -> web.Response:
        del request
        return _json({"faults": self.mock.faults.to_json()})

    async def _add_fault(self, request: web.Request) -> web.Response:
        return _json({"id": self.mock.faults.add(await _body(request)).id}, status=201)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        del request
        self.mock.faults.clear()
        return web.Response(status=204)

    async def _remove_fault(self, request: web.Request) -> web.Response:
        fault_id = request.match_info["id"]
        if self.mock.faults.remove(fault_id):
            return web.Response(status=204)
        return _error(404, "fault_not_found", f"No fault '{fault_id}'.")


class _SocketCarrier:
    """An accepted WebSocket as a carrier."""

    def __init__(self, socket_: web.WebSocketResponse, request: web.Request) -> None:
        self._socket = socket_
        self._request = request

    async def send(self, text: str) -> None:
        try:
            await self._socket.send_str(text)
        except ConnectionError as error:
            raise LinkClosed(str(error), code=self._socket.close_code) from None

    async def receive(self) -> str | bytes:
        message = await self._socket.receive()
        if message.type is WSMsgType.TEXT:
            return str(message.data)
        if message.type is WSMsgType.BINARY:
            return bytes(message.data)
        raise LinkClosed("closed", code=self._socket.close_code, clean=message.type is not WSMsgType.ERROR)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._socket.close(code=code, message=reason.encode())

    async def abort(self, *, reset: bool) -> None:
        _cut(self._request, reset=reset)


@dataclass(frozen=True, slots=True)
class MockOptions:
    """What ``voxgate mock`` is given. ``script`` is a name or a file; ``log`` a file for JSON lines."""

    host: str = "127.0.0.1"
    port: int = 8765
    script: str = "default"
    scenario: str | None = None
    seed: int | None = None
    api_key: str | None = None
    log: Path | None = None


async def run_mock(options: MockOptions, ready: Callable[[str], None]) -> None:
    """Serve until cancelled; ``ready`` gets the base URL.

    Raises ``ConfigurationError`` before it listens, ``OSError`` when it cannot listen.
    """
    chosen = load_script(options.script)
    situation = find_scenario(options.scenario) if options.scenario is not None else Scenario("")
    server = MockServer(
        options.host,
        options.port,
        script=situation.script(chosen),
        seed=options.seed,
        api_key=options.api_key,
        log=options.log,
    )
    server.mock.settings = situation.settings
    for fault in situation.faults:
        server.mock.faults.add(fault)
    async with server:
        ready(server.base_url)
        await asyncio.get_running_loop().create_future()


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return _error(400, refused.code, refused.message, param=refused.param)


async def _body(request: web.Request) -> JsonObject:
    try:
        return json.decode_object(await request.read())
    except ValueError as error:
        raise Refused("invalid_json", f"We could not parse the JSON body of your request: {error}.") from None


async def _streamed(request: web.Request, answer: AgentResponse) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await stream.prepare(request)
    for step in answer.stream():
        if isinstance(step, float):
            await asyncio.sleep(step)
        else:
            await stream.write(f"event: {step['type']}\ndata: {json.encode(step)}\n\n".encode())
    await stream.write_eof()
    return stream


def _key(request: web.Request) -> str | None:
    """The key of the header, or of the subprotocols that browsers have to use."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    keys = (each.strip().removeprefix(_KEY_PROTOCOL) for each in offered if each.strip().startswith(_KEY_PROTOCOL))
    return next(keys, request.headers.get("api-key"))


def _refusal(fault: Fault) -> web.Response:
    status = int(fault.args.get("status", 503))
    answer = _error(status, "refused", "Refused on purpose.")
    if "retryAfter" in fault.args:
        answer.headers["Retry-After"] = f"{fault.args['retryAfter']:g}"
    return answer


def _cut(request: web.Request, *, reset: bool) -> None:
    """End the TCP connection under whatever runs on it."""
    transport = request.transport
    if transport is None:
        return
    if reset:
        connected = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        transport.abort()
    else:
        transport.close()


def _json(value: JsonObject, *, status: int = 200) -> web.Response:
    return web.Response(text=json.encode(value), status=status, content_type="application/json")


def _error(status: int, code: str, message: str, *, param: str | None = None) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return _json({"error": error}, status=status)
