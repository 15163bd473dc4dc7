"""A hostile voice model hurts its own call at most: that one lives or ends by the rules, the others go on."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.canary import Canary
from tests.fuzz.hostile import BROKEN, Behaviour, HostileUpstream, fuzzed, hostile_upstream
from tests.fuzz.house import bad_call, served, settings_for
from tests.fuzz.verdicts import REASONS, check_words
from tests.fuzz.watch import watching
from tests.gateway.rpc_client import RpcClient, connected

SEED = 20260726
COUNTS = [1_000, pytest.param(20_000, marks=pytest.mark.long)]
BEGUN = ("thread/realtime/started", "thread/realtime/error")
SETTLED = ("thread/realtime/closed", "thread/realtime/error", "thread/realtime/resumed")


class Bystander:
    """A talk over the same gateway that nothing may disturb."""

    def __init__(self, client: RpcClient) -> None:
        self._client = client
        self._thread = ""

    async def begin(self) -> None:
        self._thread = await self._client.start_thread()
        await self._client.call("thread/realtime/start", threadId=self._thread, outputModality="audio", model="good")

    async def speaks(self) -> None:
        """It is answered as ever, and has heard of no trouble."""
        before = len(self._client.notifications)
        await self._client.call("thread/realtime/appendText", threadId=self._thread, text="hello", respond=True)
        await self._client.until("thread/realtime/transcript/done", after=before)
        assert {note.params.get("threadId", self._thread) for note in self._client.notifications} == {self._thread}
        for method in SETTLED:
            assert self._client.named(method) == []


async def suffer(client: RpcClient, model: str, over: asyncio.Event, *, reconnect: bool) -> str:
    """A call with the hostile model until its bad part is over; then it is stopped. Tells how the call ended."""
    cut = model.startswith("close ") or model == "reset"
    settled = ("thread/realtime/resumed" if reconnect else "thread/realtime/closed",) if cut else BEGUN
    thread_id = await client.start_thread()
    begin = len(client.notifications)
    await client.call("thread/realtime/start", threadId=thread_id, outputModality="audio", model=model)
    async with asyncio.timeout(20):
        await over.wait()
    await client.until(lambda note: note.method in settled and note.params.get("threadId") == thread_id, after=begin)
    await client.call("thread/realtime/stop", threadId=thread_id)
    end = await client.until(
        lambda note: note.params.get("threadId") == thread_id and _is_end(client, note.method, begin), after=begin
    )
    notes = [note for note in client.notifications[begin:] if note.params.get("threadId") == thread_id]
    _check_notes([(note.method, note.params) for note in notes])
    return str(end.params.get("reason") or end.params["code"])


def _is_end(client: RpcClient, method: str, begin: int) -> bool:
    started = any(note.method == "thread/realtime/started" for note in client.notifications[begin:])
    return method == "thread/realtime/closed" or (method == "thread/realtime/error" and not started)


def _check_notes(notes: list[tuple[str, dict[str, str]]]) -> None:
    methods = Counter(method for method, _ in notes)
    assert methods["thread/realtime/closed"] == methods["thread/realtime/started"] <= 1, methods
    for method, params in notes:
        if method == "thread/realtime/closed":
            assert params["reason"] in REASONS
        if method == "thread/realtime/error":
            assert params["code"] != "internal", params
            check_words(params["message"])


@pytest.mark.parametrize("reconnect", [True, False])
async def test_broken_frames_and_handshakes(reconnect: bool, tmp_path: Path, canary: Canary) -> None:
    async with watching() as watch, hostile_upstream(BROKEN) as upstream:
        settings = settings_for(tmp_path, upstream=upstream.base_url, key=canary.key, reconnect=reconnect)
        async with served(settings) as address:
            url = address.replace("http", "ws")
            async with connected(url, canary) as quiet, connected(url, canary) as client:
                bystander = Bystander(quiet)
                await bystander.begin()
                ends = {}
                for name in BROKEN:
                    ends[name] = await suffer(client, name, upstream.over(name), reconnect=reconnect)
                    await bystander.speaks()
    watch.check()
    closes = {end for name, end in ends.items() if name.startswith("close ")}
    assert closes == ({"requested"} if reconnect else {"transport_closed", "error"})
    assert ends["frame: binary event"] == ends["frame: empty"] == ends["drip"] == "requested", "no reason to give up"
    assert ends["handshake: 302"] == "upstream_refused", "followed with the key in hand"
    print(ends)


@pytest.mark.parametrize("count", COUNTS)
async def test_any_event_over_the_wire(count: int, tmp_path: Path, canary: Canary) -> None:
    names = [f"always {n}" for n in range(4)]
    behaviours: dict[str, Behaviour] = {name: fuzzed(Random(f"{SEED}/{name}"), count // 4) for name in names}
    async with watching() as watch, hostile_upstream(behaviours) as upstream:
        settings = settings_for(tmp_path, upstream=upstream.base_url, key=canary.key)
        async with served(settings) as address:
            url = address.replace("http", "ws")
            async with connected(url, canary) as quiet:
                bystander = Bystander(quiet)
                await bystander.begin()
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(_hear_all(url, upstream, name, canary)) for name in names]
                    while not all(task.done() for task in tasks):
                        await bystander.speaks()
                        await asyncio.wait(tasks, timeout=0.05)
                await bystander.speaks()
    watch.check()
    print(f"{count} events over {sum(upstream.visits.values())} connections: {[task.result() for task in tasks]}")


async def _hear_all(url: str, upstream: HostileUpstream, model: str, canary: Canary) -> Counter[str]:
    """Call after call with the same hostile model, until it has said all."""
    over, reasons = upstream.over(f"end of {model}"), Counter[str]()
    async with connected(url, canary) as client:
        while not over.is_set():
            notes = await bad_call(client, model, over)
            reasons[next(note.params["reason"] for note in notes if note.method == "thread/realtime/closed")] += 1
            _check_notes([(note.method, note.params) for note in notes])
    assert set(reasons) <= REASONS
    return reasons
