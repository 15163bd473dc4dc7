"""A lane that keeps what it is given, agents that do what a test says, a listener that notes what it hears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from realtime.agents.agent import AgentTask, AgentUpdate, BackgroundAgent
from realtime.errors import GatewayError, Overloaded, StoreError
from realtime.protocol.appserver import Draft, Notification, Record, Shed, Thread, Turn
from realtime.protocol.ids import CallId, ItemId, Seq, TurnId, new_thread_id
from realtime.settings import AgentSettings, LimitsSettings
from realtime.turns.request import TurnRequest
from realtime.turns.turns import Turns

Work = Callable[[AgentTask], AsyncGenerator[AgentUpdate, None]]


class FakeLane:
    """Commits at once; ``full`` refuses records, ``broken`` fails their commits."""

    def __init__(self) -> None:
        self.thread = Thread(new_thread_id(), "epoch", Seq(0), 0, 0)
        self.records: list[Record] = []
        self.notifications: list[Notification] = []
        self.memory: dict[str, str] = {}
        self.full = False
        self.broken = False
        self.completed = asyncio.Event()
        """Set once a turn's end was recorded."""

    def record(self, *drafts: Draft) -> Awaitable[list[Record]]:
        if self.full:
            raise Overloaded("the lane is full")
        done: asyncio.Future[list[Record]] = asyncio.get_running_loop().create_future()
        if self.broken:
            done.set_exception(StoreError("the disk is gone"))
            return done
        first = len(self.records) + 1
        records = [Record(Seq(seq), draft.method, draft.key, draft.body) for seq, draft in enumerate(drafts, first)]
        self.records.extend(records)
        done.set_result(records)
        if any(draft.method == "turn/completed" for draft in drafts):
            self.completed.set()
        return done

    def live(self, notification: Notification, *, shed: Shed = Shed.NEVER) -> None:
        self.notifications.append(notification)

    async def latest(self, *, methods: Sequence[str] = (), limit: int = 100) -> list[Record]:
        return [record for record in self.records if record.method in methods][-limit:]

    async def remember(self, key: str, value: str) -> None:
        self.memory[key] = value

    async def recall(self) -> dict[str, str]:
        return dict(self.memory)

    @property
    def methods(self) -> list[str]:
        return [record.method for record in self.records]

    def items(self, method: str = "item/completed") -> list[dict[str, object]]:
        return [record.params["item"] for record in self.records if record.method == method]

    def turns(self, method: str = "turn/completed") -> list[dict[str, object]]:
        return [record.params["turn"] for record in self.records if record.method == method]

    def states(self, call_id: str = "call_1") -> list[str]:
        return [note.params["state"] for note in self.notifications if note.params.get("callId") == call_id]

    @property
    def errors(self) -> list[dict[str, object]]:
        return [note.params for note in self.notifications if note.method == "error"]


class FakeAgent:
    """Does ``work``; keeps the tasks it was given."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.tasks: list[AgentTask] = []

    def run(self, task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        self.tasks.append(task)
        return self._work(task)

    async def close(self) -> None:
        pass


class Listener:
    """Notes what it is told; ``ended_event`` is set at the end of a turn."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bool]] = []
        self.turns: list[Turn] = []
        self.spoke = asyncio.Event()
        self.over = asyncio.Event()
        self.gone = False

    async def said(self, turn_id: TurnId, text: str, *, final: bool) -> None:
        if self.gone:
            raise GatewayError("nobody listens here any more")
        self.heard.append((text, final))
        self.spoke.set()

    async def ended(self, turn_id: TurnId, turn: Turn) -> None:
        assert turn.id == turn_id
        self.turns.append(turn)
        self.over.set()


@asynccontextmanager
async def running(
    agent: BackgroundAgent, *, timeout_s: float = 60.0, limits: LimitsSettings | None = None
) -> AsyncIterator[Turns]:
    """Turns that run, and are closed at the end; no task of theirs is left."""
    turns = Turns(agent, AgentSettings(timeout_s=timeout_s), limits or LimitsSettings())
    before = asyncio.all_tasks()
    async with asyncio.TaskGroup() as group:
        group.create_task(turns.run())
        await asyncio.sleep(0)  # one turn of the loop: they run by now
        yield turns
        await turns.close()
    assert asyncio.all_tasks() <= before


async def one_turn(work: Work, request: TurnRequest, *, timeout_s: float = 60.0) -> tuple[FakeLane, Listener]:
    """A turn from its begin to its end."""
    lane, listener = FakeLane(), Listener()
    async with running(FakeAgent(work), timeout_s=timeout_s) as turns:
        turns.start_or_join(lane, request, listener)
        await listener.over.wait()
    return lane, listener


def typed(text: str = "do it", *, live: bool = False) -> TurnRequest:
    return TurnRequest(prompt=text, request=text, source="typed", live=live)


def handoff(number: int = 1, text: str = "do it") -> TurnRequest:
    return TurnRequest(
        prompt=f"<told>{text}</told>",
        request=text,
        source="handoff",
        call_id=CallId(f"call_{number}"),
        item_id=ItemId(f"item_{number}"),
    )
