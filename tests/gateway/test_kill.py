"""What was acknowledged survives SIGKILL at any moment, and what it cut off is closed at the next start."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.gateway.process import Serve, start, start_and_kill
from tests.gateway.records import Log, fetch, read
from tests.gateway.rpc_client import JsonObject
from tests.gateway.witness import TIMER

ROOT = Path(__file__).resolve().parents[2]
SEED = 20261122
TALKS = 2
WORKS = 1
LINE_S = 90.0
KILLED_STARTS = 0.2
"""The share of starts that are killed as well, at a random moment, before one may come to its end."""


@dataclass(slots=True)
class Figures:
    """What a run of kills has come to."""

    rounds: int = 0
    killed_starts: int = 0
    acknowledged: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    notes: int = 0
    interrupted: Counter[str] = field(default_factory=Counter)
    missing: int = 0

    def __str__(self) -> str:
        rate = self.acknowledged.total() / self.seconds
        return (
            f"{self.rounds} kills, and {self.killed_starts} of starts (seed {SEED}): "
            f"{self.acknowledged.total()} records acknowledged, {rate:.0f} a second "
            f"on {len(self.acknowledged)} threads, {self.notes} notes checked, {self.missing} missing; "
            f"closed as interrupted: {dict(self.interrupted)}"
        )


class Witness:
    """The other process: it talks to the gateway and notes what was acknowledged."""

    def __init__(self, process: Process, notes: Path) -> None:
        self._process = process
        self._notes = notes
        self._read = 0

    async def begin(self, order: JsonObject) -> None:
        """A round; returns when records flow and turns run."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        assert await self._line() == {"flowing": True}

    async def end(self, figures: Figures) -> list[JsonObject]:
        """What was noted in this round, once the gateway is gone."""
        line = await self._line()
        figures.acknowledged.update(line["acknowledged"])
        figures.seconds += line["seconds"]
        with self._notes.open("rb") as file:
            file.seek(self._read)
            notes = [json.loads(note) for note in file]
            self._read = file.tell()
        figures.notes += len(notes)
        return notes

    async def _line(self) -> JsonObject:
        assert self._process.stdout is not None
        async with asyncio.timeout(LINE_S):
            line = await self._process.stdout.readline()
        assert line, "the witness has failed: see its output"
        message: JsonObject = json.loads(line)
        return message


@asynccontextmanager
async def witness(notes: Path) -> AsyncIterator[Witness]:
    command = (sys.executable, "-m", "tests.gateway.witness", str(notes))
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE)
    try:
        yield Witness(process, notes)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class Killing:
    """Rounds on one store: kill, start again, compare."""

    def __init__(self, serve: Serve, http: aiohttp.ClientSession, rounds: int) -> None:
        self._serve = serve
        self._http = http
        self._random = random.Random(SEED)
        self._logs: dict[str, Log] = {}
        self._all_notes: list[JsonObject] = []
        self.figures = Figures(rounds=rounds)

    async def run(self, watcher: Witness) -> None:
        gateway = await start(self._serve)
        try:
            threads = [await self._new_thread(gateway.url) for _ in range(TALKS + WORKS)]
            for _ in range(self.figures.rounds):
                await watcher.begin({"rpc": gateway.rpc, "talks": threads[:TALKS], "works": threads[TALKS:]})
                await asyncio.sleep(self._random.uniform(0.0, 0.8))  # the random moment
                await gateway.kill()
                notes = await watcher.end(self.figures)
                if self._random.random() < KILLED_STARTS:
                    await start_and_kill(self._serve, self._random.uniform(0.3, 1.2))
                    self.figures.killed_starts += 1
                gateway = await start(self._serve)
                for thread in threads:
                    await self._compare(gateway.url, thread, notes)
            assert await gateway.stop() == 0
        finally:
            await gateway.kill()
        self._compare_store()

    async def _new_thread(self, url: str) -> str:
        async with self._http.post(f"{url}/v1/threads") as answer:
            thread = str((await answer.json())["thread"]["id"])
        self._logs[thread] = Log(thread)
        return thread

    async def _compare(self, url: str, thread: str, notes: list[JsonObject]) -> None:
        log = self._logs[thread]
        before = len(log.records)
        log.extend(await fetch(self._http, url, thread, after=before))
        own = [note for note in notes if note["thread"] == thread]
        self._all_notes += own
        missing = list(log.missing(own))
        self.figures.missing += len(missing)
        assert not missing
        assert not log.open, "a start leaves nothing open"
        self._count_interrupted(log.records[before:])

    def _count_interrupted(self, records: list[JsonObject]) -> None:
        for record in records:
            kind, _, state = record["method"].partition("/")
            body = record["params"][kind]
            if state == "completed" and body["status"] == "interrupted":
                self.figures.interrupted[body.get("type", kind)] += 1
            if kind == "turn" and TIMER in body["input"][0]["text"]:
                assert body["status"] == ("inProgress" if state == "started" else "interrupted")

    def _compare_store(self) -> None:
        """Once more, all of it, from the file itself."""
        for thread, log in self._logs.items():
            stored = Log(thread)
            stored.extend(read(self._serve.data / "voxgate.db", thread))
            assert stored.records == log.records
            assert not list(stored.missing(note for note in self._all_notes if note["thread"] == thread))


async def kill_again_and_again(environment: dict[str, str], folder: Path, rounds: int) -> Figures:
    async with aiohttp.ClientSession() as http, witness(folder / "notes.jsonl") as watcher:
        killing = Killing(Serve(environment, folder / "data"), http, rounds)
        await killing.run(watcher)
    return killing.figures


def judge(figures: Figures, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{figures}")
    assert figures.missing == 0
    busy = [thread for thread, count in figures.acknowledged.items() if count >= 20 * figures.seconds]
    assert len(busy) >= 2, "too little happened for the kills to prove anything"
    assert figures.interrupted["turn"] >= 2 * figures.rounds
    assert figures.interrupted["handoff"] >= figures.rounds


async def test_what_was_acknowledged_survives_kills(
    gateway_env: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(await kill_again_and_again(gateway_env, tmp_path, 20), capsys)


@pytest.mark.long
async def test_what_was_acknowledged_survives_many_kills(
    gateway_env: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(await kill_again_and_again(gateway_env, tmp_path, 300), capsys)
