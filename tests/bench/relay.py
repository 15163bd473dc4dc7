"""What the gateway costs beside a relay that does nothing: processor, delay, loss, memory.

Each round measures, in turn and with the same load, the lab's own floor (no process between), the bare relay and
the gateway by either door. Figures drift with the machine; the ratios inside one round are the result.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
TARGETS = ("direct", "bare relay", "gateway", "realtime")
"""The last is the gateway too, by its door of the Realtime API instead of JSON-RPC."""
MAX_RATIO = 2.5
MAX_KIB = 300


@dataclass(frozen=True)
class Figures:
    """One target in one round. Times in ms, memory in KiB; a target without a process costs nothing."""

    cpu_ms: float
    kib: float
    up: dict[str, float]
    down: dict[str, float]

    def ways(self) -> dict[str, dict[str, float]]:
        return {"up": self.up, "down": self.down}

    @property
    def lost(self) -> int:
        return int(self.up["lost"] + self.down["lost"])


class Process:
    """A child on one core, spoken to by lines."""

    def __init__(self, command: Sequence[str], core: int, folder: Path) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("VOXGATE_", "OPENAI_"))}
        self._errors = (folder / f"{Path(command[-1]).name}.{core}.log").open("a+")
        self._child = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=folder,
            env={**env, "PYTHONPATH": str(ROOT)},
        )

    def line(self) -> str:
        """The next line it says; its own errors when it has died instead."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise SystemExit(f"the benchmark's process has ended:\n{self._errors.read()[-3000:]}")
        return line

    def tell(self, values: dict[str, Any]) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(values) + "\n")
        self._child.stdin.flush()

    def cpu_s(self) -> float:
        """Processor time so far, of all its threads, user and system."""
        fields = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def waited_s(self) -> float:
        """Time its first thread was ready to run and others had the core."""
        return int(Path(f"/proc/{self._child.pid}/schedstat").read_text().split()[1]) / 1e9

    def kib(self) -> float:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self._child.pid}/status").read_text())
        return float(found[1]) if found else 0.0

    def end(self) -> None:
        self._child.terminate()
        try:
            self._child.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._errors.close()


@contextmanager
def started(command: Sequence[str], core: int, folder: Path) -> Iterator[Process]:
    process = Process(command, core, folder)
    try:
        yield process
    finally:
        process.end()


@contextmanager
def target(name: str, port: str, core: int, folder: Path) -> Iterator[tuple[Process | None, str]]:
    """The process to be measured and its address."""
    upstream = f"ws://127.0.0.1:{port}/v1/realtime"
    if name == "direct":
        yield None, upstream
    elif name == "bare relay":
        with started([sys.executable, "-m", "tests.bench.bare_relay", upstream], core, folder) as process:
            yield process, f"ws://127.0.0.1:{process.line().strip()}/"
    else:
        voxgate = str(Path(sys.executable).with_name("voxgate"))
        flags = ["--upstream", f"http://127.0.0.1:{port}/v1", "--agent", "none", "--port", "0", "--data"]
        with started([voxgate, "serve", *flags, str(folder / "data")], core, folder) as process:
            found = re.search(r"http://([\w.]+:\d+)", process.line())
            assert found
            path = "v1/realtime?model=bench" if name == "realtime" else ""
            yield process, f"ws://{found[1]}/{path}"


def measure(lab: Process, process: Process | None, url: str, kind: str, options: argparse.Namespace) -> Figures:
    """One target under the load; its processor time is read at both ends of the window."""
    lab.tell({"kind": kind, "url": url, "sessions": options.sessions, "seconds": options.seconds})
    readings = []
    for _ in ("idle", "begin", "end"):
        lab.line()
        readings.append((process.cpu_s(), process.kib()) if process else (0.0, 0.0))
        if len(readings) == 1:
            lab.tell({})
    (_, idle_kib), (cpu_before, _), (cpu_after, kib) = readings
    result = json.loads(lab.line())
    return Figures(
        cpu_ms=(cpu_after - cpu_before) * 1000 / (options.sessions * options.seconds),
        kib=(kib - idle_kib) / options.sessions,
        up=result["up"],
        down=result["down"],
    )


