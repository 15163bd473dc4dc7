"""The machine gives less than it should: no descriptors any more, a clock that jumps. Talks go on."""

from __future__ import annotations

import asyncio
import resource
import time
from pathlib import Path

import aiohttp
import pytest

from realtime.mock.running import RealtimeMock
from tests.gateway.in_process import opened
from tests.gateway.process import Serve, serving
from tests.gateway.rpc_client import RpcClient, connected

JUMPS_S = (-3_600.0, 30 * 86_400.0, -1.7e9, 0.0)
"""An hour back, a month on, to the time before everything, and right again."""


async def ask(client: RpcClient, thread: str, text: str) -> None:
    """Type something, and wait until it was answered."""
    before = len(client.notifications)
    await client.call("thread/realtime/appendText", threadId=thread, text=text, respond=True)
    await client.until(
        lambda note: note.method == "item/completed" and note.item["type"] == "assistantMessage", after=before
    )


async def test_without_descriptors_a_talk_goes_on_and_nobody_new_comes_in(
    tmp_path: Path, gateway_env: dict[str, str]
) -> None:
    with RealtimeMock() as mock:
        settings = {"upstream.base_url": mock.base_url, "upstream.api_key": mock.key}
        async with serving(Serve(gateway_env, tmp_path, settings)) as gateway, connected(gateway.rpc) as client:
            thread = await client.start_thread()
            await client.call("thread/realtime/start", threadId=thread, outputModality="audio")
            await client.until("thread/realtime/started")
            await ask(client, thread, "before")
            before = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (0, before[1]))
            waiting = [asyncio.create_task(_probe(gateway.url)) for _ in range(8)]
            await ask(client, thread, "without")
            assert 200 not in {probe.result() for probe in waiting if probe.done()}
            resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, before)
            await asyncio.wait(waiting)
            assert await _probe(gateway.url) == 200
            await ask(client, thread, "after")


async def _probe(url: str) -> int | None:
    """The gateway's readiness; None where it lets nobody in."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as http,
            http.get(f"{url}/readyz") as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return None


async def test_a_clock_that_jumps_moves_no_order_and_no_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, shown_ns, offset = time.time, time.time_ns, [0.0]
    monkeypatch.setattr(time, "time", lambda: shown() + offset[0])
    monkeypatch.setattr(time, "time_ns", lambda: shown_ns() + int(offset[0] * 1e9))
    with RealtimeMock() as mock:
        upstream = {"base_url": mock.base_url, "api_key": mock.key}
        async with opened(tmp_path, upstream=upstream) as url, connected(url) as client:
            thread = await client.start_thread()
            threads = {thread}
            await client.call("thread/realtime/start", threadId=thread, outputModality="audio")
            await client.until("thread/realtime/started")
            for offset[0] in JUMPS_S:
                threads.add(await client.start_thread())
                await ask(client, thread, f"it is {offset[0]}")
            read = await client.call("thread/read", threadId=thread, includeTurns=True)
            numbers = [note.seq for note in client.notifications if note.seq is not None]
    said = [item["text"] for item in read["thread"]["items"] if item["type"] == "userMessage"]
    assert said == [f"it is {jump}" for jump in JUMPS_S]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(threads) == 1 + len(JUMPS_S)
    assert client.named("thread/realtime/error") == client.named("thread/realtime/closed") == []
