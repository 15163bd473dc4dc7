"""A lane stores in order, publishes what is stored, and lets live notifications pass."""

from __future__ import annotations

import asyncio

import pytest

from realtime.errors import Draining, Overloaded, StoreError, ThreadNotFound
from realtime.lanes import BATCH
from realtime.protocol import json
from realtime.protocol.appserver import Draft, Item, Shed, item_started
from realtime.protocol.ids import ItemId
from tests.lanes.fakes import NOW, Client, SlowStore, line, new_lane, note, running


async def test_nothing_with_a_number_leaves_before_its_commit() -> None:
    store, client = SlowStore(), Client()
    lane = new_lane(store)
    lane.attach(client)
    async with running(lane):
        stored = lane.record(line("a"), line("b"))
        await store.asked()
        lane.live(note("delta"), shed=Shed.DELTA)
        assert client.names == ["delta"]
        assert lane.seq == 0
        store.commit()
        assert [record.seq for record in await stored] == [1, 2]
    assert client.names == ["delta", "1", "2"]
    assert lane.seq == lane.thread.seq == 2
    assert lane.thread.updated_at == NOW


async def test_a_record_is_sent_as_the_notification_it_is() -> None:
    store, client, other = SlowStore(), Client(), Client()
    lane = new_lane(store)
    lane.attach(client)
    lane.attach(other)
    async with running(lane):
        stored = lane.record(line("a", created_at=7))
        await store.commit_next()
        [record] = await stored
    [message] = client.got
    assert message is other.got[0], "it is serialised once for all"
    assert json.decode_object(message.rpc) == {"method": "item/completed", "params": record.params}
    assert record.params["item"]["createdAt"] == 7
    assert message.shed is Shed.NEVER


async def test_what_waits_is_stored_together_in_order() -> None:
    store, client = SlowStore(), Client()
    lane = new_lane(store)
    lane.attach(client)
    async with running(lane):
        first = lane.record(line("a"))
        assert await store.asked() == 1
        rest = [lane.record(line(f"b{n}"), line(f"c{n}")) for n in range(3)]
        store.commit()
        await first
        assert await store.asked() == 6
        store.commit()
        assert [[record.key for record in await stored] for stored in rest] == [[f"b{n}", f"c{n}"] for n in range(3)]
    assert client.seqs == list(range(1, 8))


async def test_a_batch_is_bounded() -> None:
    store = SlowStore()
    lane = new_lane(store, limit=10 * BATCH)
    async with running(lane):
        lane.record(*[line(f"a{n}") for n in range(2 * BATCH)])
        last = lane.record(line("b"))
        assert await store.asked() == 2 * BATCH, "what was recorded together is stored together"
        store.commit()
        assert await store.asked() == 1
        store.commit()
        await last


async def test_too_many_waiting_records_are_refused() -> None:
    store = SlowStore()
    lane = new_lane(store, limit=3)
    async with running(lane):
        lane.record(line("a"), line("b"))
        await store.asked()  # what is being stored counts as well
        with pytest.raises(Overloaded):
            lane.record(line("c"), line("d"))
        last = lane.record(line("c"))
        store.commit()
        await store.commit_next()
        assert [record.seq for record in await last] == [3]
        lane.record(line("d"), line("e"), line("f"))


async def test_an_item_gets_its_time_once() -> None:
    store = SlowStore()
    lane = new_lane(store)
    async with running(lane):
        started = item_started(Item(ItemId("a"), "userMessage", status="inProgress", created_at=3))
        stored = lane.record(started, line("a"), line("b"), Draft("turn/started", "t", {"turn": {"startedAt": 0}}))
        await store.commit_next()
        records = await stored
    assert [record.params["item"]["createdAt"] for record in records[:3]] == [3, 3, NOW]
    assert records[3].params["turn"] == {"startedAt": 0}


async def test_a_failed_batch_is_told_and_the_lane_goes_on() -> None:
    store, client, failures = SlowStore(), Client(), list[StoreError]()
    lane = new_lane(store, failures=failures)
    lane.attach(client)
    async with running(lane):
        lost = lane.record(line("a"))
        lane.record(line("b"))  # its error is nobody's business
        await store.asked()
        store.refuse()
        with pytest.raises(StoreError, match="refused"):
            await lost
        assert [error.message for error in failures] == ["refused"]
        kept = lane.record(line("c"))
        await store.commit_next()
        assert [record.seq for record in await kept] == [1]
    assert client.seqs == [1]