def rounds(options: argparse.Namespace) -> list[dict[str, Figures]]:
    cores = sorted(os.sched_getaffinity(0))
    found = []
    with tempfile.TemporaryDirectory(prefix="voxgate-bench-") as name:
        folder = Path(name)
        with started([sys.executable, "-m", "tests.bench.lab"], cores[-1], folder) as lab:
            port = json.loads(lab.line())["port"]
            for number in range(options.rounds):
                figures = {}
                for kind in TARGETS[number % len(TARGETS) :] + TARGETS[: number % len(TARGETS)]:
                    with target(kind, port, cores[0], folder) as (process, url):
                        figures[kind] = measure(lab, process, url, kind, options)
                found.append(figures)
    return found


def report(found: list[dict[str, Figures]], options: argparse.Namespace) -> None:
    """Medians over the rounds; p99 is the best round's, since the neighbours make the others."""
    print(f"\nRelay: {options.sessions} sessions at real time, each 50 appends of 20 ms up and 5 deltas of 200 ms down")
    print(f"a second; {options.rounds} rounds of {options.seconds:g} s, median; p99 of the best round; delays in ms")
    print(f"{'':10} {'CPU ms per':>12} {'':>6} {'up':>12} {'':>7} {'down':>8} {'':>7} {'lost':>6} {'KiB per':>8}")
    print(f"{'':10} {'session-s':>12} {'ratio':>6} {'p50':>12} {'p99':>7} {'p50':>8} {'p99':>7} {'':>6} {'session':>8}")
    for name in TARGETS:
        mine = [figures[name] for figures in found]
        up50, down50 = (median(f.ways()[way]["p50"] for f in mine) for way in ("up", "down"))
        up99, down99 = (min(f.ways()[way]["p99"] for f in mine) for way in ("up", "down"))
        cost = median(f.cpu_ms for f in mine)
        print(
            f"{name:10} {cost:12.2f} {ratio(found, name):6.2f} {up50:12.2f} {up99:7.2f} {down50:8.2f} {down99:7.2f}"
            f" {sum(f.lost for f in mine):6} {median(f.kib for f in mine):8.0f}"
        )
    added = [f"{added_p50(found, way):.2f} ms {way}" for way in ("up", "down")]
    print(f"the gateway adds to the direct p50: {', '.join(added)}")
    doors = median(figures["realtime"].cpu_ms / max(figures["gateway"].cpu_ms, 1e-9) for figures in found)
    print(f"CPU by the door of the Realtime API over that by JSON-RPC: {doors:.2f}")
    gateway = [figures["gateway"] for figures in found]
    _verdict("CPU over the bare relay", ratio(found, "gateway"), MAX_RATIO)
    _verdict("frames lost", sum(f.lost for f in gateway), 0)
    _verdict("KiB per session", median(f.kib for f in gateway), MAX_KIB)


def ratio(found: list[dict[str, Figures]], name: str) -> float:
    """The median of each round's own ratio to the bare relay."""
    return median(figures[name].cpu_ms / max(figures["bare relay"].cpu_ms, 1e-9) for figures in found)


def added_p50(found: list[dict[str, Figures]], way: str) -> float:
    """What a chunk takes longer than with no process between."""
    return median(f["gateway"].ways()[way]["p50"] - f["direct"].ways()[way]["p50"] for f in found)


def _verdict(what: str, value: float, limit: float) -> None:
    print(f"{what}: {value:.2f} (at most {limit:g}): {'reached' if value <= limit else 'MISSED'}")


def machine() -> str:
    """What the figures were made on."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    model = found[1] if found else platform.processor()
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def run(arguments: Sequence[str]) -> int:
    """Measure and print; the figures are for reading, so the status is 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench relay", description=__doc__)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    print(f"python -m tests.bench relay {' '.join(arguments)}\n{machine()}", flush=True)
    report(rounds(options), options)
    return 0
