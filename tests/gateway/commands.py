"""``voxgate mock`` and ``voxgate call`` as processes, for tests."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.journal import judge
from tests.clients.programs import output_of
from tests.gateway import journal

START_S = 30.0
CALL_S = 60.0


@dataclass(frozen=True, slots=True)
class MockProcess:
    """A mock that is ready."""

    base_url: str
    log_file: Path

    def log(self) -> journal.Log:
        """What has been said so far."""
        return journal.read(self.log_file)


@dataclass(frozen=True, slots=True)
class Called:
    """How ``voxgate call --json`` ended; ``lines`` are those of stdout."""

    status: int
    lines: list[dict[str, Any]]
    errors: str

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The lines of one type."""
        return [line for line in self.lines if line["type"] == kind]


@asynccontextmanager
async def mocking(environment: Mapping[str, str], folder: Path) -> AsyncIterator[MockProcess]:
    """A mock with a log, for the length of the block; what it said is held against the book at the end."""
    log_file = folder / "mock.jsonl"
    command = (sys.executable, "-m", "realtime", "mock", "--port", "0", "--log", str(log_file))
    with (folder / "mock.log").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=errors, env=environment)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_S):
            ready = (await process.stdout.readline()).decode().strip()
        assert ready.startswith("The mock of the Realtime API is ready: "), ready
        yield MockProcess(ready.rpartition(" ")[2], log_file)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()
    judge(log_file)


async def call(environment: Mapping[str, str], *arguments: str) -> Called:
    """Hold a talk with ``--json`` to its end."""
    command = (sys.executable, "-m", "realtime", "call", "--json", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=environment)
    out, errors = await output_of(process, CALL_S)
    assert process.returncode is not None
    return Called(process.returncode, [json.loads(line) for line in out.splitlines()], errors.decode())
