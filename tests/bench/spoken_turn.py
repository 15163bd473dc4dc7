"""How long a person waits for the embedded voice: from the end of speech to the first sound, and what it is made of.

First one talk alone, then two at once, while a ticker in the gateway's loop measures how late it comes. The
gateway is a process of its own; flite speaks for the persons, in real time.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from realtime.commands.serve import spare_the_collector
from realtime.mock.speech.studio import Studio
from tests.bench.meter import percentile
from tests.fuzz.house import served, settings_for
from tests.fuzz.watch import watching
from tests.gateway.rpc_client import RpcClient, connected
from tests.mock.speech.sentences import INSIDE, OUTSIDE
from tests.mock.speech.sounds import MARGIN_MS, RATE, Samples, silence, spoken

AIM_S = 1.2
LAG_AIM_MS = 20.0
WARM_S = 5.0
ANSWER_S = 60.0
PAUSE_S = 0.5
FRAME = RATE // 50
SAID = (INSIDE[0], "hello how are you", "what time is it in london", "what can you do", OUTSIDE[4])
"""Each has an answer that comes at once."""
PARTS = ("until the end is noticed", "until the words are there", "until the first sound")


@dataclass
class Marks:
    """When things were told; ``turns`` are the parts of each turn, in seconds."""

    at: dict[str, float] = field(default_factory=dict)
    turns: list[tuple[float, float, float]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, message: dict[str, Any]) -> None:
        name = self._name(message.get("method", ""), message.get("params", {}))
        if name is not None:
            self.at.setdefault(name, time.monotonic())
            self.changed.set()

    def _name(self, method: str, params: dict[str, Any]) -> str | None:
        if method == "thread/realtime/state":
            return (
                "stopped" if "begun" in self.at and not params["speaking"] else "begun" if params["speaking"] else None
            )
        if method == "thread/realtime/transcript/done" and params["role"] == "user":
            return "words"
        if method == "thread/realtime/outputAudio/delta" and "words" in self.at:
            return "sound"
        if method == "item/completed" and params["item"]["type"] == "assistantMessage" and "sound" in self.at:
            return "answered"
        return None

    async def until(self, name: str) -> None:
        async with asyncio.timeout(ANSWER_S):
            while name not in self.at:
                self.changed.clear()
                await self.changed.wait()


async def _serve(folder: Path) -> None:
    """The child: a gateway; for each line that comes, what the ticker saw since the one before."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    studio = Studio(2)
    async with studio.running(), watching() as watch, served(settings_for(folder), studio) as address:
        spare_the_collector()
        print(address, flush=True)
        while await reader.readline():
            print(json.dumps([late * 1000 for _, late, _ in watch.stalls]), flush=True)
            watch.stalls.clear()


async def _measure(turns: int) -> list[tuple[list[Marks], list[float]]]:
    """For one talk and for two: their marks and how late the loop came, in ms."""
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", "tests.bench.spoken_turn", folder)
        child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=1 << 26)
        assert child.stdin is not None
        assert child.stdout is not None
        url = (await child.stdout.readline()).decode().strip().replace("http", "ws") + "v1/rpc"
        for talks in (1, 2):
            await asyncio.sleep(WARM_S)
            child.stdin.write(b"begin\n")
            await child.stdout.readline()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_talk(url, turns)) for _ in range(talks)]
            child.stdin.write(b"end\n")
            measured.append(([task.result() for task in tasks], json.loads(await child.stdout.readline())))
        child.stdin.close()
        await child.wait()
    return measured


async def _talk(url: str, turns: int) -> Marks:
    marks = Marks()
    async with connected(url, on_message=marks.note) as client:
        thread_id = await client.start_thread()
        await client.call("thread/realtime/start", threadId=thread_id, outputModality="audio")
        await client.until("thread/realtime/started")
        await asyncio.sleep(WARM_S)
        for number in range(turns):
            await asyncio.sleep(PAUSE_S)
            marks.at.clear()
            await _turn(client, thread_id, marks, spoken(SAID[number % len(SAID)]))
        await client.call("thread/realtime/stop", threadId=thread_id)
    return marks


async def _turn(client: RpcClient, thread_id: str, marks: Marks, sentence: Samples) -> None:
    """Say it, and be silent until the first sound of the answer comes."""
    begun = time.monotonic()
    ended = begun + len(sentence) / RATE - MARGIN_MS / 1000
    sound = np.concatenate((sentence, silence(int(ANSWER_S * 1000))))
    for number, start in enumerate(range(0, len(sound), FRAME), start=1):
        data = base64.b64encode(sound[start : start + FRAME].astype("<i2").tobytes()).decode()
        audio = {"data": data, "sampleRate": RATE, "numChannels": 1, "samplesPerChannel": FRAME}
        await client.tell("thread/realtime/appendAudio", threadId=thread_id, audio=audio)
        await asyncio.sleep(begun + number * 0.02 - time.monotonic())
        if "sound" in marks.at:
            break
    await marks.until("answered")
    at = marks.at
    marks.turns.append((at["stopped"] - ended, at["words"] - at["stopped"], at["sound"] - at["words"]))


def _report(name: str, talks: list[Marks], late_ms: list[float]) -> tuple[float, float]:
    turns = [turn for talk in talks for turn in talk.turns]
    whole = sorted(sum(turn) for turn in turns)
    p50, lag = percentile(whole, 0.5), percentile(sorted(late_ms), 0.99)
    print(f"{name}: {len(turns)} turns, end of speech to first sound p50 {p50:.2f} s, longest {whole[-1]:.2f} s")
    for number, part in enumerate(PARTS):
        print(f"  {part:28} p50 {percentile(sorted(turn[number] for turn in turns), 0.5):.2f} s")
    print(f"  the loop came late by p50 {percentile(sorted(late_ms), 0.5):.1f} ms, p99 {lag:.1f} ms")
    return p50, lag


def run(arguments: Sequence[str]) -> int:
    """Print the figures; 1 when an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench spoken_turn", description=__doc__)
    parser.add_argument("--turns", type=int, default=len(SAID) * 2, help="of each talk (default: %(default)s)")
    turns = parser.parse_args(arguments).turns
    if shutil.which("flite") is None:
        print("spoken turns: NOT RUN: needs flite")
        return 0
    alone, together = uvloop.run(_measure(turns))
    p50, _ = _report("one spoken talk", *alone)
    _, lag = _report("two at once", *together)
    reached = p50 <= AIM_S and lag <= LAG_AIM_MS
    verdict = "reached" if reached else "MISSED"
    print(f"aims: p50 of one talk <= {AIM_S} s, p99 lag with two <= {LAG_AIM_MS:.0f} ms: {verdict}")
    return 0 if reached else 1


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1])))
