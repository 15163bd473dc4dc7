"""A listener to server-sent events that is cut off at any byte comes back with ``Last-Event-ID``."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from tests.gateway.busy_thread import busy_thread
from tests.gateway.cutting_proxy import CuttingProxy, random_cuts
from tests.gateway.follower import Follower, Phase
from tests.gateway.process import GatewayProcess, Serve, serving
from tests.gateway.records import fetch

SEED = 20261122
LISTENERS = 10
REACHES = (300, 3_000, 8_000)
"""Bytes that a connection may live for, a third of them each: the head, the replay, the live part."""
ROUND_S = 60.0


class Listener:
    """One client: cut, back, cut again."""

    def __init__(self, follower: Follower, gateway: GatewayProcess) -> None:
        self.follower = follower
        self._gateway = gateway

    async def listen(self, port: int, until: int | None = None) -> None:
        """One connection, that lasts until it is cut, or all up to this number is there."""
        self.follower.begin()
        position = {"Last-Event-ID": str(self.follower.seq), "Host": f"127.0.0.1:{self._gateway.port}"}
        url = f"http://127.0.0.1:{port}/v1/threads/{self.follower.thread}/events"
        timeout = aiohttp.ClientTimeout(total=ROUND_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=position) as http,
                http.get(url, raise_for_status=True) as answer,
            ):
                self.follower.opened()
                await self._read(answer.content, until)
        except (aiohttp.ClientError, ConnectionError) as cut:
            if isinstance(cut, aiohttp.ClientResponseError) and cut.status >= 300:
                raise  # refused, not cut
            assert until is None

    async def _read(self, stream: aiohttp.StreamReader, until: int | None) -> None:
        unread = b""
        while until is None or self.follower.phase is not Phase.LIVE or self.follower.seq < until:
            block = await stream.readany()
            if not block:
                return
            *events, unread = (unread + block).split(b"\n\n")
            for event in events:
                self._receive(event.decode())

    def _receive(self, event: str) -> None:
        fields = dict(line.split(": ", 1) for line in event.split("\n"))
        params = json.loads(fields["data"])
        assert fields.get("id") == (str(params["seq"]) if "seq" in params and _is_record(fields["event"]) else None)
        self.follower.notified(fields["event"], params)


def _is_record(method: str) -> bool:
    return method.startswith(("item/", "turn/"))


async def test_no_event_is_lost_or_doubled_by_cuts(
    gateway_env: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random_cuts(SEED, REACHES)
    async with serving(Serve(gateway_env, tmp_path)) as gateway, aiohttp.ClientSession() as http:
        proxy = CuttingProxy(gateway.port, lambda: next(chance))
        async with proxy.running(), busy_thread(gateway) as busy:
            listeners = [Listener(Follower(busy.id), gateway) for _ in range(LISTENERS)]
            await asyncio.gather(
                *(
                    listener.follower.lose(partial(listener.listen, proxy.port), 100 // LISTENERS)
                    for listener in listeners
                )
            )
        head = len(await fetch(http, gateway.url, busy.id))
        await asyncio.gather(*(listener.listen(gateway.port, until=head) for listener in listeners))
        stored = await fetch(http, gateway.url, busy.id)
    for listener in listeners:
        assert listener.follower.records == stored[: listener.follower.seq]
    where: Counter[Phase] = sum((listener.follower.cuts for listener in listeners), Counter())
    with capsys.disabled():
        print(f"\n{where.total()} cuts (seed {SEED}): {', '.join(f'{n} {phase.value}' for phase, n in where.items())}")
        print(f"{LISTENERS} listeners to events of {head} records: 0 gaps, 0 doubles")
    assert all(where[phase] * 50 > where.total() for phase in Phase), "every part of a connection must be cut"