async def test_records_whose_answer_was_lost_are_published_before_the_next() -> None:
    store, client, failures = SlowStore(), Client(), list[StoreError]()
    lane = new_lane(store, failures=failures)
    lane.attach(client)
    async with running(lane):
        lost = lane.record(*[line(f"a{n}") for n in range(100)])
        await store.asked()
        store.lose_answer()
        with pytest.raises(StoreError, match="no answer"):
            await lost
        assert client.seqs == []
        later = lane.record(line("b"))
        await store.commit_next()
        assert [record.seq for record in await later] == [101]
    assert client.seqs == list(range(1, 102))
    assert len(failures) == 1


async def test_a_gap_that_cannot_be_read_is_filled_later() -> None:
    store, client, failures = SlowStore(), Client(), list[StoreError]()
    lane = new_lane(store, failures=failures)
    lane.attach(client)
    async with running(lane):
        lost = lane.record(line("a"))
        await store.asked()
        store.lose_answer()
        with pytest.raises(StoreError):
            await lost
        store.broken = True
        stored = lane.record(line("b"))
        await store.commit_next()
        assert [record.seq for record in await stored] == [2], "it is stored, and acknowledged"
        assert client.seqs == []
        assert [error.message for error in failures] == ["no answer", "cannot be read"]
        store.broken = False
        stored = lane.record(line("c"))
        await store.commit_next()
        await stored
    assert client.seqs == [1, 2, 3]


async def test_a_deleted_thread_is_a_failure_of_the_store() -> None:
    store, failures = SlowStore(), list[StoreError]()
    store.absent = True
    lane = new_lane(store, failures=failures)
    async with running(lane):
        with pytest.raises(ThreadNotFound):
            await lane.record(line("a"))
    assert [error.message for error in failures] == ["gone"]


async def test_live_notifications_reach_all_or_one() -> None:
    lane = new_lane(SlowStore())
    first, second = Client(), Client()
    lane.live(note("unheard"))
    lane.attach(first)
    lane.attach(first)
    lane.attach(second)
    assert lane.sinks == 2
    lane.live(note("all"))
    lane.live(note("one"), shed=Shed.AUDIO, to=second)
    assert first.got[0] is second.got[0]
    assert (first.names, second.names) == (["all"], ["all", "one"])
    assert second.got[1].shed is Shed.AUDIO
    lane.detach(first)
    lane.detach(first)
    lane.live(note("rest"))
    assert (first.names, second.names) == (["all"], ["all", "one", "rest"])


async def test_a_client_may_leave_while_it_is_served() -> None:
    lane = new_lane(SlowStore())

    class Leaving(Client):
        def notify(self, message: object) -> None:
            lane.detach(self)

    other = Client()
    lane.attach(Leaving())
    lane.attach(other)
    lane.live(note("a"))
    assert other.names == ["a"]
    assert lane.sinks == 1


async def test_closing_stores_what_was_accepted_and_accepts_no_more() -> None:
    store, client = SlowStore(), Client()
    lane = new_lane(store)
    lane.attach(client)
    writer = asyncio.create_task(lane.run())
    lane.record(line("a"))
    await store.asked()
    last = lane.record(line("b"))
    lane.close()
    with pytest.raises(Draining):
        lane.record(line("c"))
    store.commit()
    await store.commit_next()
    await writer
    assert [record.seq for record in await last] == [2]
    assert client.seqs == [1, 2]


async def test_an_idle_lane_closes_at_once() -> None:
    lane = new_lane(SlowStore())
    writer = asyncio.create_task(lane.run())
    await asyncio.sleep(0)  # it waits for records
    lane.close()
    await writer


async def test_a_cancelled_lane_leaves_nobody_waiting() -> None:
    store = SlowStore()
    lane = new_lane(store)
    writer = asyncio.create_task(lane.run())
    under_way = lane.record(line("a"))
    await store.asked()
    waiting = lane.record(line("b"))
    writer.cancel()
    for record in (under_way, waiting):
        with pytest.raises(StoreError):
            await record
    with pytest.raises(Draining):
        lane.record(line("c"))
    assert writer.cancelled() or writer.done()


async def test_a_caller_that_leaves_changes_nothing() -> None:
    store, client = SlowStore(), Client()
    lane = new_lane(store)
    lane.attach(client)
    async with running(lane):

        async def ask() -> None:
            await lane.record(line("a"))

        caller = asyncio.create_task(ask())
        await store.asked()
        caller.cancel()
        await asyncio.wait([caller])
        other = lane.record(line("b"))
        store.commit()
        await store.commit_next()
        await other
    assert client.seqs == [1, 2]


async def test_the_store_can_be_read_through_the_lane() -> None:
    store = SlowStore()
    lane = new_lane(store)
    async with running(lane):
        stored = lane.record(line("a"), line("b"))
        await store.commit_next()
        records = await stored
    assert await lane.records(after=1) == records[1:]
    assert await lane.latest(methods=("item/completed",), limit=1) == records[1:]
    await lane.remember("key", "value")
    assert await lane.recall() == {"key": "value"}
