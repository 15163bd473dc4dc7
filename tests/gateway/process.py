"""``voxgate serve`` as a process of its own, for tests."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

READY = "Voxgate is ready: "
START_S = 60.0
STOP_S = 15.0


class NotReadyError(Exception):
    """The process ended, or said nothing, before it was ready; the text is what it logged."""


@dataclass(frozen=True, slots=True)
class Serve:
    """How to start a gateway. It listens on a free port of the loopback.

    ``environment`` is the fixture ``gateway_env``, or one made of it; ``data`` the folder of its store, in
    which its logs lie as well, so that the canary looks through them. ``settings`` are named as in the
    documentation (``limits.orphan_s``); ``before`` is put in front of the command, such as a tracer that
    becomes the command itself.
    """

    environment: Mapping[str, str]
    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    flags: Sequence[str] = ()
    before: Sequence[str] = ()

    @property
    def log(self) -> Path:
        """What it writes to stderr, of all starts."""
        return self.data / "gateway.log"

    def command(self) -> list[str]:
        """The command line."""
        serve = [sys.executable, "-m", "realtime", "serve", "--port", "0", "--data", str(self.data)]
        return [*self.before, *serve, *self.flags]

    def variables(self) -> dict[str, str]:
        """The environment with the settings in it."""
        named = {f"VOXGATE_{name.upper().replace('.', '__')}": value for name, value in self.settings.items()}
        return {**self.environment, **named}


class GatewayProcess:
    """A gateway that is ready. ``url`` is its address by HTTP, ``rpc`` that of the JSON-RPC door."""

    def __init__(self, process: Process, ready_line: str, log: Path) -> None:
        self._process = process
        self.ready_line = ready_line
        self.log = log
        """What it writes to stderr."""
        self.url = ready_line.removeprefix(READY).split()[0].rstrip("/")
        self.rpc = f"{self.url.replace('http', 'ws', 1)}/v1/rpc"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rpartition(":")[2])

    @property
    def running(self) -> bool:
        """False once it has ended."""
        return self._process.returncode is None

    @property
    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone; nothing happens when it is."""
        if self.running:
            self._process.kill()
        await self._process.wait()

    async def stop(self, within_s: float = STOP_S) -> int:
        """SIGTERM; the exit status. Raises ``TimeoutError`` when it does not end."""
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(within_s):
            return await self._process.wait()


async def start(serve: Serve) -> GatewayProcess:
    """Start a gateway and wait until it is ready; whoever calls ends it. Raises ``NotReadyError``."""
    process = await _spawn(serve)
    line = ""
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                line = await _first_line(process)
    finally:  # also when cancelled: nobody else would end it
        if not line.startswith(READY):
            if process.returncode is None:
                process.kill()
            await process.wait()
    if not line.startswith(READY):
        raise NotReadyError(f"{line}\n{serve.log.read_text(errors='replace')[-4000:]}")
    return GatewayProcess(process, line, serve.log)


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[GatewayProcess]:
    """A gateway for the length of the block; it is ended by SIGTERM, or killed when it does not listen."""
    gateway = await start(serve)
    try:
        yield gateway
    finally:
        try:
            await gateway.stop()
        finally:
            await gateway.kill()


async def start_and_kill(serve: Serve, after_s: float) -> None:
    """Start a gateway and kill it after so many seconds, be it ready or not."""
    process = await _spawn(serve)
    try:
        async with asyncio.timeout(after_s):
            await process.wait()
    except TimeoutError:
        process.kill()
    await process.wait()


async def _spawn(serve: Serve) -> Process:
    serve.data.mkdir(parents=True, exist_ok=True)
    with serve.log.open("ab") as errors:
        return await asyncio.create_subprocess_exec(*serve.command(), stdout=PIPE, stderr=errors, env=serve.variables())


async def _first_line(process: Process) -> str:
    if process.stdout is None:
        return ""
    return (await process.stdout.readline()).decode().rstrip("\n")
