"""A database server may refuse, vanish, hang and come back: every call ends in time, nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from realtime.errors import StoreError
from realtime.threads.sql import SqlThreadStore, migrate
from tests.contracts.cluster import Cluster
from tests.threads.drafts import new_thread, said

pytestmark = pytest.mark.needs("postgres")

TIMEOUT_S = 2.0


@pytest.fixture
async def store(postgresql_url: str) -> AsyncIterator[SqlThreadStore]:
    await migrate(postgresql_url)
    opened = SqlThreadStore(postgresql_url, timeout_s=TIMEOUT_S)
    await opened.open()
    yield opened
    await opened.close()


async def test_a_server_that_restarts_is_found_again(cluster: Cluster, store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    stored = await store.append(thread.id, [said("a")])
    cluster.stop()
    try:
        for call in (store.append(thread.id, [said("b")]), store.records(thread.id), store.ping()):
            with pytest.raises(StoreError) as failed:
                await call
            assert failed.value.retryable
            assert "postgresql" not in failed.value.message
    finally:
        cluster.start()
    assert await store.records(thread.id) == stored
    assert [record.seq for record in await store.append(thread.id, [said("c")])] == [2]


async def test_appends_cut_off_by_a_crash_are_stored_once_or_not_at_all(
    cluster: Cluster, store: SqlThreadStore
) -> None:
    thread = new_thread()
    await store.create(thread)
    acknowledged: list[str] = []
    unknown: list[str] = []
    enough = asyncio.Event()

    async def write() -> None:
        for number in range(100_000):
            try:
                await store.append(thread.id, [said(f"i{number}")])
            except StoreError:
                unknown.append(f"i{number}")
                return
            acknowledged.append(f"i{number}")
            if number == 50:
                enough.set()

    writer = asyncio.create_task(write())
    await enough.wait()
    await asyncio.to_thread(cluster.stop)
    await writer
    cluster.start()
    records = await store.records(thread.id, limit=100_000)
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    assert [record.key for record in records][: len(acknowledged)] == acknowledged
    assert [record.key for record in records][len(acknowledged) :] in ([], unknown)


async def test_a_server_that_hangs_is_not_waited_for(postgresql_url: str, store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    engine = create_async_engine(make_url(postgresql_url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    async with engine.begin() as other:
        await other.execute(text("LOCK TABLE records IN EXCLUSIVE MODE"))
        append = asyncio.create_task(store.append(thread.id, [said("a")]))
        assert await store.records(thread.id) == []
        with pytest.raises(StoreError, match="in time"):
            await append
    # Whether the late one was stored is for the server to say; it is there once or not at all.
    stored = await store.append(thread.id, [said("b")])
    keys = [record.key for record in await store.records(thread.id)]
    assert keys in (["b"], ["a", "b"])
    assert [record.seq for record in stored] == [len(keys)]


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/none", "postgresql://nobody:secret@/none?host=/nonexistent"])
async def test_a_server_that_is_not_there_is_told(url: str) -> None:
    store = SqlThreadStore(url, timeout_s=TIMEOUT_S)
    with pytest.raises(StoreError) as failed:
        await store.open()
    assert not any(word in failed.value.message for word in ("secret", "nonexistent", "127.0.0.1"))
    await store.close()


async def test_a_database_that_is_not_there_is_told(postgresql_url: str) -> None:
    store = SqlThreadStore(postgresql_url.replace("/postgres?", "/absent?"), timeout_s=TIMEOUT_S)
    with pytest.raises(StoreError):
        await store.open()
    await store.close()
