"""A process that hears or speaks for the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from realtime.mock.speech import pipe
from realtime.mock.speech.pipe import Message
from realtime.protocol.json import JsonObject

_ROOT = Path(__file__).resolve().parents[3]
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1"}
"""Nothing of the gateway's own environment: its keys are no business of a child's."""
_LEAVE_S = 2.0


class ChildGone(Exception):
    """The process has ended, or never came."""


class Child:
    """Runs a module of this package and exchanges messages with it. It ends when its input ends."""

    def __init__(self, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ChildGone("no pipes")
        self._process = process
        self._input = process.stdin
        self._output = process.stdout

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """False once it has ended."""
        return self._process.returncode is None

    async def send(self, head: JsonObject, sound: bytes = b"") -> None:
        """Send a message, waiting while the pipe is full; raises ``ChildGone``."""
        try:
            self._input.write(pipe.pack(head, sound))
            await self._input.drain()
        except (ConnectionError, RuntimeError) as error:
            raise ChildGone(str(error)) from error

    async def receive(self) -> Message:
        """The next message; raises ``ChildGone``."""
        try:
            return await pipe.read(self._output)
        except EOFError as error:
            raise ChildGone(str(error)) from error

    async def stop(self) -> None:
        """End it and wait until it is gone."""
        with contextlib.suppress(OSError, RuntimeError):
            self._input.close()
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                await self._process.wait()


async def start(module: str, *arguments: str) -> Child:
    """Start ``module``; raises ``ChildGone`` when that is not possible."""
    command = (sys.executable, "-P", "-m", f"realtime.mock.speech.{module}", *arguments)
    try:
        return Child(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=_ENVIRONMENT))
    except OSError as error:
        raise ChildGone(error.strerror or "the process could not be started") from error
