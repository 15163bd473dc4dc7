"""How long the gateway's loop stands still while clients and the voice model send what they should not.

The gateway runs in a process of its own, on the loop that it is served with; a ticker in that loop measures
how late it comes. The messages are sent from here, and a stall is laid to the one that was on its way.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import uvloop

from realtime.commands.serve import spare_the_collector
from tests.bench.meter import percentile
from tests.fuzz.attacker import Attacker, attackers
from tests.fuzz.calls import Frame
from tests.fuzz.hostile import fuzzed, hostile_upstream
from tests.fuzz.house import bad_call, served, settings_for
from tests.fuzz.watch import watching
from tests.gateway.rpc_client import connected

AIM_MS = 100
SEED = 1
LOOK_BACK_S = 0.02
"""A message may have been sent so long before the loop stood still over it."""


@dataclass(frozen=True)
class Result:
    """Ticks as (when due, seconds late, processor seconds of the loop), on the clock of all processes here.

    A stall that is longer than its processor time was the machine's: somebody else had the core.
    """

    ticks: list[tuple[float, float, float]]
    faults: list[str]

    def late(self) -> list[float]:
        return sorted(late for _, late, _ in self.ticks)

    def worst(self, count: int) -> list[tuple[float, float, float]]:
        return sorted(self.ticks, key=lambda tick: -tick[1])[:count]


class Traffic:
    """What was sent, and when."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, str]] = []

    def note(self, frame: Frame) -> None:
        self.sent.append((time.monotonic(), f"{frame.kind} ({len(frame.data)} bytes)"))

    def during(self, begin: float, late: float) -> list[str]:
        """The kinds that may have caused a stall, largest messages first."""
        window = (begin - LOOK_BACK_S, begin + late)
        near = [kind for at, kind in self.sent if window[0] <= at <= window[1]]
        return sorted(near, key=lambda kind: -int(kind.rsplit("(", 1)[1].split(" ")[0]))[:3]


async def _serve(folder: Path, upstream: str) -> None:
    """The child: a gateway until a line comes, then what the ticker saw."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with watching() as watch:
        async with served(settings_for(folder, upstream=upstream)) as address:
            spare_the_collector()
            print(address, flush=True)
            await reader.readline()
            watch.stalls.clear()
            await reader.readline()
            ticks = list(watch.stalls)
        print(json.dumps({"ticks": ticks, "faults": watch.faults}), flush=True)


async def _measure(count: int, *, hostile: bool) -> tuple[Result, Traffic]:
    """One run: fuzzed calls over a good model, or fuzzed events of a bad one."""
    traffic, random = Traffic(), Random(SEED)
    behaviours = {f"always {n}": fuzzed(random, count // 4, on_sent=traffic.note) for n in range(4)}
    with tempfile.TemporaryDirectory() as folder:
        async with hostile_upstream(behaviours) as upstream:
            command = (sys.executable, "-m", "tests.bench.stall", folder, upstream.base_url if hostile else "embedded")
            pipe = asyncio.subprocess.PIPE
            child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=1 << 28)
            assert child.stdin is not None
            assert child.stdout is not None
            url = (await child.stdout.readline()).decode().strip().replace("http", "ws")
            child.stdin.write(b"begin\n")
            async with asyncio.TaskGroup() as group:
                if hostile:
                    for model in behaviours:
                        group.create_task(_listen(url, model, upstream.over(f"end of {model}")))
                else:
                    for attacker in attackers(url, SEED):
                        attacker.on_sent = traffic.note
                        group.create_task(_attack(attacker, count // 4))
            child.stdin.write(b"end\n")
            said = json.loads(await child.stdout.readline())
            await child.wait()
    return Result([(due, late, cpu) for due, late, cpu in said["ticks"]], said["faults"]), traffic


async def _attack(attacker: Attacker, count: int) -> None:
    await attacker.run(count)
    if attacker.problems:
        print(f"  {len(attacker.problems)} answers against the rules: {attacker.problems[0][:300]}")


async def _listen(url: str, model: str, over: asyncio.Event) -> None:
    """Call after call with a bad model until it has said all."""
    async with connected(url) as client:
        while not over.is_set():
            await bad_call(client, model, over)


def _report(name: str, count: int, seconds: float, result: Result, traffic: Traffic) -> float:
    late = [value * 1000 for value in result.late()]
    p50, p99 = percentile(late, 0.5), percentile(late, 0.99)
    print(f"{name}: {count} messages in {seconds:.0f} s; the loop came late by {p50:.1f} ms (p50), {p99:.1f} ms (p99)")
    print(f"  longest processor time between two ticks {max(cpu for _, _, cpu in result.ticks) * 1000:.0f} ms")
    for due, late_s, cpu_s in result.worst(3):
        suspects = ", ".join(traffic.during(due, late_s)) or "nothing that was sent"
        print(f"  {late_s * 1000:.0f} ms, {cpu_s * 1000:.0f} ms of them processor time, over: {suspects}")
    for fault in result.faults[:3]:
        print(f"  FAULT {fault[:1000]}")
    return late[-1]


def run(arguments: Sequence[str]) -> int:
    """Print the stalls under both kinds of fuzzing; 1 when something broke, never for a figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench stall", description=__doc__)
    parser.add_argument("--messages", type=int, default=5_000)
    count = parser.parse_args(arguments).messages
    status = 0
    for name, hostile in (("calls", False), ("upstream events", True)):
        begin = time.monotonic()
        result, traffic = uvloop.run(_measure(count, hostile=hostile))
        longest = _report(name, count, time.monotonic() - begin, result, traffic)
        print(f"  longest stall {longest:.0f} ms ({'within' if longest < AIM_MS else 'ABOVE'} the aim of {AIM_MS} ms)")
        status |= bool(result.faults)
    return status


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1]), sys.argv[2]))
