"""The mock on the network: the Realtime API by WebSocket, what agents need by HTTP, and the door to its inside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from realtime.errors import ConfigurationError
from realtime.mock import edge
from realtime.mock.agent_door import AgentDoor
from realtime.mock.calls import Calls, peers_for
from realtime.mock.calls_door import CallsDoor
from realtime.mock.host import MockHost
from realtime.mock.inside_door import InsideDoor
from realtime.mock.journal import Journal
from realtime.mock.magic import DefaultScript
from realtime.mock.realtime_door import CLOSE_S, RealtimeDoor
from realtime.mock.recording import load_recording
from realtime.mock.recording_door import RecordingDoor, ReplayDoor, serve_door
from realtime.mock.reply import Script
from realtime.mock.scenarios import Scenario, find_scenario
from realtime.mock.script import load_script


class MockServer:
    """``async with MockServer(...) as server``: listens from enter to exit; ``port`` is then the real one.

    ``mock`` holds what its sessions share; change its ``settings`` before entering, or its ``peers``, which
    answer calls by WebRTC.
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
        app = web.Application(client_max_size=edge.MAX_MESSAGE, middlewares=[edge.refusals])
        realtime = RealtimeDoor(self.mock, api_key)
        self.mock.peers = peers_for(host)
        self._calls = Calls(self.mock)
        calls = CallsDoor(self.mock, self._calls, realtime.denied)
        for door in (realtime, calls, AgentDoor(self.mock, realtime.denied), InsideDoor(self.mock)):
            app.add_routes(door.routes())
        app.router.add_route("OPTIONS", "/v1/{path:.*}", edge.preflight)
        app.on_response_prepare.append(edge.allow_pages)
        app.on_shutdown.append(self._leave)
        self._runner = web.AppRunner(app, shutdown_timeout=CLOSE_S, access_log=None)

    @property
    def base_url(self) -> str:
        """What SDKs take as base URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"

    async def __aenter__(self) -> Self:
        await self._calls.__aenter__()
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
            await self._calls.__aexit__(None, None, None)
            self.mock.journal.close()

    async def _leave(self, app: web.Application) -> None:
        del app
        async with asyncio.TaskGroup() as group:
            for connection in self.mock.connections.values():
                group.create_task(connection.stop())


@dataclass(frozen=True, slots=True)
class MockOptions:
    """What ``voxgate mock`` is given. ``script`` is a name or a file; ``log`` a file for JSON lines.

    ``record``: instead of a mock, a proxy of this base URL that writes ``log``. ``replay``: instead of a
    mock, the recording in this file.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    script: str = "default"
    scenario: str | None = None
    seed: int | None = None
    api_key: str | None = None
    log: Path | None = None
    refuse_beta: bool = True
    record: str | None = None
    replay: Path | None = None


async def run_mock(options: MockOptions, ready: Callable[[str], None]) -> None:
    """Serve until cancelled; ``ready`` gets the base URL.

    Raises ``ConfigurationError`` before it listens, ``OSError`` when it cannot listen.
    """
    if options.replay is not None:
        await serve_door(ReplayDoor(load_recording(options.replay)), options.host, options.port, ready)
    if options.record is not None:
        await _record(options, options.record, ready)
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
    situation.prepare(server.mock)
    server.mock.agent_script = chosen
    server.mock.refuse_beta = options.refuse_beta
    async with server:
        ready(server.base_url)
        await asyncio.get_running_loop().create_future()


async def _record(options: MockOptions, upstream: str, ready: Callable[[str], None]) -> None:
    if options.log is None:
        raise ConfigurationError("--record: needs --log FILE to record to", setting="--record")
    journal = Journal(options.log)
    try:
        await serve_door(RecordingDoor(upstream, journal, options.api_key), options.host, options.port, ready)
    finally:
        journal.close()
