"""A client that is cut off at any byte and comes back misses nothing and gets nothing twice."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from tests.canary import Canary
from tests.gateway.busy_thread import busy_thread
from tests.gateway.cutting_proxy import CuttingProxy, random_cuts
from tests.gateway.follower import Follower, Phase
from tests.gateway.process import GatewayProcess, Serve, serving
from tests.gateway.records import fetch
from tests.gateway.rpc_client import JsonObject

SEED = 20261122
WATCHERS = 20
REACHES = (400, 1_500, 9_000)
"""Bytes that a connection may live for, a third of them each: the handshake, the replay, the live part."""
ROUND_S = 60.0
LEFT_S = 30.0
STORE_DESCRIPTORS = 10
"""What the store may open after the start, for its readers."""

_PLAIN: dict[str, Any] = {"compression": None, "ping_interval": None, "proxy": None, "close_timeout": 1}


class Watcher:
    """One client: cut, back, cut again. It goes to another port than the address says: the proxy's."""

    def __init__(self, follower: Follower, url: str, canary: Canary) -> None:
        self.follower = follower
        self._url = url
        self._canary = canary

    async def watch(self, port: int, until: int | None = None) -> None:
        """One connection, that lasts until it is cut, or all up to this number is there."""
        self.follower.begin()
        try:
            async with asyncio.timeout(ROUND_S), connect(self._url, port=port, **_PLAIN) as socket:
                for request in self._requests():
                    await socket.send(json.dumps(request))
                await self._read(socket, until)
        except InvalidStatus:
            raise  # refused, not cut
        except (ConnectionError, EOFError, WebSocketException):
            assert until is None

    def _requests(self) -> list[JsonObject]:
        position: JsonObject = {"threadId": self.follower.thread, "afterSeq": self.follower.seq}
        if self.follower.epoch is not None:
            position["epoch"] = self.follower.epoch
        return [
            {"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "watcher"}}},
            {"method": "initialized"},
            {"id": 2, "method": "thread/resume", "params": position},
        ]

    async def _read(self, socket: ClientConnection, until: int | None) -> None:
        while until is None or self.follower.phase is not Phase.LIVE or self.follower.seq < until:
            frame = await socket.recv()
            self._canary.saw("a watcher's frame", frame)
            message: JsonObject = json.loads(frame)
            assert "error" not in message, message
            if message.get("id") == 2:
                self.follower.opened(message["result"])
            elif "method" in message:
                self.follower.notified(message["method"], message["params"])


async def cut_and_resume(gateway: GatewayProcess, canary: Canary, times: int) -> list[Follower]:
    """So many cuts for every watcher of a busy thread; in the end each has all of it."""
    chance = random_cuts(SEED, REACHES)
    idle = gateway.descriptors
    proxy = CuttingProxy(gateway.port, lambda: next(chance))
    async with proxy.running():
        async with busy_thread(gateway) as busy:
            watchers = [Watcher(Follower(busy.id), gateway.rpc, canary) for _ in range(WATCHERS)]
            await asyncio.gather(
                *(watcher.follower.lose(partial(watcher.watch, proxy.port), times) for watcher in watchers)
            )
        async with aiohttp.ClientSession() as http:
            stored = await fetch(http, gateway.url, busy.id)
            await asyncio.gather(*(watcher.watch(gateway.port, until=len(stored)) for watcher in watchers))
            stored = await fetch(http, gateway.url, busy.id)
    await nobody_is_left(gateway, idle + STORE_DESCRIPTORS)
    for watcher in watchers:
        assert watcher.follower.records == stored[: watcher.follower.seq]
    return [watcher.follower for watcher in watchers]


async def nobody_is_left(gateway: GatewayProcess, descriptors: int) -> None:
    """Wait until the gateway has let go of all that were cut off; it has nothing to complain about."""
    async with asyncio.timeout(LEFT_S):
        while gateway.descriptors > descriptors:  # noqa: ASYNC110 - nothing tells when another process closes a file
            await asyncio.sleep(0.05)
    assert "Traceback" not in gateway.log.read_text()


def judge(followers: list[Follower], capsys: pytest.CaptureFixture[str]) -> None:
    where: Counter[Phase] = sum((follower.cuts for follower in followers), Counter())
    live: Counter[str] = sum((follower.live for follower in followers), Counter())
    records = max(follower.seq for follower in followers)
    with capsys.disabled():
        print(f"\n{where.total()} cuts (seed {SEED}): {', '.join(f'{n} {phase.value}' for phase, n in where.items())}")
        print(f"{len(followers)} watchers of {records} records: 0 gaps, 0 doubles; {live.total()} live notifications")
    assert all(where[phase] * 20 > where.total() for phase in Phase), "every part of a connection must be cut"
    assert live["thread/realtime/transcript/delta"] > where[Phase.LIVE], "what is live was watched, too"


async def test_no_record_is_lost_or_doubled_by_cuts(
    gateway_env: dict[str, str], tmp_path: Path, canary: Canary, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(Serve(gateway_env, tmp_path)) as gateway:
        judge(await cut_and_resume(gateway, canary, 1_000 // WATCHERS), capsys)


@pytest.mark.long
async def test_no_record_is_lost_or_doubled_by_very_many_cuts(
    gateway_env: dict[str, str], tmp_path: Path, canary: Canary, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(Serve(gateway_env, tmp_path)) as gateway:
        judge(await cut_and_resume(gateway, canary, 10_000 // WATCHERS), capsys)
