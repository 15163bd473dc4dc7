"""A store whose commits happen when the test says so, lanes on it, and clients that check what they get."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from realtime.errors import StoreError, ThreadNotFound
from realtime.lanes import Outgoing, ThreadLane
from realtime.protocol.appserver import Draft, Item, Notification, Record, Thread, item_completed
from realtime.protocol.ids import ItemId, Seq, ThreadId
from realtime.telemetry import Telemetry

NOW = 5_000


@dataclass(eq=False)
class _Commit:
    drafts: Sequence[Draft]
    answer: asyncio.Future[list[Record]]


class SlowStore:
    """Holds every append until ``commit``, ``refuse`` or ``lose_answer``; reads answer after ``read_turns`` turns."""

    def __init__(self, *, read_turns: int = 0) -> None:
        self.stored: list[Record] = []
        self.memory: dict[str, str] = {}
        self.broken = False
        self.absent = False
        self._read_turns = read_turns
        self._asked: deque[_Commit] = deque()
        self._asking = asyncio.Event()

    @property
    def waiting(self) -> bool:
        """Whether a commit is asked for."""
        return bool(self._asked)

    async def append(self, thread_id: ThreadId, drafts: Sequence[Draft]) -> list[Record]:
        if self.absent:
            raise ThreadNotFound("gone")
        commit = _Commit(drafts, asyncio.get_running_loop().create_future())
        self._asked.append(commit)
        self._asking.set()
        return await commit.answer

    async def asked(self) -> int:
        """Wait until a commit is asked for; returns of how many records."""
        while not self._asked:
            self._asking.clear()
            await self._asking.wait()
        return len(self._asked[0].drafts)

    async def commit_next(self) -> None:
        """Wait until a commit is asked for, and do it."""
        await self.asked()
        self.commit()

    def commit(self) -> None:
        """Store what was asked first, and say so."""
        commit = self._asked.popleft()
        commit.answer.set_result(self._store(commit))

    def refuse(self) -> None:
        """Store nothing, and say so."""
        self._asked.popleft().answer.set_exception(StoreError("refused"))

    def lose_answer(self) -> None:
        """Store what was asked first, but say that it failed."""
        commit = self._asked.popleft()
        self._store(commit)
        commit.answer.set_exception(StoreError("no answer"))

    async def records(self, thread_id: ThreadId, *, after: int = 0, limit: int = 200) -> list[Record]:
        for _ in range(self._read_turns):
            await asyncio.sleep(0)  # a slow disk, in turns of the loop
        if self.broken:
            raise StoreError("cannot be read")
        return [record for record in self.stored if record.seq > after][:limit]

    async def latest(self, thread_id: ThreadId, *, methods: Sequence[str] = (), limit: int = 100) -> list[Record]:
        return [record for record in self.stored if record.method in methods][-limit:]

    async def remember(self, thread_id: ThreadId, key: str, value: str) -> None:
        self.memory[key] = value

    async def recall(self, thread_id: ThreadId) -> dict[str, str]:
        return self.memory

    def _store(self, commit: _Commit) -> list[Record]:
        head = len(self.stored)
        new = [
            Record(Seq(head + n), draft.method, draft.key, {"threadId": "t", "seq": head + n, **draft.body})
            for n, draft in enumerate(commit.drafts, 1)
        ]
        self.stored += new
        return new


@dataclass(eq=False)
class Client:
    """A sink that keeps what it gets. With ``gated`` it has no room until ``grant``."""

    gated: bool = False
    got: list[Outgoing] = field(default_factory=list)
    error: Exception | None = None
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    def notify(self, message: Outgoing) -> None:
        self.got.append(message)

    async def room(self, size: int) -> None:
        if self.gated:
            self._asked.set()
            await self._room.wait()
            self._room.clear()
        if self.error is not None:
            raise self.error

    async def asked(self) -> None:
        """Wait until room is asked for."""
        await self._asked.wait()
        self._asked.clear()

    def grant(self) -> None:
        """Room for one more batch."""
        self._room.set()

    @property
    def seqs(self) -> list[int]:
        """Numbers of the records it got."""
        return [message.seq for message in self.got if message.seq is not None]

    @property
    def names(self) -> list[str]:
        """What it got, in short: the number of a record, the last part of a live method."""
        return [str(message.seq or message.method.rpartition("/")[2]) for message in self.got]


def new_lane(store: SlowStore, *, limit: int = 1024, failures: list[StoreError] | None = None) -> ThreadLane:
    thread = Thread(ThreadId("t"), "e1", Seq(len(store.stored)), created_at=1, updated_at=1)
    noted = [] if failures is None else failures
    return ThreadLane(thread, store, limit=limit, clock_ms=lambda: NOW, telemetry=Telemetry(), on_failure=noted.append)


@asynccontextmanager
async def running(lane: ThreadLane) -> AsyncIterator[None]:
    """The lane's writer runs; whatever still waits at the end is cut off."""
    writer = asyncio.create_task(lane.run())
    try:
        yield
    finally:
        writer.cancel()
        await asyncio.wait([writer])


def line(key: str, *, created_at: int = 0) -> Draft:
    return item_completed(Item(ItemId(key), "userMessage", key, created_at=created_at))


def note(name: str) -> Notification:
    return Notification(f"thread/realtime/{name}", {"threadId": "t"})
