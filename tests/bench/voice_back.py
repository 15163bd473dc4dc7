"""How long the voice is away when its connection is lost in the middle of an answer.

From the moment at which the upstream drops until the client has the first sound of the answer that is given again:
noticing it, the back-off, connecting, telling the history, and the model's own first sound (0.02 s in the mock).
Each drop is a call of its own, with a conversation behind it; gateway and mock are processes of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench.meter import percentile
from tests.gateway.commands import MockProcess, mocking
from tests.gateway.process import GatewayProcess, Serve, serving
from tests.gateway.rpc_client import connected

GOAL_P95_S = 2.0
LINES_BEFORE = 40
RESUMED, SOUND = "thread/realtime/resumed", "thread/realtime/outputAudio/delta"
WAYS: Sequence[tuple[str, dict[str, Any]]] = (
    ("reset", {"fault": "rst"}),
    ("end of the stream", {"fault": "drop"}),
    ("close frame 1001", {"fault": "close", "args": {"code": 1001}}),
    ("close frame 1011", {"fault": "close", "args": {"code": 1011}}),
)


def run(arguments: Sequence[str]) -> int:
    """Print the figures; 1 when the goal is missed."""
    parser = argparse.ArgumentParser(prog="tests.bench voice_back", description=__doc__)
    parser.add_argument("--drops", type=int, default=32, help="how many calls are cut (default: %(default)s)")
    measured = asyncio.run(_measure(parser.parse_args(arguments).drops))
    print(f"Voice back after a drop in the middle of an answer, {LINES_BEFORE} lines of history, seconds:")
    print(f"{'how it was lost':20} {'drops':>6} {'p50':>7} {'p95':>7} {'max':>7}")
    for name, seconds in measured.items():
        print(_row(name, seconds))
    every = [each for seconds in measured.values() for each in seconds]
    print(_row("all", every))
    reached = percentile(sorted(every), 0.95) <= GOAL_P95_S
    print(f"goal p95 <= {GOAL_P95_S:.1f} s: {'reached' if reached else 'MISSED'}")
    return 0 if reached else 1


def _row(name: str, seconds: list[float]) -> str:
    ordered = sorted(seconds)
    figures = (percentile(ordered, 0.5), percentile(ordered, 0.95), ordered[-1]) if ordered else ()
    return f"{name:20} {len(ordered):6} " + " ".join(f"{figure:7.3f}" for figure in figures)


async def _measure(drops: int) -> dict[str, list[float]]:
    """Seconds by the way in which the connection was lost."""
    foreign = ("VOXGATE_", "OPENAI_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    measured: dict[str, list[float]] = {name: [] for name, _ in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        async with mocking(environment, Path(folder)) as mock:
            serve = Serve(environment, Path(folder) / "data", flags=("--upstream", mock.base_url))
            async with serving(serve) as gateway:
                for name, way in itertools.islice(itertools.cycle(WAYS), drops):
                    measured[name].append(await _drop(mock, gateway, way))
    return measured


async def _drop(mock: MockProcess, gateway: GatewayProcess, way: dict[str, Any]) -> float:
    """One call that is cut at the third piece of its answer's sound."""
    came: list[tuple[float, str]] = []

    def note(message: dict[str, Any]) -> None:
        came.append((time.time(), message.get("method", "")))

    async with connected(gateway.rpc, on_message=note) as client:
        thread_id = await client.start_thread()
        await client.call("thread/realtime/start", threadId=thread_id, outputModality="audio")
        await client.until("thread/realtime/started")
        for number in range(LINES_BEFORE):
            text = f"line {number} of what was said before"
            await client.call("thread/realtime/appendText", threadId=thread_id, text=text)
        await _put_fault(mock, way)
        await client.call("thread/realtime/appendText", threadId=thread_id, text="good morning", respond=True)
        resumed = await client.until(RESUMED)
        await client.until(SOUND, after=client.notifications.index(resumed))
        await client.call("thread/realtime/stop", threadId=thread_id)
    names = [name for _, name in came]
    return came[names.index(SOUND, names.index(RESUMED))][0] - _lost_at(mock)


def _lost_at(mock: MockProcess) -> float:
    """When the mock ended the connection before the last one: the frame at which it did is its last."""
    lines = mock.log().lines
    conn = list(dict.fromkeys(line.conn for line in lines))[-2]
    return max(line.at for line in lines if line.conn == conn and line.direction == "server")


async def _put_fault(mock: MockProcess, way: dict[str, Any]) -> None:
    fault = {**way, "on": "server", "match": {"type": "response.output_audio.delta"}, "nth": 3}
    address = mock.base_url.removesuffix("/v1") + "/_mock/faults"
    async with aiohttp.ClientSession() as session:
        async with session.delete(address) as cleared:
            cleared.raise_for_status()
        async with session.post(address, json=fault) as put:
            put.raise_for_status()
