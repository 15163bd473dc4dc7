"""The one ordered way out of a thread: records are stored, then published; live notifications pass beside them.

Laws. Nothing with a ``seq`` leaves before its commit returned, and every attached sink gets each record
once, in order. A live notification never waits: not for the store, not for a client. For a sink that
resumes, both wait until it has what it missed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from heapq import merge
from typing import Protocol

from realtime.errors import Draining, GatewayError, Overloaded, StoreError
from realtime.protocol import json
from realtime.protocol.appserver import Draft, Notification, Record, Shed, Thread
from realtime.protocol.ids import Seq
from realtime.queues import byte_length
from realtime.telemetry import Telemetry
from realtime.threads.store import RecordStore

BATCH = 256
"""Records stored in one go."""

PAGE = 64
"""Records read in one go for a sink that resumes."""

DELETED = "thread/deleted"
"""The last notification of a thread."""

_SHEDDABLE = 512
"""Audio and deltas kept for a sink that resumes; the oldest go first."""


@dataclass(frozen=True)
class Outgoing:
    """A notification on its way to clients, its params serialised once for all of them."""

    method: str
    params_text: str
    seq: int | None = None
    shed: Shed = Shed.NEVER

    @cached_property
    def rpc(self) -> str:
        """As a JSON-RPC message."""
        return f'{{"method":"{self.method}","params":{self.params_text}}}'


class Sink(Protocol):
    """A subscribed client."""

    def notify(self, message: Outgoing) -> None:
        """Queue the message; never waits, never raises."""
        ...

    async def room(self, size: int) -> None:
        """Wait until there is room for a replayed message of so many bytes; raises ``SlowConsumer`` when it is gone."""
        ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    drafts: tuple[Draft, ...]
    stored: asyncio.Future[list[Record]]


@dataclass(eq=False, slots=True)
class _Hold:
    """What a resuming sink gets once it has been replayed; dear and sheddable messages share one numbering."""

    dear: deque[tuple[int, Outgoing]] = field(default_factory=deque)
    sheddable: deque[tuple[int, Outgoing]] = field(default_factory=lambda: deque(maxlen=_SHEDDABLE))
    turn: asyncio.Event = field(default_factory=asyncio.Event)
    claimed: bool = False
    number: int = 0

    def keep(self, message: Outgoing) -> None:
        self.number += 1
        (self.dear if message.shed is Shed.NEVER else self.sheddable).append((self.number, message))

    def take(self) -> list[Outgoing]:
        kept = [message for _, message in merge(self.dear, self.sheddable, key=lambda entry: entry[0])]
        self.dear.clear()
        self.sheddable.clear()
        return kept


class ThreadLane:
    """The lane of one thread. ``run`` must be running for anything to be stored.

    At most ``limit`` records wait or are being stored. When a batch cannot be stored, whoever recorded it
    gets the error, ``on_failure`` is told, nothing of it is published, and the lane goes on. ``clock_ms``
    is Unix time.
    """

    def __init__(
        self,
        thread: Thread,
        store: RecordStore,
        *,
        limit: int = 1024,
        clock_ms: Callable[[], int],
        telemetry: Telemetry,
        on_failure: Callable[[StoreError], None] | None = None,
    ) -> None:
        self._thread = thread
        self._store = store
        self._limit = limit
        self._clock_ms = clock_ms
        self._telemetry = telemetry
        self._on_failure = on_failure
        self._waiting: deque[_Waiting] = deque()
        self._unstored = 0
        self._begun: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._closed = False
        self._sinks: dict[Sink, list[_Hold]] = {}

    @property
    def thread(self) -> Thread:
        """The thread, as of the last record that was published."""
        return self._thread

    @property
    def seq(self) -> Seq:
        """Number of the last record that was published."""
        return self._thread.seq

    @property
    def sinks(self) -> int:
        """How many clients are attached."""
        return len(self._sinks)

    # -- in ------------------------------------------------------------------------------------------

    def record(self, *drafts: Draft) -> Awaitable[list[Record]]:
        """Accept drafts, in order, at once; raises ``Overloaded``, or ``Draining`` after ``close``.

        The result is there once they are stored and published, or raises ``StoreError`` (then they may be
        stored or not) or ``ThreadNotFound``. It need not be awaited. An item without a time gets one.
        """
        if self._closed:
            raise Draining("the thread's lane is closed")
        if self._unstored + len(drafts) > self._limit:
            raise Overloaded("too many records wait for the store")
        stored: asyncio.Future[list[Record]] = asyncio.get_running_loop().create_future()
        self._unstored += len(drafts)
        self._waiting.append(_Waiting(tuple(self._dated(draft) for draft in drafts), stored))
        self._wake.set()
        return stored

    def live(self, notification: Notification, *, shed: Shed = Shed.NEVER, to: Sink | None = None) -> None:
        """Send at once to all attached sinks, or to one."""
        if to is None and not self._sinks:
            return
        message = Outgoing(notification.method, json.encode(notification.params), shed=shed)
        if to is not None:
            self._send(to, message)
        else:
            self._publish(message)

    def close(self, *, deleted: bool = False) -> None:
        """Accept nothing more; ``run`` returns when all that was accepted is stored or has failed.

        ``deleted``: the thread is no more. Each sink is told so, whatever is held back for it, and then nothing.
        """
        self._closed = True
        self._wake.set()
        gone = Outgoing(DELETED, json.encode({"threadId": self._thread.id}))
        for sink in tuple(self._sinks) if deleted else ():
            self.detach(sink)
            sink.notify(gone)

    # -- out -----------------------------------------------------------------------------------------

    def attach(self, sink: Sink) -> None:
        """From now on the sink gets what leaves; nothing happens when it is attached."""
        self._sinks.setdefault(sink, [])

    def detach(self, sink: Sink) -> bool:
        """The sink gets nothing more, and forgets what was held for it; False when it was not attached."""
        holds = self._sinks.pop(sink, None)
        for hold in holds or ():
            hold.turn.set()
        return holds is not None

    def hold(self, sink: Sink) -> Seq:
        """Attach, and keep back what leaves from now on until ``replay``; returns the head.

        Each call must be followed by one ``replay``, or by ``detach``. A second hold before the first is
        replayed is served after it.
        """
        holds = self._sinks.setdefault(sink, [])
        holds.append(_Hold())
        holds[0].turn.set()
        return self.seq

    async def replay(self, sink: Sink, after: int, head: int, *, resumed: bool = True) -> None:
        """Send the records above ``after`` up to ``head``, ``thread/replayDone``, then what was held back.

        Returns early when the sink is detached meanwhile. Raises ``SlowConsumer`` or ``StoreError``, and
        then the sink is detached: the client must be told, or disconnected, to come back and resume.
        """
        hold = next((hold for hold in self._sinks.get(sink, []) if not hold.claimed), None)
        if hold is None:
            return
        hold.claimed = True
        try:
            await hold.turn.wait()
            await self._replay_records(sink, hold, after, head)
            if self._holds(sink, hold):
                done = {"threadId": self._thread.id, "seq": head, "resumed": resumed}
                sink.notify(Outgoing("thread/replayDone", json.encode(done)))
            await self._release(sink, hold)
        except BaseException:
            self.detach(sink)
            raise

    # -- the store, for floors that may not import it --------------------------------------------------

    async def records(self, *, after: int = 0, limit: int = 200) -> list[Record]:
        """Stored records above ``after``, in order."""
        return await self._store.records(self._thread.id, after=after, limit=limit)

    async def latest(self, *, methods: Sequence[str] = (), limit: int = 100) -> list[Record]:
        """The last stored records (of these methods, or of all), in order."""
        return await self._store.latest(self._thread.id, methods=methods, limit=limit)

    async def remember(self, key: str, value: str) -> None:
        """Keep a value for as long as the thread lives."""
        await self._store.remember(self._thread.id, key, value)

    async def recall(self) -> dict[str, str]:
        """All that is kept for the thread, oldest first."""
        return await self._store.recall(self._thread.id)

    # -- the writer ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Store what is recorded, batch by batch, until ``close``; cancelled, it fails all that waits."""
        batch: list[_Waiting] = []
        try:
            while batch := await self._next_batch():
                await self._store_batch(batch)
        finally:
            self._closed = True
            gone = StoreError("the gateway left before the record was stored")
            for waiting in (*batch, *self._waiting):
                _fail(waiting, gone)
            self._waiting.clear()

    async def _next_batch(self) -> list[_Waiting]:
        while not self._waiting and not self._closed:
            self._wake.clear()
            await self._wake.wait()
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].drafts) <= BATCH):
            batch.append(self._waiting.popleft())
            size += len(batch[-1].drafts)
        return batch

    async def _store_batch(self, batch: list[_Waiting]) -> None:
        drafts = [draft for waiting in batch for draft in waiting.drafts]
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        try:
            records = await self._store.append(self._thread.id, drafts) if drafts else []  # who only waits for others
        except GatewayError as error:
            for waiting in batch:
                _fail(waiting, error)
            self._failed(error)
        else:
            self._telemetry.records_stored(len(records), loop.time() - asked_at)
            await self._publish_records(records)
            for waiting in batch:
                own, records = records[: len(waiting.drafts)], records[len(waiting.drafts) :]
                if not waiting.stored.done():
                    waiting.stored.set_result(own)
        finally:
            self._unstored -= len(drafts)

    async def _publish_records(self, records: list[Record]) -> None:
        try:
            while records and records[0].seq > self.seq + 1:
                # An earlier batch was stored after all, though its answer was lost.
                missed = await self.records(after=self.seq, limit=min(PAGE, records[0].seq - self.seq - 1))
                if not missed:
                    raise StoreError("the store has lost records")
                for record in missed:
                    self._publish_record(record)
        except GatewayError as error:
            self._failed(error)  # the next batch finds the gap again
            return
        for record in records:
            self._publish_record(record)

    def _publish_record(self, record: Record) -> None:
        self._thread = replace(self._thread, seq=record.seq, updated_at=self._clock_ms())
        self._publish(_outgoing(record))

    def _publish(self, message: Outgoing) -> None:
        for sink in tuple(self._sinks):
            self._send(sink, message)

    def _send(self, sink: Sink, message: Outgoing) -> None:
        holds = self._sinks.get(sink)
        if holds:
            holds[-1].keep(message)
        else:
            sink.notify(message)

    def _failed(self, error: GatewayError) -> None:
        if self._on_failure is not None:
            self._on_failure(error if isinstance(error, StoreError) else StoreError(error.message))

    # -- a sink that resumes ---------------------------------------------------------------------------

    async def _replay_records(self, sink: Sink, hold: _Hold, after: int, head: int) -> None:
        while after < head and self._holds(sink, hold):
            page = await self.records(after=after, limit=min(PAGE, head - after))
            if not page:
                return
            await self._give(sink, hold, map(_outgoing, page))
            after = page[-1].seq

    async def _release(self, sink: Sink, hold: _Hold) -> None:
        """Let go what was held; what comes meanwhile is held too, so the order stays."""
        while self._holds(sink, hold):
            kept = hold.take()
            if not kept:
                holds = self._sinks[sink]
                holds.remove(hold)
                if holds:
                    holds[0].turn.set()
                return
            await self._give(sink, hold, kept)

    async def _give(self, sink: Sink, hold: _Hold, messages: Iterable[Outgoing]) -> None:
        """One after the other, each when there is room for it: a record that found none would be missed."""
        for message in messages:
            await sink.room(byte_length(message.params_text))
            if not self._holds(sink, hold):
                return
            sink.notify(message)

    def _holds(self, sink: Sink, hold: _Hold) -> bool:
        return hold in self._sinks.get(sink, [])

    def _dated(self, draft: Draft) -> Draft:
        """An item gets the time of its first record, unless it brings one."""
        item = draft.body.get("item")
        if item is None:
            return draft
        created_at = item.get("createdAt") or self._begun.get(draft.key) or self._clock_ms()
        if draft.method == "item/started":
            self._begun[draft.key] = created_at
        else:
            self._begun.pop(draft.key, None)
        return replace(draft, body={**draft.body, "item": {**item, "createdAt": created_at}})


def _outgoing(record: Record) -> Outgoing:
    return Outgoing(record.method, json.encode(record.params), seq=record.seq)


def _fail(waiting: _Waiting, error: GatewayError) -> None:
    if not waiting.stored.done():
        waiting.stored.set_exception(error)
        waiting.stored.exception()  # marks it as seen: nobody is obliged to await it
