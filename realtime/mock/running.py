"""A mock in a thread of its own, for tests of clients: threaded, blocking or async ones alike."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import BaseModel

from realtime.mock.magic import DefaultScript
from realtime.mock.python_script import PythonScript
from realtime.mock.refusal import Refused
from realtime.mock.reply import Script
from realtime.mock.rules import compile_rules
from realtime.mock.scenarios import Scenario, find_scenario
from realtime.mock.script import load_script
from realtime.mock.server import MockServer
from realtime.mock.witness import Frame, Sender, Witness, type_of
from realtime.protocol.json import JsonObject

PATIENCE_S = 5.0
KEY = "sk-mock"

Result = TypeVar("Result")
Model = TypeVar("Model", bound=BaseModel)
AnyScript = str | Path | list[JsonObject] | Callable[[Any], object] | Script | None
"""A name, a file, a YAML file's rules as Python values, a function of the context, or a script; None: default."""


def script_of(script: AnyScript) -> Script:
    """Whatever describes a script, as one; raises ``ConfigurationError``."""
    if script is None:
        return DefaultScript()
    if isinstance(script, (str, Path)):
        return load_script(str(script))
    if isinstance(script, list):
        return compile_rules(script, DefaultScript(), source="the test")
    return PythonScript(script) if callable(script) else script


class RealtimeMock:
    """``with RealtimeMock(...) as mock``: listens on a free port of 127.0.0.1 for the length of the block.

    Its methods are for other threads than its own and return at once, save those that say that they wait.
    Clients must bring ``key``. Raises ``ConfigurationError`` and ``ValueError`` for what it cannot make sense of.
    """

    def __init__(
        self,
        *,
        script: AnyScript = None,
        scenario: str | None = None,
        faults: Iterable[JsonObject] = (),
        seed: int | None = None,
        key: str = KEY,
    ) -> None:
        situation = find_scenario(scenario) if scenario is not None else Scenario("")
        self.key = key
        self._server = MockServer(script=situation.script(script_of(script)), seed=seed, api_key=key)
        self._host = self._server.mock
        self._witness = self._host.journal = Witness()
        situation.prepare(self._host)
        for fault in faults:
            _checked(partial(self._host.faults.add, fault))
        self._loop = asyncio.new_event_loop()
        self._ready: Future[None] = Future()
        self._leave = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="realtime mock", daemon=True)

    @property
    def base_url(self) -> str:
        """What SDKs take as base URL: ``http://127.0.0.1:PORT/v1``."""
        return self._server.base_url

    @property
    def ws_url(self) -> str:
        """Where a WebSocket client connects, with a model."""
        return f"ws://127.0.0.1:{self._server.port}/v1/realtime?model=gpt-realtime"

    @property
    def headers(self) -> dict[str, str]:
        """What such a client has to send."""
        return {"Authorization": f"Bearer {self.key}"}

    def sent(self, kind: str | None = None) -> list[Frame]:
        """What clients sent so far, in order; of one type where named."""
        return self._witness.frames("client", kind)

    def sent_as(self, model: type[Model]) -> list[Model]:
        """The events of one type that clients sent, as objects of its pydantic class."""
        return [frame.to(model) for frame in self.sent(type_of(model))]

    def answered(self, kind: str | None = None) -> list[Frame]:
        """What the mock sent so far, likewise."""
        return self._witness.frames("server", kind)

    def frames(self) -> list[Frame]:
        """Both ways, in order."""
        return self._witness.frames()

    def wait_for(
        self, kind: str, *, count: int = 1, sender: Sender = "client", timeout: float = PATIENCE_S
    ) -> list[Frame]:
        """Wait until so many events of a type were sent, and return them; raises ``TimeoutError``."""
        return self._witness.wait(sender, kind, count, timeout)

    async def until(
        self, kind: str, *, count: int = 1, sender: Sender = "client", timeout: float = PATIENCE_S
    ) -> list[Frame]:
        """The same for async tests: the test's own loop goes on meanwhile."""
        return await asyncio.to_thread(self._witness.wait, sender, kind, count, timeout)

    def sessions(self) -> list[JsonObject]:
        """What goes on inside each live session: configuration, items, active response, bill."""
        return self._ask(self._host.sessions)

    def push(self, event: JsonObject, session: str | None = None) -> None:
        """Send an event that the model knows nothing of, to a session (``sess_…``, ``c1``) or to all.

        Raises ``ValueError`` for a session that is not there.
        """
        self._ask(lambda: self._host.push_all(event) if session is None else self._push(session, event))

    def advance(self, seconds: float) -> None:
        """Set the clock forward: what is due by then happens now, the end of sessions too."""
        self._ask(lambda: self._host.advance(seconds))

    def add_fault(self, fault: str, on: str = "server", **more: object) -> str:
        """Arm a fault, as ``POST /_mock/faults`` does; returns its id. Raises ``ValueError``."""
        return self._ask(lambda: self._host.faults.add({"fault": fault, "on": on, **more}).id)

    def clear_faults(self) -> None:
        """Disarm all."""
        self._ask(self._host.faults.clear)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            async with self._server:
                self._ready.set_result(None)
                await self._leave.wait()
        except OSError as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    def _ask(self, act: Callable[[], Result]) -> Result:
        """Have something done by the mock's own thread."""
        answer: Future[Result] = Future()

        def perform() -> None:
            try:
                answer.set_result(_checked(act))
            except ValueError as error:
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(perform)
        return answer.result(PATIENCE_S)

    def _push(self, session: str, event: JsonObject) -> None:
        if self._host.push(session, event) is None:
            raise ValueError(f"there is no session or connection '{session}'")


def _checked(act: Callable[[], Result]) -> Result:
    try:
        return act()
    except Refused as refused:
        raise ValueError(refused.message) from None
