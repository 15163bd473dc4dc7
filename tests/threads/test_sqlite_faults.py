"""What happens to a file happens to a disk: nothing is half-written, reads go on, and the store recovers."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from realtime.errors import ConfigurationError, StoreError
from realtime.threads.sql import SqlThreadStore
from tests.threads.drafts import begun, new_thread, said

TIMEOUT_S = 1.0
"""For what is expected to take too long."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "voxgate.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqlThreadStore]:
    opened = SqlThreadStore(f"sqlite:///{path}")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def hasty_store(path: Path) -> AsyncIterator[SqlThreadStore]:
    opened = SqlThreadStore(f"sqlite:///{path}", timeout_s=TIMEOUT_S)
    await opened.open()
    yield opened
    await opened.close()


@contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else is writing."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "made" / "for it" / "voxgate.db"
    store = SqlThreadStore(f"sqlite:///{path}")
    await store.open()
    await store.create(new_thread())
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    await store.close()


async def test_every_commit_is_flushed(path: Path, store: SqlThreadStore) -> None:
    settings = await store._database.write(
        lambda connection: [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    )
    assert settings == ["wal", 2, 1]


async def test_a_locked_file_refuses_writes_in_time_and_gives_reads(path: Path, hasty_store: SqlThreadStore) -> None:
    store = hasty_store
    thread = new_thread()
    await store.create(thread)
    stored = await store.append(thread.id, [said("a")])
    with locked(path):
        loop = asyncio.get_running_loop()
        begin = loop.time()
        appends = [asyncio.create_task(store.append(thread.id, [said(f"b{n}"), said(f"c{n}")])) for n in range(3)]
        writes = [asyncio.create_task(call) for call in (store.create(new_thread()), store.ping())]
        assert await store.records(thread.id) == stored
        assert (await store.thread(thread.id)).seq == 1
        for task in (*appends, *writes):
            with pytest.raises(StoreError, match="locked") as failed:
                await task
            assert failed.value.retryable
        assert loop.time() - begin < 5 * TIMEOUT_S, "they wait together, not one after the other"
    assert [record.seq for record in await store.append(thread.id, [said("d")])] == [2]
    assert [record.key for record in await store.records(thread.id)] == ["a", "d"]


async def test_a_lock_that_is_let_go_in_time_is_not_felt(path: Path, store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    with locked(path) as other:
        append = asyncio.create_task(store.append(thread.id, [said("a")]))
        assert await store.records(thread.id) == []
        other.execute("ROLLBACK")
        assert [record.seq for record in await append] == [1]


@contextmanager
def stalling_disk() -> Iterator[threading.Event]:
    """New connections know ``stall()``, which returns when the event is set."""
    go_on = threading.Event()

    def stall() -> int:
        return int(go_on.wait(timeout=30))

    def teach(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        assert isinstance(connection, sqlite3.Connection)
        connection.create_function("stall", 0, stall)

    event.listen(Engine, "connect", teach)
    try:
        yield go_on
    finally:
        go_on.set()
        event.remove(Engine, "connect", teach)


async def test_a_write_that_hangs_stops_neither_reads_nor_the_loop(path: Path) -> None:
    with stalling_disk() as go_on:
        store = SqlThreadStore(f"sqlite:///{path}", timeout_s=TIMEOUT_S)
        await store.open()
        thread = new_thread()
        await store.create(thread)
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TRIGGER hang AFTER INSERT ON records BEGIN SELECT stall(); END")
        hanging = asyncio.create_task(store.append(thread.id, [said("a")]))
        behind = asyncio.create_task(store.create(new_thread()))
        assert await store.records(thread.id) == []
        for task in (hanging, behind):
            with pytest.raises(StoreError, match="in time"):
                await task
        go_on.set()
        assert [record.seq for record in await store.append(thread.id, [said("b")])] == [2]
        assert [record.key for record in await store.records(thread.id)] == ["a", "b"], "it was stored, only too late"
        assert len((await store.threads()).threads) == 1, "what had not begun was given up"
        await store.close()


async def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.threads.full_disk", str(tmp_path / "voxgate.db"), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    assert child.returncode == 0
    refusal, unready, recovery = output.decode().splitlines()
    assert refusal == "refused: the store's disk is full or fails"
    assert unready == "not ready: the store's disk is full or fails"
    assert recovery == "recovered"


async def test_a_failed_write_is_rolled_back(path: Path, store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    with closing(sqlite3.connect(path)) as other:
        other.execute(
            "CREATE TRIGGER fail BEFORE INSERT ON records WHEN new.key = '\"b\"' BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    with pytest.raises(StoreError) as failed:
        await store.append(thread.id, [said("a"), said("b")])
    assert failed.value.message == "the store failed"
    assert (await store.thread(thread.id)).seq == 0
    assert [record.seq for record in await store.append(thread.id, [said("c")])] == [1]


async def test_a_damaged_file_is_not_opened(path: Path, store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    await store.append(thread.id, [said(f"i{n}", "x" * 500) for n in range(200)])
    await store.close()
    damage(path)
    await refused(path, "damaged")


@pytest.mark.parametrize("content", [b"this is no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5_000])
def test_a_file_that_is_no_database_is_not_opened(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    asyncio.run(refused(path, "damaged"))
    assert path.read_bytes() == content


async def test_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    await refused(tmp_path / "file" / "voxgate.db", "cannot be opened")
    await refused(tmp_path, "cannot be opened")


def damage(path: Path) -> None:
    """Overwrite a byte here and there, but not in the head of the file."""
    content = bytearray(path.read_bytes())
    for at in range(8_192, len(content), 97):
        content[at] = 0xFF
    path.write_bytes(content)


async def refused(path: Path, why: str) -> None:
    store = SqlThreadStore(f"sqlite:///{path}", timeout_s=TIMEOUT_S)
    with pytest.raises(StoreError, match=why) as failed:
        await store.open()
    assert str(path.parent) not in failed.value.message
    await store.close()


async def test_open_records_are_found_by_their_index(path: Path, store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    for number in range(60):
        await store.append(thread.id, [begun(f"i{number}"), said(f"j{number}")])
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await store.append(thread.id, [said("i7")])
        assert len(await store.unfinished()) == 59
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    finding = [statement for statement in statements if "open = 1" in statement]
    assert len(finding) == 2
    with closing(sqlite3.connect(path)) as other:
        for statement in finding:
            [plan] = other.execute(f"EXPLAIN QUERY PLAN {statement}", ("",) * statement.count("?")).fetchall()
            assert "INDEX records_open" in plan[-1]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/db", "no address", ""])
def test_an_address_that_is_none_names_the_setting(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        SqlThreadStore(url)
    assert refused.value.setting == "store.url"


async def test_stores_of_one_process_are_opened_at_once(tmp_path: Path) -> None:
    for number in range(5):
        stores = [SqlThreadStore(f"sqlite:///{tmp_path}/{number}-{file}.db") for file in range(6)]
        try:
            await asyncio.gather(*(store.open() for store in stores))
            assert [(await store.threads()).threads for store in stores] == [[]] * len(stores)
        finally:
            await asyncio.gather(*(store.close() for store in stores))
