"""The thread store on SQL: SQLite (``sqlite:///PATH``) or PostgreSQL (``postgresql://…``)."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Row, Select, and_, delete, func, insert, or_, select, text, update

from realtime.errors import InvalidRequest, StoreError, ThreadNotFound
from realtime.protocol import json
from realtime.protocol.appserver import Draft, Record, Thread
from realtime.protocol.ids import Seq, ThreadId
from realtime.protocol.json import JsonObject
from realtime.threads.commits import Commits, record
from realtime.threads.database import Database
from realtime.threads.migrations import steps
from realtime.threads.schema import memories, records, threads
from realtime.threads.store import ThreadPage

_LARGEST = 2**63 - 1


def wall_clock_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


async def migrate(url: str, *, timeout_s: float = 60.0) -> None:
    """Bring the schema of the store at ``url`` up to date; raises ``StoreError`` for one newer than this code."""
    database = Database(url, timeout_s=timeout_s)
    try:
        await database.open(steps.upgrade)
    finally:
        await database.close()


class SqlThreadStore:
    """A ``ThreadStore``. ``timeout_s`` bounds every call; ``clock_ms`` dates ``Thread.updated_at``."""

    def __init__(self, url: str, *, timeout_s: float = 5.0, clock_ms: Callable[[], int] = wall_clock_ms) -> None:
        self._database = Database(url, timeout_s=timeout_s)
        self._commits = Commits(self._database, clock_ms)

    async def open(self) -> None:
        """Connect; SQLite is brought up to date, PostgreSQL refused when behind."""
        await self._database.open()

    async def close(self) -> None:
        """Let go of everything once it is stored."""
        await self._database.close()

    async def ping(self) -> None:
        """Proves that it can be written and flushed: a full disk shows here."""
        await self._database.write(_touch)

    async def create(self, thread: Thread) -> None:
        """Store a new thread; it has no records yet."""
        values = {"id": thread.id, "epoch": thread.epoch, "head": 0, "name": thread.name, "archived": thread.archived}
        times = {"created_at": thread.created_at, "updated_at": thread.updated_at}

        def work(connection: Connection) -> None:
            connection.execute(insert(threads).values(**values, **times))

        await self._database.write(work)

    async def thread(self, thread_id: ThreadId) -> Thread:
        """A thread with its head."""
        query = select(threads).where(threads.c.id == thread_id)
        return _thread(await self._database.read(lambda connection: connection.execute(query).one_or_none()))

    async def threads(self, *, cursor: str | None = None, limit: int = 50, archived: bool = False) -> ThreadPage:
        """Threads, newest first."""
        query = select(threads).where(threads.c.archived == archived)
        if cursor is not None:
            created_at, last_id = _parse_cursor(cursor)
            same_time = and_(threads.c.created_at == created_at, threads.c.id < last_id)
            query = query.where(or_(threads.c.created_at < created_at, same_time))
        query = query.order_by(threads.c.created_at.desc(), threads.c.id.desc()).limit(limit + 1)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        found = [_thread(row) for row in rows]
        return ThreadPage(found[:limit], _cursor(found[limit - 1]) if len(found) > limit else None)

    async def archive(self, thread_id: ThreadId, *, archived: bool = True) -> Thread:
        """Set or clear the mark."""
        mark = update(threads).where(threads.c.id == thread_id).values(archived=archived).returning(*threads.c)
        return _thread(await self._database.write(lambda connection: connection.execute(mark).one_or_none()))

    async def delete(self, thread_id: ThreadId) -> None:
        """Remove the thread with its records and what is remembered."""
        remove = delete(threads).where(threads.c.id == thread_id)
        if not await self._database.write(lambda connection: connection.execute(remove).rowcount):
            raise _absent()

    async def append(self, thread_id: ThreadId, drafts: Sequence[Draft]) -> list[Record]:
        """Store and number drafts; those of several callers may share one transaction."""
        return await self._commits.append(thread_id, drafts)

    async def records(self, thread_id: ThreadId, *, after: int = 0, limit: int = 200) -> list[Record]:
        """Records above ``after``, in order."""
        query = _RECORDS.where(records.c.thread_id == thread_id, records.c.seq > min(after, _LARGEST))
        return await self._read_records(thread_id, query.order_by(records.c.seq).limit(limit))

    async def latest(self, thread_id: ThreadId, *, methods: Sequence[str] = (), limit: int = 100) -> list[Record]:
        """The last records, in order."""
        query = _RECORDS.where(records.c.thread_id == thread_id)
        if methods:
            query = query.where(records.c.method.in_(methods))
        return (await self._read_records(thread_id, query.order_by(records.c.seq.desc()).limit(limit)))[::-1]

    async def remember(self, thread_id: ThreadId, key: str, value: str) -> None:
        """Keep a value; a known key keeps its place."""
        await self._database.write(lambda connection: _remember(connection, thread_id, key, value))

    async def recall(self, thread_id: ThreadId) -> dict[str, str]:
        """All that is kept, in the order in which its keys were first kept."""
        query = select(memories.c.key, memories.c.value).where(memories.c.thread_id == thread_id)
        query = query.order_by(memories.c.position)

        def work(connection: Connection) -> dict[str, str]:
            _require(connection, thread_id)
            return {row.key: row.value for row in connection.execute(query)}

        return await self._database.read(work)

    async def unfinished(self) -> list[tuple[ThreadId, Draft]]:
        """What was begun and not completed, by thread and in order: an index holds it, so it is not sorted there."""
        query = select(records).where(records.c.open)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        first: dict[tuple[ThreadId, str, str], Draft] = {}
        for row in sorted(rows, key=lambda row: (row.thread_id, row.seq)):
            draft = Draft(row.method, row.key, _body(row.body))
            first.setdefault((ThreadId(row.thread_id), draft.method, draft.key), draft)
        return [(thread_id, draft) for (thread_id, _, _), draft in first.items()]

    async def _read_records(self, thread_id: ThreadId, query: Select[int, str, str, str]) -> list[Record]:
        def work(connection: Connection) -> list[Record]:
            rows = connection.execute(query).all()
            if not rows:
                _require(connection, thread_id)
            return [record(thread_id, seq, method, key, _body(body)) for seq, method, key, body in rows]

        return await self._database.read(work)


_RECORDS = select(records.c.seq, records.c.method, records.c.key, records.c.body)


def _touch(connection: Connection) -> None:
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))


def _remember(connection: Connection, thread_id: ThreadId, key: str, value: str) -> None:
    _require(connection, thread_id)
    known = and_(memories.c.thread_id == thread_id, memories.c.key == key)
    if connection.execute(update(memories).where(known).values(value=value)).rowcount:
        return
    last = select(func.coalesce(func.max(memories.c.position), 0)).where(memories.c.thread_id == thread_id)
    position = connection.execute(last).scalar_one() + 1
    connection.execute(insert(memories).values(thread_id=thread_id, key=key, value=value, position=position))


def _require(connection: Connection, thread_id: ThreadId) -> None:
    if connection.execute(select(threads.c.id).where(threads.c.id == thread_id)).first() is None:
        raise _absent()


def _absent() -> ThreadNotFound:
    return ThreadNotFound("there is no such thread")


def _thread(row: Row[str, str, int, int, int, str | None, bool] | None) -> Thread:
    if row is None:
        raise _absent()
    return Thread(
        id=ThreadId(row.id),
        epoch=row.epoch,
        seq=Seq(row.head),
        created_at=row.created_at,
        updated_at=row.updated_at,
        name=row.name,
        archived=row.archived,
    )


def _body(text_: str) -> JsonObject:
    try:
        return json.decode_object(text_)
    except ValueError:
        raise StoreError("a stored record cannot be read") from None


def _cursor(last: Thread) -> str:
    return base64.urlsafe_b64encode(f"{last.created_at} {last.id}".encode()).decode()


def _parse_cursor(cursor: str) -> tuple[int, str]:
    try:
        plain = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
        created_at, last_id = plain.split(" ", 1)
        return max(-_LARGEST, min(int(created_at), _LARGEST)), last_id
    except ValueError:
        raise InvalidRequest("the cursor is not one of ours", field="cursor") from None
