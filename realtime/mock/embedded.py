"""The voice model inside another process: sessions over links in memory, no port is opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from realtime.mock.host import serve_link
from realtime.mock.reply import Script
from transports.link import MessageLink, memory_pair


@asynccontextmanager
async def embedded_model(script: Script) -> AsyncIterator[Callable[[], Awaitable[MessageLink]]]:
    """Yields what makes a link to a new session of the model; at the end all sessions are over."""
    async with asyncio.TaskGroup() as group:
        tasks: set[asyncio.Task[None]] = set()

        async def connect() -> MessageLink:
            ours, theirs = memory_pair()
            task = group.create_task(serve_link(theirs, script))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            return ours

        try:
            yield connect
        finally:
            for task in tuple(tasks):
                task.cancel()
