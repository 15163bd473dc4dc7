"""The doors that record a real server's sessions, and play recordings back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from urllib.parse import urlsplit

from aiohttp import web

from realtime.errors import ConfigurationError
from realtime.mock import edge
from realtime.mock.journal import Journal
from realtime.mock.realtime_door import CLOSE_S, SocketCarrier
from realtime.mock.recording import Frame, record, replay
from transports.errors import ConnectFailed
from transports.websocket import connect

_CONNECT_S = 10.0
_PASSED_ON = ("Authorization", "OpenAI-Organization", "OpenAI-Project", "OpenAI-Safety-Identifier", "OpenAI-Beta")


class RecordingDoor:
    """Passes WebSocket sessions on to ``upstream`` (a base URL as SDKs take it) and writes them down.

    ``api_key`` goes upstream in place of the client's key. No key gets into the journal.
    """

    def __init__(self, upstream: str, journal: Journal, api_key: str | None) -> None:
        parts = urlsplit(upstream)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ConfigurationError("--record: must be an http or https base URL", setting="--record")
        scheme = {"http": "ws", "https": "wss"}[parts.scheme]
        self._url = f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/realtime"
        self._journal = journal
        self._api_key = api_key
        self._count = count(1)

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [web.get("/v1/realtime", self._realtime)]

    async def _realtime(self, request: web.Request) -> web.StreamResponse:
        key = self._api_key or edge.key_of(request.headers)
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        try:
            upstream = await connect(
                f"{self._url}?{request.query_string}",
                headers=headers,
                connect_timeout=_CONNECT_S,
                max_bytes=edge.MAX_MESSAGE,
            )
        except ConnectFailed as failed:
            return edge.error(failed.status or 502, "upstream_refused", str(failed))
        socket = web.WebSocketResponse(protocols=("realtime",), max_msg_size=edge.MAX_MESSAGE, timeout=CLOSE_S)
        await socket.prepare(request)
        conn = f"c{next(self._count)}"
        try:
            await record(SocketCarrier(socket, request), upstream, self._journal, conn, key)
        finally:
            await upstream.close()
        return socket


class ReplayDoor:
    """Each connection gets the next session of a recording; after the last comes the first."""

    def __init__(self, sessions: Sequence[Sequence[Frame]]) -> None:
        self._sessions = sessions
        self._count = count()

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [web.get("/v1/realtime", self._realtime)]

    async def _realtime(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=("realtime",), max_msg_size=edge.MAX_MESSAGE, timeout=CLOSE_S)
        await socket.prepare(request)
        frames = self._sessions[next(self._count) % len(self._sessions)]
        await replay(SocketCarrier(socket, request), frames)
        return socket


async def serve_door(door: RecordingDoor | ReplayDoor, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Listen until cancelled; ``ready`` gets the base URL. Raises ``OSError`` when it cannot listen."""
    app = web.Application()
    app.add_routes(door.routes())
    runner = web.AppRunner(app, shutdown_timeout=CLOSE_S, access_log=None, handler_cancellation=True)
    try:
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        place = f"[{host}]" if ":" in host else host
        ready(f"http://{place}:{runner.addresses[0][1]}/v1")
        await asyncio.get_running_loop().create_future()
    finally:
        await runner.cleanup()
