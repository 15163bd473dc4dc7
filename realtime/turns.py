"""A running agent: turns of threads, one at a time per thread; start, steer, interrupt.

A turn begins with ``turn/started`` and ends once, with ``turn/completed``. A hand-off that begins or
joins a turn is an item of the thread: it is opened before the turn it begins and completed before the
turn ends, whether or not the call that made it is still up. What steers a turn is stored and reaches
the agent, or is refused; it is never taken and forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from prompts.delegation import request_of
from realtime.agents import exchange
from realtime.agents.agent import AgentMessage, AgentTask, AgentUpdate, BackgroundAgent, Memory, Output
from realtime.agents.steering import Ear
from realtime.errors import Draining, GatewayError, TurnNotFound
from realtime.protocol import appserver as app
from realtime.protocol.ids import CallId, ItemId, ThreadId, TurnId, new_turn_id
from realtime.protocol.json import JsonObject
from realtime.settings import AgentSettings, LimitsSettings
from realtime.telemetry import Telemetry

log = logging.getLogger(__name__)

Commit = Awaitable[list[app.Record]]
HandoffState = Literal["started", "steered", "progress", "finished", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """What an agent is asked to do.

    ``prompt`` is what it is told, ``request`` the bare wish inside it. A hand-off has the ``call_id``
    of its function call, and that call's ``item_id`` where it has one. ``live`` says that a call runs
    on the thread (a hand-off's always does).
    """

    prompt: str
    request: str
    source: Literal["typed", "handoff"]
    metadata: Mapping[str, str] = field(default_factory=dict)
    call_id: CallId | None = None
    item_id: ItemId | None = None
    live: bool = False


class TurnListener(Protocol):
    """A live session that began or joined a turn; its coroutines may wait for room in its inbox."""

    async def said(self, turn_id: TurnId, text: str, *, final: bool) -> None:
        """The agent finished a message: of its result (``final``), or a remark on the way."""
        ...

    async def ended(self, turn_id: TurnId, turn: app.Turn) -> None:
        """The turn is over: ``status``, ``output`` and ``error`` tell how."""
        ...


class TurnLane(Memory, Protocol):
    """What a turn asks of its thread's lane: see ``realtime.lanes.ThreadLane``."""

    @property
    def thread(self) -> app.Thread: ...
    def record(self, *drafts: app.Draft) -> Commit: ...
    def live(self, notification: app.Notification) -> None: ...
    async def latest(self, *, methods: Sequence[str], limit: int) -> list[app.Record]: ...


@dataclass(frozen=True, slots=True)
class Started:
    """A turn was begun; ``committed`` is done when its start is stored."""

    turn: app.Turn
    committed: Commit


@dataclass(frozen=True, slots=True)
class Joined:
    """The running turn was steered; ``committed`` is done when what steers it is stored."""

    turn: app.Turn
    committed: Commit


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
        self._running: dict[ThreadId, _Run] = {}
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

        Raises ``Overloaded`` when the thread's lane or the agent's ear is full, and ``Draining`` when no
        turns are run any more; then nothing has happened. An agent that cannot work fails the turn.
        """
        run = self._running.get(lane.thread.id)
        if run is not None:
            return run.join(request, listener)
        if self._group is None or self._closing.is_set():
            raise Draining("no turns are started any more")
        run = _Run(lane, request, self._limits, self._clock)
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

    def _run_of(self, thread_id: ThreadId) -> _Run:
        run = self._running.get(thread_id)
        if run is None:
            raise TurnNotFound("no turn runs on this thread")
        return run

    async def _run_turn(self, run: _Run) -> None:
        status: app.TurnStatus = "interrupted"
        error: str | None = None
        try:
            status, error = await self._outcome(run)
        finally:  # also when cancelled: then as interrupted
            del self._running[run.lane.thread.id]
            self._telemetry.turn_ended(status, run.settle(status, error))
        await run.farewell()

    async def _outcome(self, run: _Run) -> tuple[app.TurnStatus, str | None]:
        """How the agent's work ended. The one place that catches whatever a foreign agent may raise."""
        scope = asyncio.timeout(None)
        outcome: tuple[app.TurnStatus, str | None] = ("completed", None)
        try:
            async with scope:
                run.limit(scope, self._timeout_s)
                await run.work(self._agent)
        except GatewayError as error:
            outcome = ("failed", error.message)
        except Exception:
            if not scope.expired():
                log.exception("turn %s: the agent failed", run.turn.id)
            outcome = ("failed", "the agent failed unexpectedly")
        if scope.expired():
            outcome = ("failed", f"no end within {self._timeout_s:g} s")
        return ("interrupted", None) if run.interrupted else outcome


class _Run:
    """One turn while it runs."""

    def __init__(
        self, lane: TurnLane, request: TurnRequest, limits: LimitsSettings, clock: Callable[[], float]
    ) -> None:
        self.lane = lane
        self._clock = clock
        self._limits = limits
        self.turn = app.Turn(
            id=new_turn_id(),
            thread_id=lane.thread.id,
            status="inProgress",
            input=request.request,
            source=request.source,
            started_at=self._now(),
        )
        self.interrupted = False
        self.settled = asyncio.Event()
        self._request = request
        self._scope: asyncio.Timeout | None = None
        self._exchange: deque[AgentMessage] = deque(maxlen=limits.history_items)
        self._ear = Ear(limits.steering, lambda text: self._exchange.append(AgentMessage("user", text)))
        self._handoffs: list[app.Item] = []
        self._listeners: list[TurnListener] = []
        self._commits: list[Commit] = []
        self._output: str | None = None

    def begin(self, listener: TurnListener | None) -> Commit:
        """Record the start: the hand-off's item first, then the turn."""
        item = self._item(self._request)
        opening = [app.item_started(item)] if item.call_id is not None else []
        committed = self.lane.record(*opening, app.turn_started(self.turn))
        self._attend(item, listener, "started", committed)
        return committed

    def join(self, request: TurnRequest, listener: TurnListener | None) -> Joined:
        """Steer with a hand-off or with typed text."""
        self._ear.check_room()
        item = self._item(request)
        committed = self.lane.record(app.item_started(item) if item.call_id is not None else app.item_completed(item))
        self._ear.put(request.prompt)
        self._attend(item, listener, "steered", committed)
        return Joined(self.turn, committed)

    def detach(self, listener: TurnListener) -> None:
        """No more calls to this listener."""
        self._listeners = [other for other in self._listeners if other is not listener]

    def limit(self, scope: asyncio.Timeout, timeout_s: float) -> None:
        """The work shall end in time; at once if it was interrupted before it began."""
        self._scope = scope
        now = asyncio.get_running_loop().time()
        scope.reschedule(now if self.interrupted else now + timeout_s)

    def interrupt(self) -> None:
        """Cancel the agent's work, by letting its time be over."""
        self.interrupted = True
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time())

    async def work(self, agent: BackgroundAgent) -> None:
        """Run the agent, and again for what steered it and was never read."""
        task = await self._task()
        self._exchange.append(AgentMessage("user", task.prompt))
        while True:
            async with aclosing(agent.run(task)) as updates:
                async for update in updates:
                    await self._said(update)
            before = tuple(self._exchange)
            unread = self._ear.take()
            if not unread:
                return
            wishes = "\n".join(request_of(text) for text in unread)
            task = replace(task, prompt="\n".join(unread), request=wishes, history=(*task.history, *before))

    def settle(self, status: app.TurnStatus, error: str | None) -> float:
        """The turn is over: record it and its hand-offs, without waiting. Returns how many seconds it took."""
        now = self._now()
        messages = exchange.newest(tuple(self._exchange), self._limits)
        self.turn = replace(
            self.turn,
            status=status,
            error=error,
            output=self._output if status == "completed" else None,
            completed_at=now,
            messages=tuple(exchange.to_json(messages)),
        )
        items = [
            app.item_completed(replace(item, status=status, output=self.turn.output, error=error))
            for item in self._handoffs
        ]
        try:
            self._commits.append(self.lane.record(*items, app.turn_completed(self.turn)))
        except GatewayError as refusal:  # the next start of the gateway closes what stands open
            log.warning("turn %s: its end could not be recorded: %s", self.turn.id, refusal.message)
        states: dict[app.TurnStatus, HandoffState] = {"completed": "finished", "failed": "failed"}
        self._notify(states.get(status, "cancelled"), error or self.turn.output, self._handoffs)
        self.settled.set()
        return (now - self.turn.started_at) / 1000

    async def farewell(self) -> None:
        """Tell the listeners, then see the records stored."""
        for listener in tuple(self._listeners):
            await self._tell(listener, listener.ended(self.turn.id, self.turn))
        for commit in self._commits:
            try:
                await asyncio.shield(commit)
            except GatewayError as error:
                log.warning("turn %s: not stored: %s", self.turn.id, error.message)

    async def _task(self) -> AgentTask:
        request = self._request
        history = await self._history()
        spoken = any(message.text != request_of(message.text) for message in history)
        live = request.live or request.source == "handoff"
        return AgentTask(
            thread_id=self.turn.thread_id,
            turn_id=self.turn.id,
            prompt=request.prompt,
            request=request.request,
            steering=self._ear,
            memory=self.lane,
            history=history,
            metadata=exchange.turn_metadata(request.metadata, self.turn),
            conversation="live" if live else "ended" if spoken else None,
        )

    async def _history(self) -> list[AgentMessage]:
        """Earlier turns. Records are stored in order: once our start is, their ends are too."""
        try:
            await asyncio.shield(self._commits[0])
            records = await self.lane.latest(methods=("turn/completed",), limit=self._limits.history_items)
        except GatewayError as error:
            log.warning("turn %s: works without history: %s", self.turn.id, error.message)
            return []
        return exchange.history(records, self._limits)

    async def _said(self, update: AgentUpdate) -> None:
        final = isinstance(update, Output)
        self._exchange.append(AgentMessage("assistant", update.text))
        if final:
            self._output = update.text
        else:
            self._notify("progress", update.text, self._handoffs)
        for listener in tuple(self._listeners):
            await self._tell(listener, listener.said(self.turn.id, update.text, final=final))

    async def _tell(self, listener: TurnListener, telling: Coroutine[object, object, None]) -> None:
        try:
            await telling
        except GatewayError as error:  # its session is going; the turn is not
            log.info("turn %s: a listener is gone: %s", self.turn.id, error.message)
            self.detach(listener)

    def _attend(self, item: app.Item, listener: TurnListener | None, state: HandoffState, committed: Commit) -> None:
        self._commits.append(committed)
        if listener is not None and all(other is not listener for other in self._listeners):
            self._listeners.append(listener)
        if item.call_id is not None:
            self._handoffs.append(item)
            self._notify(state, item.text, [item])

    def _notify(self, state: HandoffState, text: str | None, items: Sequence[app.Item]) -> None:
        for item in items:
            params: JsonObject = {"threadId": self.turn.thread_id, "callId": item.call_id, "state": state}
            if text is not None:
                params["text"] = text
            self.lane.live(app.Notification("thread/realtime/handoff", params))

    def _item(self, request: TurnRequest) -> app.Item:
        """How the thread shows the request: as a hand-off, open until the turn ends, or as the person's message."""
        called = request.call_id is not None
        return app.Item(
            id=request.item_id or ItemId(request.call_id or f"steer_{new_turn_id()}"),
            type="handoff" if called else "userMessage",
            role=None if called else "user",
            text=request.request,
            status="inProgress" if called else "completed",
            call_id=request.call_id,
            turn_id=self.turn.id,
            created_at=self._now(),
        )

    def _now(self) -> int:
        return int(self._clock() * 1000)
