"""The lanes that are open: opened by use, closed when nobody uses them."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from realtime import open_threads
from realtime.open_threads import OpenThreads
from realtime.protocol.appserver import Item, Thread, item_completed
from realtime.protocol.ids import ItemId, Seq, ThreadId
from realtime.settings import LimitsSettings
from realtime.telemetry import Telemetry
from realtime.threads.store import ThreadStore
from tests.lanes.fakes import SlowStore

ONE, OTHER = ThreadId("one"), ThreadId("other")


class _Store(SlowStore):
    """Has whatever thread it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.deleted: list[ThreadId] = []

    async def thread(self, thread_id: ThreadId) -> Thread:
        return Thread(thread_id, "epoch", Seq(0), 0, 0)

    async def delete(self, thread_id: ThreadId) -> None:
        self.deleted.append(thread_id)


async def test_a_thread_that_is_deleted_while_idle_ones_are_closed_disturbs_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_threads, "IDLE_S", -1.0)
    store = _Store()
    threads = OpenThreads(cast(ThreadStore, store), LimitsSettings(), lambda *_: None, Telemetry())
    async with asyncio.TaskGroup() as group:
        threads.begin(group)
        stored = (await threads.lane(ONE)).record(item_completed(Item(ItemId("i"), "userMessage", "hello")))
        await threads.lane(OTHER)
        sweep = group.create_task(threads.sweep(lambda _: False))
        await store.asked()  # the first lane is being closed: what it took is stored before
        await threads.delete(OTHER)
        store.commit()
        await sweep
        assert [record.seq for record in await stored] == [1]
        assert threads.lane_if_open(ONE) is None
    assert store.deleted == [OTHER]
