"""What the mock bears on one core: sessions with voice detection on, each hearing 20 ms of sound 50 times a second.

Lags are from the append that decides to the event about it. ``append`` is the way of a question sent right behind an
append, there and back: it waits for whatever the mock has not dealt with yet.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import struct
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import uvloop
from websockets.asyncio.client import ClientConnection, connect

from tests.bench.meter import percentile
from tests.bench.relay import Process, machine, started

FRAME_S = 0.020
SAMPLES = 480
CYCLE = 500
"""Appends in a cycle: 3 s of speech, 7 s of silence."""
SPEECH = 150
ONSET = 1
"""Speech is loudness for 30 ms on end: the second append shows it."""
STOPPED = SPEECH + 24
"""The turn ends with 500 ms of silence."""
PROBE = 50
SLOTS = 20
WARM_UP = 100
MAX_P99_MS = 100.0
MAX_CPU = 0.95
MOST_WAITED = 0.05


def append(amplitude: float) -> bytes:
    """A whole WebSocket frame with 20 ms of a tone, masked with zeros."""
    wave = amplitude * np.sin(np.arange(SAMPLES) * (2 * np.pi * 440 / 24_000))
    audio = b64encode(wave.astype("<i2").tobytes()).decode()
    payload = f'{{"type":"input_audio_buffer.append","audio":"{audio}"}}'.encode()
    return struct.pack(">BBH4x", 0x81, 0x80 | 126, len(payload)) + payload


@dataclass
class Lags:
    """In seconds, by what was waited for."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    expected: int = 0
    errors: int = 0

    def add(self, name: str, seconds: float) -> None:
        self.seconds.setdefault(name, []).append(seconds)

    def found(self, name: str) -> list[float]:
        return sorted(self.seconds.get(name, []))


class Caller:
    """One session. ``step`` sends the next append of its cycle; ``hear`` stamps what comes."""

    def __init__(self, socket: ClientConnection, place: int, lags: Lags) -> None:
        self._socket = socket
        self._place = place
        self._lags = lags
        self._loud, self._quiet = append(8000), append(0)
        self._sent: dict[str, float] = {}
        self.counting = False

    async def step(self) -> None:
        """The next append, and the question behind it now and then."""
        position = self._place % CYCLE
        self._socket.transport.write(self._loud if position < SPEECH else self._quiet)
        if position in (ONSET, STOPPED):
            self._ask("input_audio_buffer.speech_started" if position == ONSET else "input_audio_buffer.speech_stopped")
        if self._place % PROBE == 0:
            self._ask("error")
            await self._socket.send('{"type":"conversation.item.retrieve","item_id":"item_probe","event_id":"probe"}')
        self._place += 1

    def _ask(self, kind: str) -> None:
        self._sent[kind] = time.monotonic()
        self._lags.expected += self.counting

    async def hear(self) -> None:
        """Until cancelled."""
        async for message in self._socket:
            assert isinstance(message, str)
            kind = message[9 : message.index('"', 9)]
            if kind == "error" and '"probe"' not in message:
                self._lags.errors += 1
            elif (sent := self._sent.pop(kind, None)) is not None and self.counting:
                self._lags.add(kind, time.monotonic() - sent)


@dataclass(frozen=True)
class Cost:
    """Of the mock: shares of its core used and waited for, KiB a session. ``late_s``: the load's own worst delay."""

    used: float
    waited: float
    kib: float
    late_s: float


async def load(url: str, options: argparse.Namespace, mock: Process, lags: Lags) -> Cost:
    """Run all sessions."""
    idle_kib = mock.kib()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        callers = []
        for number in range(options.sessions):
            socket = await stack.enter_async_context(connect(url, compression=None, proxy=None, max_size=None))
            callers.append(Caller(socket, number * CYCLE // options.sessions + SPEECH, lags))
        tasks = [group.create_task(caller.hear()) for caller in callers]
        await speak(callers, WARM_UP)
        for caller in callers:
            caller.counting = True
        begin, before, waited_before = time.monotonic(), mock.cpu_s(), mock.waited_s()
        late = await speak(callers, round(options.seconds / FRAME_S))
        took = time.monotonic() - begin
        used, waited = (mock.cpu_s() - before) / took, (mock.waited_s() - waited_before) / took
        kib = (mock.kib() - idle_kib) / options.sessions
        await asyncio.sleep(1.0)
        for task in tasks:
            task.cancel()
    return Cost(used, waited, kib, late)


async def speak(callers: Sequence[Caller], frames: int) -> float:
    """So many appends by each, at real time and spread over the 20 ms; how late the latest was, in seconds."""
    due, late = time.monotonic(), 0.0
    for _ in range(frames):
        for slot in range(SLOTS):
            due += FRAME_S / SLOTS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            late = max(late, time.monotonic() - due)
            for caller in callers[slot::SLOTS]:
                await caller.step()
    return late


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """This process on one core, for the length of the block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def report(lags: Lags, cost: Cost) -> None:
    """The figures and whether they hold."""
    print(f"{'lag, ms':16} {'count':>7} {'p50':>8} {'p99':>8} {'most':>8}")
    worst = 0.0
    for name, kind in (("speech_started", "input_audio_buffer.speech_started"), ("append", "error")):
        worst = max(worst, _line(name, lags.found(kind)))
    _line("speech_stopped", lags.found("input_audio_buffer.speech_stopped"))
    arrived = sum(len(found) for found in lags.seconds.values())
    print(f"CPU: {cost.used:.0%} of one core, waited for it {cost.waited:.0%}; memory: {cost.kib:.0f} KiB a session")
    print(f"the load itself: {cost.late_s * 1000:.1f} ms late at most")
    print(f"unanswered: {lags.expected - arrived}; unexpected errors: {lags.errors}")
    holds = worst <= MAX_P99_MS and cost.used <= MAX_CPU and arrived == lags.expected and not lags.errors
    print(f"within real time (p99 at most {MAX_P99_MS:g} ms): {'reached' if holds else 'MISSED'}")
    if not holds and cost.waited > MOST_WAITED:
        print("other processes took the core: the figures are theirs as well")


def _line(name: str, found: list[float]) -> float:
    p50, p99 = (percentile(found, share) * 1000 for share in (0.50, 0.99))
    print(f"{name:16} {len(found):7} {p50:8.2f} {p99:8.2f} {(found[-1] * 1000 if found else 0.0):8.2f}")
    return p99


def run(arguments: Sequence[str]) -> int:
    """Measure and print; the figures are for reading, so the status is 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench mock_load", description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args(arguments)
    cores = sorted(os.sched_getaffinity(0))
    voxgate = str(Path(sys.executable).with_name("voxgate"))
    print(f"\nMock: {options.sessions} sessions on one core for {options.seconds:g} s, 20 ms appends, 30 % speech")
    print(machine(), flush=True)
    lags = Lags()
    with (
        tempfile.TemporaryDirectory(prefix="voxgate-bench-") as name,
        on_core(cores[-1]),
        started([voxgate, "mock", "--port", "0"], cores[0], Path(name)) as mock,
    ):
        found = re.search(r"http://[\w.]+:\d+", mock.line())
        assert found
        url = f"{found[0].replace('http', 'ws', 1)}/v1/realtime?model=gpt-realtime"
        cost = uvloop.run(load(url, options, mock, lags))
    report(lags, cost)
    return 0
