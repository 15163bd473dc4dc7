"""The store fails under a live call: the call ends and says why, the gateway goes on, and so does the next call."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from realtime.errors import StoreError
from realtime.mock.running import RealtimeMock
from realtime.threads.sql import SqlThreadStore
from tests.gateway.in_process import opened
from tests.gateway.process import Serve, serving
from tests.gateway.rpc_client import RefusedError, RpcClient, connected


async def begin(client: RpcClient, thread: str) -> None:
    """A call of the thread, which has answered once."""
    before = len(client.notifications)
    await client.call("thread/realtime/start", threadId=thread, outputModality="audio")
    await client.until("thread/realtime/started", after=before)
    await client.call("thread/realtime/appendText", threadId=thread, text="are you there", respond=True)
    await client.until(lambda note: note.item.get("text") == "are you there" and is_answer(note.item), after=before)


def is_answer(item: dict[str, object]) -> bool:
    return item.get("type") == "assistantMessage" and item.get("status") == "completed"


async def refused(client: RpcClient, thread: str) -> str:
    """The code with which more words are refused."""
    with pytest.raises(RefusedError) as caught:
        await client.call("thread/realtime/appendText", threadId=thread, text="x" * 40_000, respond=True)
    return caught.value.name


async def ends_unavailable(client: RpcClient, thread: str) -> None:
    """The call cannot go on."""
    assert await refused(client, thread) == "store_unavailable"
    assert (await client.until("thread/realtime/closed")).params["reason"] == "store_unavailable"


async def readiness(url: str) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/readyz") as answer:
        return answer.status


async def said(client: RpcClient, thread: str) -> list[str]:
    """What the thread holds, by text."""
    read = await client.call("thread/read", threadId=thread, includeTurns=True)
    return [item["text"] for item in read["thread"]["items"] if item["type"] == "userMessage"]


async def test_a_store_that_is_locked_ends_the_call_and_not_the_gateway(tmp_path: Path) -> None:
    with RealtimeMock() as mock:
        upstream = {"base_url": mock.base_url, "api_key": mock.key}
        async with (
            opened(tmp_path, upstream=upstream, store={"timeout_s": 0.4}) as url,
            connected(url) as client,
        ):
            base = url.removesuffix("/v1/rpc").replace("ws", "http", 1)
            thread = await client.start_thread()
            await begin(client, thread)
            with closing(sqlite3.connect(tmp_path / "voxgate.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                await ends_unavailable(client, thread)
                assert await readiness(base) == 503
            assert await readiness(base) == 200
            await begin(client, thread)
            assert await said(client, thread) == ["are you there", "are you there"]


async def test_a_full_disk_ends_the_call_and_not_the_gateway(tmp_path: Path, gateway_env: dict[str, str]) -> None:
    with RealtimeMock() as mock:
        settings = {"upstream.base_url": mock.base_url, "upstream.api_key": mock.key}
        async with serving(Serve(gateway_env, tmp_path, settings)) as gateway, connected(gateway.rpc) as client:
            thread = await client.start_thread()
            await begin(client, thread)
            written = (tmp_path / "voxgate.db-wal").stat().st_size
            limit(gateway.pid, written)
            await ends_unavailable(client, thread)
            assert await readiness(gateway.url) == 503
            limit(gateway.pid, resource.RLIM_INFINITY)
            assert await readiness(gateway.url) == 200
            await begin(client, thread)
            assert await said(client, thread) == ["are you there", "are you there"]


def limit(pid: int, size: int) -> None:
    """How large a file of the process may become; beyond that, a write fails as on a full disk."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def test_a_call_whose_records_find_no_room_ends_and_acknowledges_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalled = asyncio.Event()

    async def stall(*_: Any) -> None:
        await stalled.wait()
        raise StoreError("the store did not answer in time")

    with RealtimeMock() as mock:
        upstream = {"base_url": mock.base_url, "api_key": mock.key}
        async with opened(tmp_path, upstream=upstream, limits={"lane": 1}) as url, connected(url) as client:
            thread = await client.start_thread()
            await client.call("thread/realtime/start", threadId=thread, outputModality="text")
            await client.until("item/started")
            monkeypatch.setattr(SqlThreadStore, "append", stall)
            await client.call("thread/realtime/appendSpeech", threadId=thread, text="fill the lane")
            await client.until("thread/realtime/transcript/delta")
            assert await refused(client, thread) == "session_not_found"
            assert (await client.until("thread/realtime/closed")).params["reason"] == "store_unavailable"
            stalled.set()
