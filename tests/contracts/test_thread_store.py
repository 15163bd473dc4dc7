"""What every thread store promises."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable

import pytest

from realtime.errors import InvalidRequest, LocalProtocolError, StoreError, ThreadNotFound
from realtime.protocol.appserver import Draft, Record
from realtime.protocol.ids import ThreadId, new_thread_id
from realtime.threads.sql import SqlThreadStore
from tests.threads.drafts import begun, new_thread, said, turn_begun, turn_ended

WILD_TEXTS = [
    "",
    "plain",
    "nul \0 within, and at the end \0",
    'quotes " and \\ backslashes \\u0000 \\0',
    "line\nbreaks\r\n\u2028\u2029\x85",
    "bidi \u202e, zero width \u200b, byte order mark \ufeff, \U0001f600, \U0010ffff",
]


def numbers(records: list[Record]) -> list[int]:
    return [record.seq for record in records]


async def test_records_are_numbered_from_one_in_each_thread(store: SqlThreadStore) -> None:
    first, second = new_thread(), new_thread()
    await store.create(first)
    await store.create(second)
    assert numbers(await store.append(first.id, [said("a"), said("b")])) == [1, 2]
    assert numbers(await store.append(second.id, [said("c")])) == [1]
    assert numbers(await store.append(first.id, [said("d")])) == [3]
    assert (await store.thread(first.id)).seq == 3
    assert (await store.thread(second.id)).seq == 1


async def test_what_append_returns_is_what_is_read(store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    stored = await store.append(thread.id, [begun("a"), said("a"), turn_begun("t", thread.id)])
    assert await store.records(thread.id) == stored
    assert stored[1].params["threadId"] == thread.id
    assert stored[1].params["seq"] == 2
    assert stored[1].params["item"] == said("a").body["item"]


async def test_appending_nothing_stores_nothing(store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    assert await store.append(thread.id, []) == []
    assert (await store.thread(thread.id)).seq == 0


async def test_records_are_read_in_pages(store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    await store.append(thread.id, [said(f"i{n}") for n in range(7)])
    assert numbers(await store.records(thread.id, after=0, limit=3)) == [1, 2, 3]
    assert numbers(await store.records(thread.id, after=5, limit=3)) == [6, 7]
    assert await store.records(thread.id, after=7) == []
    assert await store.records(thread.id, after=2**70) == []


async def test_the_latest_of_some_methods(store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    turn = [turn_begun("t", thread.id), turn_ended("t", thread.id)]
    await store.append(thread.id, [said("a"), *turn, said("b"), begun("c")])
    assert numbers(await store.latest(thread.id, limit=2)) == [4, 5]
    assert numbers(await store.latest(thread.id, methods=("item/completed",), limit=2)) == [1, 4]
    assert numbers(await store.latest(thread.id, methods=("turn/completed", "item/started"))) == [3, 5]
    assert await store.latest(thread.id, methods=("none/such",)) == []


async def test_a_thread_comes_back_as_it_was_made(store: SqlThreadStore) -> None:
    thread = new_thread(name="a name")
    await store.create(thread)
    assert await store.thread(thread.id) == thread


async def test_an_append_moves_the_time_of_the_last_change(store_url: str, store: SqlThreadStore) -> None:
    dated = SqlThreadStore(store_url, clock_ms=lambda: 77_000)
    await dated.open()
    thread = new_thread()
    await dated.create(thread)
    await dated.append(thread.id, [said("a")])
    changed = await store.thread(thread.id)
    assert (changed.created_at, changed.updated_at) == (thread.created_at, 77_000)
    await dated.close()


@pytest.mark.parametrize("text", WILD_TEXTS)
async def test_any_text_comes_back_as_it_went_in(store: SqlThreadStore, text: str) -> None:
    thread = new_thread(name=text)
    await store.create(thread)
    await store.append(thread.id, [said(f"key {text}", text)])
    await store.remember(thread.id, f"key {text}", text)
    assert (await store.thread(thread.id)).name == text
    [record] = await store.records(thread.id)
    assert record.key == f"key {text}"
    assert record.params["item"]["text"] == text
    assert await store.recall(thread.id) == {f"key {text}": text}


Call = Callable[[SqlThreadStore, ThreadId], Awaitable[object]]


@pytest.mark.parametrize(
    "call",
    [
        lambda store, thread_id: store.thread(thread_id),
        lambda store, thread_id: store.archive(thread_id),
        lambda store, thread_id: store.delete(thread_id),
        lambda store, thread_id: store.append(thread_id, [said("a")]),
        lambda store, thread_id: store.records(thread_id),
        lambda store, thread_id: store.latest(thread_id),
        lambda store, thread_id: store.remember(thread_id, "key", "value"),
        lambda store, thread_id: store.recall(thread_id),
    ],
    ids=["thread", "archive", "delete", "append", "records", "latest", "remember", "recall"],
)
async def test_a_thread_that_is_not_there_is_not_found(store: SqlThreadStore, call: Call) -> None:
    deleted = new_thread()
    await store.create(deleted)
    await store.delete(deleted.id)
    for thread_id in (new_thread_id(), deleted.id, ThreadId("nul \0"), ThreadId("")):
        with pytest.raises(ThreadNotFound):
            await call(store, thread_id)


async def test_deleting_takes_everything_along(store: SqlThreadStore) -> None:
    thread, other = new_thread(), new_thread()
    for made in (thread, other):
        await store.create(made)
        await store.append(made.id, [begun("a")])
        await store.remember(made.id, "key", "value")
    await store.delete(thread.id)
    assert [found for found, _ in await store.unfinished()] == [other.id]
    await store.create(thread)
    assert await store.records(thread.id) == []
    assert await store.recall(thread.id) == {}
    assert numbers(await store.append(thread.id, [said("b")])) == [1]


async def test_a_thread_is_made_once(store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    with pytest.raises(StoreError):
        await store.create(thread)
    assert numbers(await store.append(thread.id, [said("a")])) == [1]


async def test_threads_are_listed_newest_first_each_once(store: SqlThreadStore) -> None:
    made = [new_thread(created_at=1_000 + n // 3) for n in range(11)]
    for thread in made:
        await store.create(thread)
    listed = []
    cursor = None
    while True:
        page = await store.threads(cursor=cursor, limit=4)
        listed += page.threads
        cursor = page.next_cursor
        if cursor is None:
            break
    assert listed == sorted(made, key=lambda thread: (thread.created_at, thread.id), reverse=True)


async def test_a_full_last_page_has_no_next(store: SqlThreadStore) -> None:
    for _ in range(4):
        await store.create(new_thread())
    page = await store.threads(limit=2)
    assert page.next_cursor is not None
    assert (await store.threads(cursor=page.next_cursor, limit=2)).next_cursor is None


async def test_archived_threads_are_listed_apart(store: SqlThreadStore) -> None:
    kept, put_away = new_thread(), new_thread()
    await store.create(kept)
    await store.create(put_away)
    assert (await store.archive(put_away.id)).archived
    assert [thread.id for thread in (await store.threads()).threads] == [kept.id]
    assert [thread.id for thread in (await store.threads(archived=True)).threads] == [put_away.id]
    assert not (await store.archive(put_away.id, archived=False)).archived
    assert (await store.threads(archived=True)).threads == []


async def test_a_cursor_of_before_all_time_leads_to_no_thread(store: SqlThreadStore) -> None:
    await store.create(new_thread())
    cursor = base64.urlsafe_b64encode(f"-{'9' * 30} x".encode()).decode()
    assert (await store.threads(cursor=cursor)).threads == []


@pytest.mark.parametrize("cursor", ["", "x", "====", "MTIz", "bm8gbnVtYmVyIHg=", "\0", "ü", "9" * 400, "_" * 8])
async def test_a_cursor_that_is_none_is_refused(store: SqlThreadStore, cursor: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await store.threads(cursor=cursor)
    assert refused.value.field == "cursor"


async def test_appends_at_once_get_numbers_without_gap_or_double(store: SqlThreadStore) -> None:
    threads = [new_thread() for _ in range(5)]
    for thread in threads:
        await store.create(thread)
    waiting = [
        (thread.id, asyncio.create_task(store.append(thread.id, [said(f"{n}a"), said(f"{n}b")])))
        for n in range(20)
        for thread in threads
    ]
    stored = [(thread_id, await task) for thread_id, task in waiting]
    for thread in threads:
        own = [record for thread_id, records in stored if thread_id == thread.id for record in records]
        assert numbers(own) == list(range(1, 41))
        assert [record.key for record in own] == [f"{n}{half}" for n in range(20) for half in "ab"]
        assert await store.records(thread.id) == own


async def test_an_append_to_nowhere_harms_no_other(store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    good = [asyncio.create_task(store.append(thread.id, [said(f"a{n}")])) for n in range(3)]
    lost = asyncio.create_task(store.append(new_thread_id(), [said("x")]))
    more = asyncio.create_task(store.append(thread.id, [said("b")]))
    with pytest.raises(ThreadNotFound):
        await lost
    assert [numbers(await task) for task in (*good, more)] == [[1], [2], [3], [4]]


async def test_a_record_that_json_cannot_say_harms_no_other(store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    good = asyncio.create_task(store.append(thread.id, [said("a")]))
    with pytest.raises(LocalProtocolError):
        await store.append(thread.id, [Draft("item/completed", "x", {"item": {"text": "\ud800"}})])
    assert numbers(await good) == [1]


async def test_a_caller_that_leaves_takes_nobody_along(store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    tasks = [asyncio.create_task(store.append(thread.id, [said(f"i{n}")])) for n in range(9)]
    await asyncio.sleep(0)  # each has asked; none has its answer
    for leaving in tasks[::3]:
        leaving.cancel()
    await asyncio.wait(tasks)
    stored = await store.records(thread.id)
    assert numbers(stored) == list(range(1, len(stored) + 1))
    kept = [record.key for record in stored]
    for number, task in enumerate(tasks):
        assert task.cancelled() == (number % 3 == 0)
        if not task.cancelled():
            assert kept.count(f"i{number}") == 1


async def test_two_openers_share_one_thread(store_url: str, store: SqlThreadStore) -> None:
    other = SqlThreadStore(store_url)
    await other.open()
    thread = new_thread()
    await store.create(thread)
    tasks = [
        asyncio.create_task(opener.append(thread.id, [said(f"i{n}"), said(f"j{n}")]))
        for n in range(10)
        for opener in (store, other)
    ]
    stored = [await task for task in tasks]
    seen = sorted(number for records in stored for number in numbers(records))
    assert seen == list(range(1, 41))
    assert numbers(await other.records(thread.id)) == seen
    await other.close()


async def test_what_was_begun_and_not_completed_is_unfinished(store: SqlThreadStore) -> None:
    first, second = new_thread(), new_thread()
    await store.create(first)
    await store.create(second)
    assert await store.unfinished() == []
    await store.append(first.id, [begun("a"), begun("b", "placeholder"), said("c")])
    await store.append(first.id, [said("a"), begun("b", "again"), turn_begun("b", first.id)])
    await store.append(second.id, [begun("d"), said("d"), turn_begun("t", second.id)])
    await store.append(second.id, [turn_ended("t", second.id)])
    assert await store.unfinished() == [
        (first.id, begun("b", "placeholder")),
        (first.id, turn_begun("b", first.id)),
    ]
    await store.append(first.id, [turn_ended("b", first.id)])
    assert await store.unfinished() == [(first.id, begun("b", "placeholder"))]
    await store.append(first.id, [said("b")])
    assert await store.unfinished() == []


async def test_what_is_begun_again_is_unfinished_again(store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    await store.append(thread.id, [begun("a"), said("a"), begun("a", "again")])
    assert await store.unfinished() == [(thread.id, begun("a", "again"))]


async def test_memories_keep_the_order_in_which_they_came(store: SqlThreadStore) -> None:
    thread, other = new_thread(), new_thread()
    await store.create(thread)
    await store.create(other)
    for key, value in (("zebra", "1"), ("ant", "2"), ("zebra", "3"), ("cat", "4")):
        await store.remember(thread.id, key, value)
    assert list((await store.recall(thread.id)).items()) == [("zebra", "3"), ("ant", "2"), ("cat", "4")]
    assert await store.recall(other.id) == {}


async def test_everything_is_there_after_closing_and_opening(store_url: str, store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    stored = await store.append(thread.id, [begun("a"), said("b")])
    await store.close()
    again = SqlThreadStore(store_url)
    await again.open()
    assert await again.records(thread.id) == stored
    assert await again.unfinished() == [(thread.id, begun("a"))]
    await again.close()


async def test_a_closed_store_says_so(store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    await store.ping()
    await store.close()
    await store.close()
    for call in (store.ping(), store.thread(thread.id), store.append(thread.id, [said("a")]), store.unfinished()):
        with pytest.raises(StoreError, match="closed"):
            await call


async def test_closing_waits_for_what_is_being_stored(store_url: str, store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    append = asyncio.create_task(store.append(thread.id, [said("a")]))
    await asyncio.sleep(0)  # it has asked
    await store.close()
    stored = await append
    again = SqlThreadStore(store_url)
    await again.open()
    assert await again.records(thread.id) == stored
    await again.close()


async def test_what_still_waits_when_it_closes_is_refused_or_stored(store_url: str, store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    first = asyncio.create_task(store.append(thread.id, [said("a")]))
    await asyncio.sleep(0)  # it has asked
    behind = [asyncio.create_task(store.append(thread.id, [said(f"b{n}")])) for n in range(3)]
    await asyncio.sleep(0)  # they wait for the first, or go with it
    await store.close()
    outcomes = await asyncio.gather(first, *behind, return_exceptions=True)
    stored = [record.key for outcome in outcomes if isinstance(outcome, list) for record in outcome]
    refused = [outcome for outcome in outcomes if isinstance(outcome, StoreError)]
    assert len(stored) + len(refused) == 4
    again = SqlThreadStore(store_url)
    await again.open()
    assert [record.key for record in await again.records(thread.id)] == stored
    await again.close()
