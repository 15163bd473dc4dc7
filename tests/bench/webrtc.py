"""What a WebRTC call costs when the gateway answers it, beside aiortc used as its documentation shows.

Both sides of every call are real: Opus, SRTP and ICE on this machine. The kinds take turns with the same callers in
one run, and the ratio between them is the result; absolute figures drift with the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import sleep
from typing import Any

from tests.bench.relay import Process, machine, started

KINDS = ("documented", "ours on asyncio", "ours")
MIN_RATIO = 2.5
MAX_UPLINK_MS = 30.0
WARM_UP_S = 2.0


@dataclass(frozen=True)
class Figures:
    """One kind in one round."""

    cpu_ms: float
    """Processor time per session and second."""
    uplink_ms: float
    """From a packet's leaving the caller to its PCM."""
    up_per_s: float
    down_per_s: float
    """Frames heard, and packets that reached the caller, per session and second: 50 when all flowed."""
    stall_ms: float


def measure(kind: str, options: argparse.Namespace, folder: Path) -> Figures:
    """Start both sides, connect, take a window."""
    cores = sorted(os.sched_getaffinity(0))
    peers_command = [sys.executable, "-m", "tests.bench.webrtc_peers", kind]
    load_command = [sys.executable, "-m", "tests.bench.webrtc_load"]
    with started(peers_command, cores[0], folder) as peers, started(load_command, cores[-1], folder) as load:
        load.tell({"sessions": options.sessions})
        for _ in range(options.sessions):
            peers.tell(json.loads(load.line()))
            load.tell(json.loads(peers.line()))
        load.line()
        sleep(WARM_UP_S)
        _asked(load, "begin")
        _asked(peers, "begin")
        sleep(options.seconds)
        heard, sent = _asked(peers, "end"), _asked(load, "end")
        stall_ms = _asked(peers, "hostile")["stall_ms"]
    per = options.sessions * heard["seconds"]
    return Figures(
        cpu_ms=heard["cpu_s"] * 1000 / per,
        uplink_ms=median(_latencies(heard["heard"], sent["sent"]) or [float("nan")]),
        up_per_s=sum(one["frames"] for one in heard["heard"]) / per,
        down_per_s=sum(one["received"] for one in sent["sent"]) / options.sessions / sent["seconds"],
        stall_ms=stall_ms,
    )


def _asked(process: Process, what: str) -> dict[str, Any]:
    process.tell({what: True})
    answer: dict[str, Any] = json.loads(process.line())
    return answer


def _latencies(heard: list[dict[str, Any]], sent: list[dict[str, Any]]) -> list[float]:
    """Each onset heard, after the one that left last before it; ms."""
    found = []
    for ear, mouth in zip(heard, sent, strict=True):
        for onset in ear["onsets"]:
            place = bisect_right(mouth["onsets"], onset)
            if place:
                found.append((onset - mouth["onsets"][place - 1]) / 1e6)
    return found


def run(arguments: Sequence[str]) -> int:
    """Print the figures; 0 always: they are for people."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench webrtc", description=__doc__)
    parser.add_argument("--sessions", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    rounds: list[dict[str, Figures]] = []
    with tempfile.TemporaryDirectory(prefix="voxgate-bench-") as name:
        for number in range(options.rounds):
            turn = KINDS[number % len(KINDS) :] + KINDS[: number % len(KINDS)]
            rounds.append({kind: measure(kind, options, Path(name)) for kind in turn})
    report(rounds, options)
    return 0


def report(rounds: list[dict[str, Figures]], options: argparse.Namespace) -> None:
    """Medians over the rounds."""
    print(f"\nWebRTC: {options.sessions} calls at real time, 50 packets a second each way; {options.rounds} rounds of")
    print(f"{options.seconds:g} s, median. {machine()}")
    print(f"{'':16} {'CPU ms per':>11} {'':>6} {'calls a':>8} {'uplink':>8} {'frames a second':>18}")
    print(f"{'':16} {'call-s':>11} {'ratio':>6} {'core':>8} {'p50 ms':>8} {'heard':>9} {'sent':>8}")
    for kind in KINDS:
        mine = [figures[kind] for figures in rounds]
        cost = median(f.cpu_ms for f in mine)
        print(
            f"{kind:16} {cost:11.1f} {_ratio(rounds, kind):6.2f} {1000 / max(cost, 1e-9):8.0f}"
            f" {median(f.uplink_ms for f in mine):8.1f} {median(f.up_per_s for f in mine):9.1f}"
            f" {median(f.down_per_s for f in mine):8.1f}"
        )
    ratio, uplink = _ratio(rounds, "ours"), median(figures["ours"].uplink_ms for figures in rounds)
    print(f"calls a core over documented aiortc: {ratio:.1f} (at least {MIN_RATIO}): {_met(ratio >= MIN_RATIO)}")
    print(f"uplink, packet to PCM: {uplink:.1f} ms (at most {MAX_UPLINK_MS:g}): {_met(uplink <= MAX_UPLINK_MS)}")
    stall = max(figures["ours"].stall_ms for figures in rounds)
    print(f"longest stall by a hostile offer: {stall:.1f} ms")


def _ratio(rounds: list[dict[str, Figures]], kind: str) -> float:
    """How many times the calls on a core: the median of each round's own ratio."""
    return median(figures["documented"].cpu_ms / max(figures[kind].cpu_ms, 1e-9) for figures in rounds)


def _met(reached: bool) -> str:
    return "reached" if reached else "MISSED"
