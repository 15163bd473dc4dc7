"""A pytest plugin: the upstream key of every test run is a canary, and the run fails if it is seen outside.

Looked at: what tests print and log, their errors' texts, every file below the run's temporary folder, every byte
an aiohttp client of a test receives, what a test hands to ``canary.saw``, the command lines of all processes
and the environments of those that a gateway process has started.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from aiohttp.client_proto import ResponseHandler

_OWN_NAMES = ("VOXGATE_", "OPENAI_")
_KEPT_NAMES = ("VOXGATE_LONG",)
_BLOCK = 1 << 20
_SAMPLE_S = 0.4


class Canary:
    """A key that exists nowhere else, and where it was seen."""

    def __init__(self) -> None:
        self.key = f"sk-canary-{secrets.token_hex(10)}+/{secrets.token_hex(10)}"
        self.forms = _forms(self.key)
        self.longest = max(map(len, self.forms.values()))
        self.sightings: dict[str, str] = {}
        """Sink to the form in which it came."""
        self._may_hold: set[Path] = set()
        self._folders: set[Path] = set()

    def saw(self, sink: str, data: bytes | str) -> None:
        """Look through something that left the gateway: a frame, a body, an output."""
        raw = data.encode(errors="surrogatepass") if isinstance(data, str) else data
        lowered = raw.lower()
        for name, form in self.forms.items():
            if form in (lowered if name.startswith("hex") else raw):
                self.sightings.setdefault(sink, name)

    def may_hold(self, path: Path) -> Path:
        """A file that a test writes the key into on purpose, such as ``api_key_file``."""
        self._may_hold.add(path.resolve())
        return path

    def search_later(self, folder: Path) -> Path:
        """One more folder to be searched at the end of the run."""
        self._folders.add(folder)
        return folder

    def look_at_files(self, root: Path) -> None:
        """Search every regular file below ``root``, and below the folders named by tests."""
        for folder in (root, *self._folders):
            for path in folder.rglob("*"):
                if path.is_file() and not path.is_symlink() and path.resolve() not in self._may_hold:
                    self._look_at_file(path)

    def look_at_processes(self) -> None:
        """Search command lines everywhere, and the environment of what a gateway has started."""
        for process in _processes():
            self.saw(f"the command line of {process.name}", process.arguments)
            parent = process.parent()
            if parent is None or not parent.is_gateway or parent.pid == os.getpid():
                continue
            if process.arguments != parent.arguments:  # else it is about to become another program
                self.saw(f"the environment of {process.name}, child of {parent.name}", process.environment())

    def _look_at_file(self, path: Path) -> None:
        try:
            with path.open("rb") as stream:
                tail = b""
                while block := stream.read(_BLOCK):
                    self.saw(f"the file {path}", tail + block)
                    tail = block[-self.longest :]
        except OSError:
            return  # gone meanwhile, or a socket


class _Process:
    """A line of /proc; one that has ended looks empty."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.arguments = _read(pid, "cmdline")

    @property
    def name(self) -> str:
        words = self.arguments.split(b"\0")
        return " ".join(Path(word.decode(errors="replace")).name for word in words[:2]) or "?"

    @property
    def is_gateway(self) -> bool:
        words = [Path(word.decode(errors="replace")).name for word in self.arguments.split(b"\0")]
        return words[0].startswith("python") and bool({"voxgate", "realtime", "realtime.cli"} & set(words[1:3]))

    def environment(self) -> bytes:
        return _read(self.pid, "environ")

    def parent(self) -> _Process | None:
        fields = _read(self.pid, "stat").rpartition(b")")[2].split()
        return _Process(int(fields[1])) if len(fields) > 1 and int(fields[1]) > 1 else None


def _processes() -> Iterator[_Process]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            yield _Process(int(entry))


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _forms(key: str) -> dict[str, bytes]:
    raw = key.encode()
    half = len(key) // 2
    forms = {
        "plain": raw,
        "first half": raw[:half],
        "second half": raw[half:],
        "hex": raw.hex().encode(),
        "URL-encoded": quote(key, safe="").encode(),
        "URL-encoded, each character": "".join(f"%{byte:02X}" for byte in raw).encode(),
        "URL-encoded form": quote_plus(key).encode(),
        "JSON with escaped slashes": json.dumps(key)[1:-1].replace("/", "\\/").encode(),
        "JSON, each character": "".join(f"\\u{byte:04x}" for byte in raw).encode(),
    }
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + raw).rstrip(b"=")
        inner = whole[(0, 2, 3)[shift] : len(whole) - 1]
        forms[f"base64, shifted by {shift}"] = inner
        forms[f"base64 for URLs, shifted by {shift}"] = inner.translate(bytes.maketrans(b"+/", b"-_"))
    return forms


