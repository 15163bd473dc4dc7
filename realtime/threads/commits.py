"""Group commit: what all callers append while a transaction runs is stored together by the next one.

Law: an append is settled once, after its transaction has ended, by the truth; a caller that is gone by
then changes nothing for the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, false, insert, select, update

from realtime.errors import LocalProtocolError, StoreError, ThreadNotFound
from realtime.protocol import json
from realtime.protocol.appserver import Draft, Record
from realtime.protocol.ids import Seq, ThreadId
from realtime.protocol.json import JsonObject
from realtime.threads import schema
from realtime.threads.database import Database
from realtime.threads.faults import Locked

_GROUP = 4096
"""Records in one transaction, about."""


@dataclass(eq=False, slots=True)
class _Append:
    thread_id: ThreadId
    drafts: Sequence[Draft]
    bodies: list[str]
    outcome: asyncio.Future[list[Record]]
    stored: list[Record] = field(default_factory=list)
    absent: bool = False

    def settle(self, error: BaseException | None) -> None:
        if self.outcome.done():
            return
        if self.absent and error is None:
            error = ThreadNotFound("there is no such thread")
        if error is None:
            self.outcome.set_result(self.stored)
        else:
            self.outcome.set_exception(error)


class Commits:
    """Appends of all threads, through one transaction at a time."""

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._clock_ms = clock_ms
        self._waiting: deque[_Append] = deque()
        self._group: list[_Append] = []
        self._running = False

    async def append(self, thread_id: ThreadId, drafts: Sequence[Draft]) -> list[Record]:
        """Store and number the drafts; raises ``ThreadNotFound`` or ``StoreError``."""
        bodies = [_encode(draft) for draft in drafts]
        outcome: asyncio.Future[list[Record]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Append(thread_id, drafts, bodies, outcome))
        self._start()
        async with self._database.bounded():
            return await outcome

    def _start(self) -> None:
        if self._running or not self._waiting:
            return
        try:
            transaction = self._database.start(self._store_waiting)
        except StoreError as closed:
            while group := self._take():
                for append in group:
                    append.settle(closed)
            return
        self._running = True
        transaction.add_done_callback(self._ended)

    def _ended(self, transaction: asyncio.Future[None]) -> None:
        error = transaction.exception()
        group, self._group = self._group, []
        if error is not None and not group and not isinstance(error, Locked):
            group = self._take()  # it failed before it took anybody along: whoever waits would fail the same way
        for append in group:
            append.settle(error)
        self._running = False
        self._start()

    def _store_waiting(self, connection: Connection) -> None:
        """The transaction, on the database's thread: what waits when it has begun goes in."""
        self._group = group = self._take()
        if not group:
            return  # all who waited have left
        heads = _heads(connection, {append.thread_id for append in group})
        rows: list[dict[str, Any]] = []
        for append in group:
            if append.thread_id in heads:
                rows += _number(append, heads)
            else:
                append.absent = True
        if rows:
            now = self._clock_ms()
            moved = [{"of_thread": thread_id, "new_head": head, "now": now} for thread_id, head in heads.items()]
            connection.execute(_ADVANCE, moved)
            _insert(connection, rows)

    def _take(self) -> list[_Append]:
        group: list[_Append] = []
        size = 0
        while self._waiting and size < _GROUP:
            append = self._waiting.popleft()
            if not append.outcome.done():
                group.append(append)
                size += len(append.drafts)
        return group


def record(thread_id: ThreadId, seq: int, method: str, key: str, body: JsonObject) -> Record:
    """A stored record as it is read and sent."""
    return Record(Seq(seq), method, key, {"threadId": thread_id, "seq": seq, **body})


def _encode(draft: Draft) -> str:
    try:
        return json.encode(draft.body)
    except ValueError:
        raise LocalProtocolError("a record cannot be written as JSON") from None


def _heads(connection: Connection, thread_ids: set[ThreadId]) -> dict[str, int]:
    """Heads of the threads that are there, which nobody else can move before the transaction ends."""
    # In the order of ids, so that two nodes never wait for each other's rows.
    query = select(schema.threads.c.id, schema.threads.c.head).where(schema.threads.c.id.in_(thread_ids))
    rows = connection.execute(query.order_by(schema.threads.c.id).with_for_update())
    return {row.id: row.head for row in rows}


def _number(append: _Append, heads: dict[str, int]) -> list[dict[str, Any]]:
    """Rows of an append, which learns its records; its thread's head moves on."""
    rows: list[dict[str, Any]] = []
    for head, (draft, body) in enumerate(zip(append.drafts, append.bodies, strict=True), heads[append.thread_id] + 1):
        append.stored.append(record(append.thread_id, head, draft.method, draft.key, draft.body))
        row = {"thread_id": append.thread_id, "seq": head, "method": draft.method, "key": draft.key}
        rows.append({**row, "body": body, "open": draft.method.endswith("/started")})
    heads[append.thread_id] += len(rows)
    return rows


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Insert rows; a completed record closes what it completes, stored before or among these."""
    completed: set[tuple[str, str, str]] = set()
    for row in reversed(rows):
        begun = (row["thread_id"], row["key"], row["method"].replace("/completed", "/started"))
        if row["open"]:
            row["open"] = begun not in completed
        else:
            completed.add(begun)
    if completed:
        names = ("of_thread", "of_key", "begun")
        connection.execute(_CLOSE, [dict(zip(names, begun, strict=True)) for begun in sorted(completed)])
    connection.execute(insert(schema.records), rows)


_ADVANCE = (
    update(schema.threads)
    .where(schema.threads.c.id == bindparam("of_thread"))
    .values(head=bindparam("new_head"), updated_at=bindparam("now"))
)
_CLOSE = (
    update(schema.records)
    .where(
        schema.records.c.open,
        schema.records.c.thread_id == bindparam("of_thread"),
        schema.records.c.key == bindparam("of_key"),
        schema.records.c.method == bindparam("begun"),
    )
    .values(open=false())
)
