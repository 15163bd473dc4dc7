"""The yardstick: a relay on the ``websockets`` library that passes every message on and does nothing else."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


async def pump(source: Connection, target: Connection) -> None:
    """Pass on until either end closes."""
    try:
        async for message in source:
            await target.send(message)
    except ConnectionClosed:
        pass
    await target.close()


async def main(upstream_url: str) -> None:
    """Print the port, then relay until killed."""

    async def relay(client: ServerConnection) -> None:
        connecting = connect(upstream_url, compression=None, proxy=None, max_size=None)
        async with connecting as upstream, asyncio.TaskGroup() as group:
            group.create_task(pump(client, upstream))
            group.create_task(pump(upstream, client))

    async with serve(relay, "127.0.0.1", 0, compression=None, max_size=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
