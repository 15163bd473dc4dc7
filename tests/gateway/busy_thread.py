"""A thread on which something always happens: answers with their deltas, and lines of typed text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count

from tests.gateway.process import GatewayProcess
from tests.gateway.rpc_client import Notification, RpcClient, connected

PAUSE_S = 0.03


@dataclass(frozen=True, slots=True)
class BusyThread:
    """Its id, and the client that keeps it busy."""

    id: str
    client: RpcClient


@asynccontextmanager
async def busy_thread(gateway: GatewayProcess) -> AsyncIterator[BusyThread]:
    """A thread that is kept busy for the length of the block."""
    async with connected(gateway.rpc) as client:
        thread = await client.start_thread()
        await client.call("thread/realtime/start", threadId=thread, outputModality="text")
        await client.until("thread/realtime/started")
        producers = [asyncio.create_task(producer(client, thread)) for producer in (_ask, _remark)]
        try:
            yield BusyThread(thread, client)
        finally:
            failed = [task for task in producers if task.done()]
            for task in producers:
                task.cancel()
            await asyncio.gather(*producers, return_exceptions=True)
            for task in failed:
                task.result()


async def _ask(client: RpcClient, thread: str) -> None:
    """One answer after the other."""
    for number in count():
        seen = len(client.notifications)
        await client.call("thread/realtime/appendText", threadId=thread, text=f"question {number}?", respond=True)
        await client.until(_answered, after=seen)


async def _remark(client: RpcClient, thread: str) -> None:
    """Lines that nobody answers, at a steady pace."""
    for number in count():
        await client.call("thread/realtime/appendText", threadId=thread, text=f"remark {number}", respond=False)
        await asyncio.sleep(PAUSE_S)  # the pace is what the watchers are tested under


def _answered(seen: Notification) -> bool:
    return seen.method == "item/completed" and bool(seen.item["type"] == "assistantMessage")
