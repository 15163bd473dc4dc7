"""Pages of records, read while more are stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from realtime.library import Library
from realtime.protocol.appserver import Draft, Record, Thread, ThreadStartParams
from realtime.protocol.ids import ThreadId
from realtime.threads.sql import SqlThreadStore


class GrowingStore(SqlThreadStore):
    """Stores one more record after each reading."""

    async def thread(self, thread_id: ThreadId) -> Thread:
        thread = await super().thread(thread_id)
        await self._grow(thread_id)
        return thread

    async def records(self, thread_id: ThreadId, *, after: int = 0, limit: int = 200) -> list[Record]:
        records = await super().records(thread_id, after=after, limit=limit)
        await self._grow(thread_id)
        return records

    async def _grow(self, thread_id: ThreadId) -> None:
        more: Sequence[Draft] = [Draft("item/completed", "item", {"item": {"id": "item"}})]
        await self.append(thread_id, more)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[GrowingStore]:
    store = GrowingStore(f"sqlite:///{tmp_path / 'store.db'}")
    await store.open()
    yield store
    await store.close()


async def test_the_head_of_a_page_is_never_behind_its_records(store: GrowingStore) -> None:
    library = Library(store)
    thread = await library.start(ThreadStartParams())
    after = 0
    for _ in range(5):
        page = await library.records(thread.id, after=after, limit=200)
        assert [record.seq for record in page.records] == list(range(after + 1, after + len(page.records) + 1))
        after += len(page.records)
        assert page.seq >= after
        assert page.more is (page.seq > after)
    assert after > 0
