"""Debian's TURN server, started for a test on this machine's loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL

from tests.needs import find_tool
from transports.peer import IceServer

NAME, SECRET = "caller", "canary-turn-7f3a"


@asynccontextmanager
async def turn_server(folder: Path, transport: str) -> AsyncIterator[IceServer]:
    """It takes requests on one port by UDP and TCP, and relays on loopback."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [
        str(find_tool("turnserver")),
        *("-n", "--no-cli", "--no-tls", "--no-dtls", "--no-stdout-log", "--lt-cred-mech", "--allow-loopback-peers"),
        *("--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", f"--listening-port={port}", "--relay-threads=1"),
        *("--cli-password=unused", f"--user={NAME}:{SECRET}", "--realm=test"),
        *(f"--pidfile={folder}/pid", f"--log-file={folder}/log", f"--userdb={folder}/db", "--simple-log"),
    ]
    server = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL, cwd=folder)
    try:
        await _listening(port)
        yield IceServer([f"turn:127.0.0.1:{port}?transport={transport}"], username=NAME, credential=SECRET)
    finally:
        server.terminate()
        await server.wait()


async def _listening(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            await writer.wait_closed()
            return
    raise TimeoutError("the TURN server does not listen")
