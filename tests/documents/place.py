"""Where the blocks are run: a folder that looks like a checkout, a gateway started from it, and a mock."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.documents.blocks import ROOT
from tests.documents.browser import PageServer

GATEWAY = "127.0.0.1:8080"
"""The gateway's address as the documents have it."""
MOCK = "127.0.0.1:8765"
UPSTREAM = "https://api.openai.com/v1"
PATIENCE_S = 120.0
STOP_S = 20.0
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_CALLING = re.compile(r"\bvoxgate (?:call|tail)\b")
_READY = re.compile(r"http://127\.0\.0\.1:(\d+)")
_OWN = ("VOXGATE_", "OPENAI_")


@dataclass(slots=True)
class Place:
    """``port`` is the gateway's, ``mock_port`` that of a mock; ``done`` keeps runs that several blocks share."""

    folder: Path
    port: int
    mock_port: int
    pages: PageServer
    thread_id: str = ""
    """A thread in which something was said."""
    done: dict[str, str] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """A text with the addresses and the thread of this place."""
        text = text.replace(GATEWAY, f"127.0.0.1:{self.port}").replace(
            UPSTREAM, f"http://127.0.0.1:{self.mock_port}/v1"
        )
        text = _CALLING.sub(rf"\g<0> --url ws://127.0.0.1:{self.port}", text)
        return _ID.sub(self.thread_id, text) if self.thread_id else text

    def run(self, command: list[str], folder: Path | None = None) -> str:
        """What a command prints; it fails the test when it fails."""
        done = subprocess.run(
            command,
            cwd=folder or self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}"
        return done.stdout


def environment() -> dict[str, str]:
    """A newcomer's: no setting, no key, no virtual environment."""
    dropped = ("PYTHONPATH", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in dropped and not name.startswith(_OWN)}


def lay_out(folder: Path) -> None:
    """What a reader who follows the documents has in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (".venv", "mocked"):
        (folder / name).symlink_to(sys.prefix)
    for name in ("docs", "Makefile"):
        (folder / name).symlink_to(ROOT / name)


def free_port() -> int:
    """A port on which nobody listens (it was free a moment ago)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def recipe(target: str) -> str:
    """The last command of a make target once everything is set up. Fails where there is no such target."""
    make = ["make", "--dry-run", "--no-print-directory", "--assume-old=.venv/.stamp", target]
    done = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@contextmanager
def served(command: str, folder: Path, settings: Mapping[str, str]) -> Iterator[int]:
    """A server for the length of the block, started by a shell's command; the port that its first line names."""
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command}"],
            cwd=folder,
            env={**environment(), **settings},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        watchdog.cancel()
        ready = _READY.search(line)
        assert ready is not None, line + (folder / "server.log").read_text()[-2000:]
        yield int(ready[1])
        process.terminate()
        assert process.wait(STOP_S) == 0
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.kill()
        process.communicate()
