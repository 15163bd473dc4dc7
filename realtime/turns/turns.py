"""Running agents: turns of threads, one at a time per thread; start, steer, interrupt."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from realtime.agents.agent import BackgroundAgent
from realtime.errors import Draining, GatewayError, TurnNotFound
from realtime.protocol import appserver as app
from realtime.protocol.ids import ThreadId
from realtime.settings import AgentSettings, LimitsSettings
from realtime.telemetry import Telemetry
from realtime.turns.request import Joined, Started, TurnLane, TurnListener, TurnRequest
from realtime.turns.run import Run, is_text

log = logging.getLogger(__name__)


class Turns:
    """Runs the agent. All methods belong to one loop; ``run`` owns every task."""

    def __init__(
        self,
        agent: BackgroundAgent,
        settings: AgentSettings,
        limits: LimitsSettings,
        *,
        telemetry: Telemetry | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._agent = agent
        self._telemetry = telemetry or Telemetry()
        self._timeout_s = settings.timeout_s
        self._limits = limits
        self._clock = clock
        self._running: dict[ThreadId, Run] = {}
        self._group: asyncio.TaskGroup | None = None
        self._closing = asyncio.Event()
        self._closed = asyncio.Event()

    async def run(self) -> None:
        """Own the turns until ``close``; cancelled, it ends them as interrupted. Once in a lifetime."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                try:
                    await self._closing.wait()
                finally:
                    self._group = None
                for run in tuple(self._running.values()):
                    run.interrupt()
        finally:
            self._closed.set()

    async def close(self) -> None:
        """Interrupt all turns and wait until they have ended; later starts raise ``Draining``."""
        self._closing.set()
        if self._group is not None or self._running:
            await self._closed.wait()

    def start_or_join(
        self, lane: TurnLane, request: TurnRequest, listener: TurnListener | None = None
    ) -> Started | Joined:
        """Begin a turn, or steer the one that runs on the thread.

        Raises ``Overloaded`` when the thread's lane or the agent's ear is full or the turn that runs is being
        stopped, and ``Draining`` when no turns are run any more; then nothing has happened. An agent that cannot
        work fails the turn.
        """
        run = self._running.get(lane.thread.id)
        if run is not None:
            return run.join(request, listener)
        if self._group is None or self._closing.is_set():
            raise Draining("no turns are started any more")
        run = Run(lane, request, self._limits, self._clock)
        committed = run.begin(listener)
        self._running[lane.thread.id] = run
        self._group.create_task(self._run_turn(run), name=f"turn {run.turn.id}")
        return Started(run.turn, committed)

    def steer(self, thread_id: ThreadId, text: str) -> Joined:
        """Steer the running turn with typed text; raises ``TurnNotFound``, ``Overloaded``."""
        return self._run_of(thread_id).join(TurnRequest(prompt=text, request=text, source="typed"), None)

    def interrupt(self, thread_id: ThreadId) -> None:
        """Stop the running turn; raises ``TurnNotFound``. It ends as interrupted a moment later."""
        self._run_of(thread_id).interrupt()

    def running(self, thread_id: ThreadId) -> app.Turn | None:
        """The turn that runs on the thread."""
        run = self._running.get(thread_id)
        return run.turn if run else None

    async def end(self, thread_id: ThreadId) -> None:
        """Stop what runs on the thread, if anything, and wait until it has ended."""
        run = self._running.get(thread_id)
        if run is not None:
            run.interrupt()
            await run.settled.wait()

    def detach(self, thread_id: ThreadId, listener: TurnListener) -> None:
        """The session is over and hears no more; the turn goes on."""
        run = self._running.get(thread_id)
        if run is not None:
            run.detach(listener)

    def _run_of(self, thread_id: ThreadId) -> Run:
        run = self._running.get(thread_id)
        if run is None:
            raise TurnNotFound("no turn runs on this thread")
        return run

    async def _run_turn(self, run: Run) -> None:
        status: app.TurnStatus = "interrupted"
        error: str | None = None
        try:
            status, error = await self._outcome(run)
        finally:  # also when cancelled: then as interrupted
            del self._running[run.lane.thread.id]
            self._telemetry.turn_ended(status, run.settle(status, error))
        await run.farewell()

    async def _outcome(self, run: Run) -> tuple[app.TurnStatus, str | None]:
        """How the agent's work ended. The one place that catches whatever a foreign agent may raise."""
        scope = asyncio.timeout(None)
        outcome: tuple[app.TurnStatus, str | None] = ("completed", None)
        try:
            async with scope:
                run.limit(scope, self._timeout_s)
                await run.work(self._agent)
        except GatewayError as error:
            outcome = ("failed", error.message if is_text(error.message) else "the agent failed")
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            outcome = ("failed", "the agent failed unexpectedly")  # something of the agent's own was cancelled
        except Exception:
            if not scope.expired():
                log.exception("turn %s: the agent failed", run.turn.id)
            outcome = ("failed", "the agent failed unexpectedly")
        if scope.expired():
            outcome = ("failed", f"no end within {self._timeout_s:g} s")
        return ("interrupted", None) if run.interrupted else outcome
