"""The aiohttp application: its routes and its life."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import web

from realtime.errors import ConfigurationError
from realtime.gateway import Gateway
from realtime.server.access import Access
from realtime.server.clients import Clients
from realtime.server.guard import STREAM, Guard, Handler, is_upgrade
from realtime.server.page import asset, page
from realtime.server.realtime_door import RealtimeDoor
from realtime.server.rest import ROUTES, json_response
from realtime.server.rpc import ClientConnection
from realtime.server.schemas import asyncapi, openapi
from realtime.server.sockets import LOST
from realtime.server.sse import EventStream, event_response
from realtime.server.wire import Runner
from realtime.settings import LimitsSettings, ServerSettings
from realtime.telemetry import Telemetry

SHUTDOWN_S = 3.0
"""How long connections may take to end before their tasks are cancelled."""
BACKLOG = 1024
GONE = 1001
"""As the end of an event stream is counted among close codes (RFC 6455, section 7.4.1)."""

CLIENTS: web.AppKey[Clients] = web.AppKey("clients", Clients)


def build_app(
    gateway: Gateway, settings: ServerSettings, limits: LimitsSettings, telemetry: Telemetry
) -> web.Application:
    """All doors of a gateway. Raises ``ConfigurationError`` for a listener that would stand open."""
    access = Access(settings)
    guard = Guard(access, limits, telemetry)
    app = web.Application(client_max_size=limits.message_bytes, middlewares=[guard.middleware])
    app[CLIENTS] = Clients(telemetry, limit=settings.max_connections, stall_s=limits.client_stall_s)
    app.on_response_prepare.append(guard.on_prepare)
    doors = _Doors(gateway, app[CLIENTS], limits, telemetry)
    for route in ROUTES:
        _add(app, route.verb, route.path, partial(route.handler, gateway))
    app.router.add_routes(RealtimeDoor(gateway, access, app[CLIENTS], settings, limits, telemetry).routes())
    app.router.add_get("/v1/rpc", doors.rpc, allow_head=False)
    app.router.add_get("/v1/threads/{threadId}/events", doors.events, allow_head=False)
    get = partial(_add, app, "GET")
    get("/", doors.front)
    get("/console/{name}", asset)
    get("/healthz", doors.health)
    get("/readyz", doors.readiness)
    get("/metrics", doors.metrics)
    get("/openapi.json", _document(openapi))
    get("/asyncapi.json", _document(asyncapi))
    return app


def _add(app: web.Application, verb: str, path: str, handler: Handler) -> None:
    """A route; what can be got can be asked for its head alone (RFC 9110, section 9.3.2)."""
    app.router.add_route(verb, path, handler)
    if verb == "GET":
        app.router.add_route("HEAD", path, handler)


@asynccontextmanager
async def serving(
    gateway: Gateway, settings: ServerSettings, limits: LimitsSettings, telemetry: Telemetry
) -> AsyncIterator[str]:
    """Listen; yields the page's address with the real port. On leaving, sockets close with 1012."""
    app = build_app(gateway, settings, limits, telemetry)
    runner = Runner(app, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        port = await _listen(runner, settings)
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(app[CLIENTS].watch())
            try:
                yield f"http://{_in_address(settings.host)}:{port}/"
            finally:
                watch.cancel()
    finally:
        # first, since the runner's own shutdown no longer hears what clients answer to a close
        await app[CLIENTS].drain(SHUTDOWN_S)
        await runner.cleanup()


async def _listen(runner: Runner, settings: ServerSettings) -> int:
    try:
        await web.TCPSite(runner, settings.host, settings.port, backlog=BACKLOG).start()
    except OSError as error:
        raise ConfigurationError(
            f"server.port: cannot listen on {settings.host} port {settings.port}: {error.strerror or error}",
            setting="server.port",
        ) from None
    return int(runner.addresses[0][1])


class _Doors:
    """The handlers that are no plain request and answer."""

    def __init__(self, gateway: Gateway, clients: Clients, limits: LimitsSettings, telemetry: Telemetry) -> None:
        self._gateway = gateway
        self._clients = clients
        self._limits = limits
        self._telemetry = telemetry

    async def front(self, request: web.Request) -> web.StreamResponse:
        """The page, or the JSON-RPC door on the same path."""
        wanted = request.method == "GET" and is_upgrade(request)
        return await self.rpc(request) if wanted else page("index.html")

    async def rpc(self, request: web.Request) -> web.StreamResponse:
        """A client's WebSocket."""
        connection = ClientConnection(self._gateway, self._limits, self._telemetry)
        request[STREAM] = connection.socket
        self._clients.add(connection)
        try:
            await connection.run(request)
        finally:
            self._clients.discard(connection, code=connection.socket.close_code or LOST)
        return connection.socket

    async def events(self, request: web.Request) -> web.StreamResponse:
        """A thread's events."""
        stream = EventStream(self._gateway, self._limits)
        response = event_response()
        request[STREAM] = response
        self._clients.add(stream)
        try:
            await stream.run(request, response)
        finally:
            self._clients.discard(stream, code=GONE)
        return response

    async def health(self, request: web.Request) -> web.Response:
        """The loop answers."""
        return json_response({"status": "ok"})

    async def readiness(self, request: web.Request) -> web.Response:
        """Ready for new work, else 503 with the reason."""
        await self._gateway.ready()
        return json_response({"status": "ready"})

    async def metrics(self, request: web.Request) -> web.Response:
        """Counters."""
        return web.Response(text=self._telemetry.snapshot())


def _document(build: Callable[[], dict[str, object]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def show(request: web.Request) -> web.Response:
        return json_response(build())

    return show


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
