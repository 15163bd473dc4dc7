"""One turn while it runs.

A turn begins with ``turn/started`` and ends once, with ``turn/completed``. A hand-off that begins or
joins a turn is an item of the thread: it is opened before the turn it begins and completed before the
turn ends, whether or not the call that made it is still up. What steers a turn is stored and reaches
the agent, or is refused; it is never taken and forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import replace

from prompts.delegation import request_of
from realtime.agents import exchange
from realtime.agents.agent import AgentMessage, AgentTask, AgentUpdate, BackgroundAgent, Output
from realtime.agents.steering import Ear
from realtime.errors import AgentError, GatewayError, Overloaded
from realtime.protocol import appserver as app
from realtime.protocol.ids import ItemId, new_turn_id
from realtime.protocol.json import JsonObject
from realtime.settings import LimitsSettings
from realtime.turns.answers import Answers
from realtime.turns.request import Commit, HandoffState, Joined, TurnLane, TurnListener, TurnRequest

log = logging.getLogger(__name__)


class Run:
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
        self._first = self._item(request)
        self.interrupted = False
        self.settled = asyncio.Event()
        self._request = request
        self._scope: asyncio.Timeout | None = None
        self._exchange: deque[AgentMessage] = deque(maxlen=limits.history_items)
        self._ear = Ear(limits.steering, self._heard)
        self._handoffs: list[app.Item] = []
        self._answers = Answers(self._first.id)
        self._listeners: list[TurnListener] = []
        self._commits: list[Commit] = []
        self._output: str | None = None

    def begin(self, listener: TurnListener | None) -> Commit:
        """Record the start: the hand-off's item first, then the turn."""
        item = self._first
        opening = [app.item_started(item)] if item.call_id is not None else []
        committed = self.lane.record(*opening, app.turn_started(self.turn))
        self._attend(item, listener, "started", committed)
        return committed

    def join(self, request: TurnRequest, listener: TurnListener | None) -> Joined:
        """Steer with a hand-off or with typed text; raises ``Overloaded`` when nobody will listen any more."""
        if self._is_ending:
            raise Overloaded("the turn is being stopped", retry_after_ms=1000)
        self._ear.check_room()
        item = self._item(request)
        committed = self.lane.record(app.item_started(item) if item.call_id is not None else app.item_completed(item))
        self._ear.put(request.prompt)
        self._answers.join(item.id)
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

    @property
    def _is_ending(self) -> bool:
        """It was interrupted, or its time is over; the agent may still be clearing up."""
        return self.interrupted or (self._scope is not None and self._scope.expired())

    async def work(self, agent: BackgroundAgent) -> None:
        """Run the agent, and again for what steered it and was never read."""
        task = await self._task()
        earlier = task.history
        self._exchange.append(AgentMessage("user", task.prompt))
        while True:
            async with aclosing(agent.run(task)) as updates:
                async for update in updates:
                    await self._said(update)
            before = tuple(self._exchange)
            unread = self._ear.take()
            if not unread or self._is_ending:
                return
            wishes = "\n".join(request_of(text) for text in unread)
            task = replace(task, prompt="\n".join(unread), request=wishes, history=(*earlier, *before))

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
        ended = [replace(item, status=status, output=self._answer_to(item), error=error) for item in self._handoffs]
        try:
            items = [app.item_completed(item) for item in ended]
            self._commits.append(self.lane.record(*items, app.turn_completed(self.turn)))
        except GatewayError as refusal:  # the next start of the gateway closes what stands open
            log.warning("turn %s: its end could not be recorded: %s", self.turn.id, refusal.message)
        if error is not None:
            self.lane.live(app.turn_failed(self.turn))
        states: dict[app.TurnStatus, HandoffState] = {"completed": "finished", "failed": "failed"}
        for item in ended:
            self._notify(states.get(status, "cancelled"), error or item.output, [item])
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
        """Raises ``AgentError`` for what could be neither stored nor sent."""
        if not is_text(update.text):
            raise AgentError("the agent said what is no text")
        final = isinstance(update, Output)
        self._exchange.append(AgentMessage("assistant", update.text))
        self._answers.said(update.text, final=final)
        if final:
            self._output = update.text
        else:
            self._notify("progress", update.text, self._handoffs)
        for listener in tuple(self._listeners):
            await self._tell(listener, listener.said(self.turn.id, update.text, final=final))

    def _heard(self, text: str) -> None:
        """The agent reads what steered it."""
        self._exchange.append(AgentMessage("user", text))
        self._answers.read()

    def _answer_to(self, item: app.Item) -> str | None:
        """Of a turn that is completed; where nothing was said to it apart, the turn's output."""
        if self.turn.status != "completed":
            return None
        answer = self._answers.to(item.id)
        return self.turn.output if answer is None else answer

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
            shed = app.Shed.DELTA if state == "progress" else app.Shed.NEVER  # an agent may say much at once
            self.lane.live(app.Notification("thread/realtime/handoff", params), shed=shed)

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


def is_text(value: object) -> bool:
    """False also for halves of characters, which have no bytes."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
