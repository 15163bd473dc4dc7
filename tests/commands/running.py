"""Commands as processes: begun, read, stopped."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

TALK_S = 30


@asynccontextmanager
async def started(folder: Path, *argv: str, **settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that runs on its own, with settings by environment; killed at the end if it still does."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    environment = plain | {"VOXGATE_SPEECH__ENGINES": "off"} | settings
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "realtime",
        *argv,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def first_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return (await process.stdout.readline()).decode()


async def finished(folder: Path, *argv: str) -> tuple[int | None, str, str]:
    async with started(folder, *argv) as process, asyncio.timeout(TALK_S):
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()


def address(line: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
    assert found is not None, line
    return found.group().removesuffix("/")


async def stopped(process: asyncio.subprocess.Process, number: signal.Signals) -> tuple[int | None, str, str]:
    process.send_signal(number)
    async with asyncio.timeout(15):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()