class _Watch:
    """Looks at the processes now and then, beside the tests."""

    def __init__(self, canary: Canary) -> None:
        self._canary = canary
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="canary", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            self._canary.look_at_processes()


_CANARY = pytest.StashKey[Canary]()
_WATCH = pytest.StashKey[_Watch]()
_PATCH = pytest.StashKey[pytest.MonkeyPatch]()


def pytest_configure(config: pytest.Config) -> None:
    """Plant the key, and clear the run of the developer's own settings."""
    canary = config.stash[_CANARY] = Canary()
    patch = config.stash[_PATCH] = pytest.MonkeyPatch()
    for name in [name for name in os.environ if name.startswith(_OWN_NAMES) and name not in _KEPT_NAMES]:
        patch.delenv(name)
    _listen_to_clients(canary, patch)
    watch = config.stash[_WATCH] = _Watch(canary)
    watch.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_PATCH].undo()


def _listen_to_clients(canary: Canary, patch: pytest.MonkeyPatch) -> None:
    """What aiohttp clients receive: heads, bodies, frames; a key cut by two reads is found as well."""
    receive = ResponseHandler.data_received

    def listening(self: ResponseHandler, data: bytes) -> None:
        window = getattr(self, "_canary_tail", b"") + data
        canary.saw("what an HTTP or WebSocket client received", window)
        self._canary_tail = window[-canary.longest :]  # type: ignore[attr-defined]  # ours, for the next read
        receive(self, data)

    patch.setattr(ResponseHandler, "data_received", listening)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report: pytest.TestReport = yield  # type: ignore[assignment]  # a wrapper is sent the hook's result
    canary = item.config.stash[_CANARY]
    for name, text in report.sections:
        canary.saw(f"{name} of {item.nodeid}", text)
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        canary.saw(f"the error of {item.nodeid}", crash.message)
    return report  # type: ignore[return-value]  # likewise


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The last look; a sighting turns a green run red."""
    config = session.config
    config.stash[_WATCH].stop()
    canary = config.stash[_CANARY]
    factory: Any = getattr(config, "_tmp_path_factory", None)
    if factory is not None and factory._basetemp is not None:
        canary.look_at_files(factory.getbasetemp())
    canary.look_at_processes()
    output: dict[str, Any] | None = getattr(config, "workeroutput", None)
    if output is not None:  # of a worker, which hands over what it saw
        output["canary"] = dict(canary.sightings)
    if canary.sightings and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The main process takes what a worker saw; a worker that died may have seen anything, and fails the run itself."""
    node.config.stash[_CANARY].sightings.update(getattr(node, "workeroutput", {}).get("canary", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    canary = config.stash[_CANARY]
    if canary.sightings:
        terminalreporter.section("THE UPSTREAM KEY WAS SEEN", red=True)
        for sink, form in sorted(canary.sightings.items()):
            terminalreporter.line(f"{form}: {sink}", red=True)


@pytest.fixture(scope="session")
def canary(pytestconfig: pytest.Config) -> Canary:
    """The run's canary: hand what leaves a gateway to ``canary.saw(sink, data)``."""
    return pytestconfig.stash[_CANARY]


@pytest.fixture(scope="session")
def canary_key(canary: Canary) -> str:
    """The upstream key to use in tests, wherever one is needed."""
    return canary.key


@pytest.fixture
def gateway_env(canary_key: str) -> dict[str, str]:
    """An environment for ``voxgate`` as a process: it has the key, and an upstream that opens no port and is quick."""
    embedded = {"VOXGATE_UPSTREAM__BASE_URL": "embedded", "VOXGATE_SPEECH__ENGINES": "off"}
    return {**os.environ, "VOXGATE_UPSTREAM__API_KEY": canary_key, **embedded}
