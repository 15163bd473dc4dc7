"""After a crash everything acknowledged is there, and what was cut off says so."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from realtime.errors import StoreError
from realtime.protocol.appserver import Draft, Record
from realtime.protocol.ids import ThreadId
from realtime.threads.fold import fold
from realtime.threads.recovery import CUT_OFF, recover
from realtime.threads.sql import SqlThreadStore
from tests.threads.drafts import begun, new_thread, said, turn_begun, turn_ended

NOW = 99_000


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/voxgate.db"


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlThreadStore]:
    opened = SqlThreadStore(url)
    await opened.open()
    yield opened
    await opened.close()


async def test_what_was_cut_off_is_closed_as_interrupted(store: SqlThreadStore) -> None:
    thread, finished = new_thread(), new_thread()
    await store.create(thread)
    await store.create(finished)
    await store.append(finished.id, [begun("a"), said("a")])
    opening = [begun("i", "half a"), turn_begun("t1", thread.id), begun("j")]
    await store.append(thread.id, [*opening, said("j"), turn_begun("t2", thread.id), turn_ended("t2", thread.id)])

    assert await recover(store, clock_ms=lambda: NOW) == 2

    item, turn = await store.records(thread.id, after=6)
    assert (item.seq, item.method, item.key) == (7, "item/completed", "i")
    assert item.params["item"] == {**begun("i", "half a").body["item"], "status": "interrupted"}
    assert (turn.seq, turn.method, turn.key) == (8, "turn/completed", "t1")
    ended = {"status": "interrupted", "error": {"message": CUT_OFF}, "completedAt": NOW}
    assert turn.params["turn"] == {**turn_begun("t1", thread.id).body["turn"], **ended}
    assert (await store.thread(finished.id)).seq == 2
    assert await store.unfinished() == []
    assert await recover(store) == 0


async def test_many_threads_are_closed_together(store: SqlThreadStore) -> None:
    threads = [new_thread() for _ in range(300)]
    for thread in threads:
        await store.create(thread)
    await asyncio.gather(*(store.append(thread.id, [begun("a"), begun("b")]) for thread in threads))
    assert await recover(store) == 600
    assert await store.unfinished() == []
    assert {(await store.thread(thread.id)).seq for thread in threads} == {4}


async def test_a_store_that_fails_fails_the_recovery(store: SqlThreadStore) -> None:
    thread = new_thread()
    await store.create(thread)
    await store.append(thread.id, [begun("a")])

    class Failing(SqlThreadStore):
        unfinished = store.unfinished

        async def append(self, thread_id: ThreadId, drafts: object) -> list[Record]:
            raise StoreError("no disk")

    with pytest.raises(StoreError, match="no disk"):
        await recover(Failing("sqlite:///unused"))


async def test_a_thread_deleted_meanwhile_is_no_obstacle(store: SqlThreadStore) -> None:
    gone, kept = new_thread(), new_thread()
    for thread in (gone, kept):
        await store.create(thread)
        await store.append(thread.id, [begun("a")])

    class Deleting(SqlThreadStore):
        append = store.append

        async def unfinished(self) -> list[tuple[ThreadId, Draft]]:
            found = await store.unfinished()
            await store.delete(gone.id)
            return found

    await recover(Deleting("sqlite:///unused"))
    assert await store.unfinished() == []
    assert (await store.thread(kept.id)).seq == 2


@pytest.mark.parametrize("kills", [4, pytest.param(100, marks=pytest.mark.long)])
async def test_nothing_acknowledged_is_lost_by_a_kill(url: str, kills: int) -> None:
    chance = random.Random(20_260)
    acknowledged: dict[ThreadId, list[str]] = defaultdict(list)
    for _ in range(kills):
        for thread_id, line in await write_until_killed(url, after=chance.randint(1, 150)):
            acknowledged[thread_id].append(line)
        store = SqlThreadStore(url)
        await store.open()
        await recover(store)
        assert await store.unfinished() == []
        for thread_id, lines in acknowledged.items():
            await check(store, thread_id, lines)
        await store.close()
    assert len(acknowledged) >= 2
    assert sum(map(len, acknowledged.values())) > 20 * kills


async def write_until_killed(url: str, *, after: int) -> list[tuple[ThreadId, str]]:
    """What the writer acknowledged until it was killed, at some moment after so many records."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.threads.busy_writer", url, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    lines = [await child.stdout.readline() for _ in range(after)]
    child.kill()
    rest, _ = await child.communicate()
    whole = [line for line in (*lines, *rest.splitlines(keepends=True)) if line.endswith(b"\n")]
    assert len(whole) >= after
    split = [line.decode().strip().split(" ", 1) for line in whole]
    return [(ThreadId(thread_id), line) for thread_id, line in split]


async def check(store: SqlThreadStore, thread_id: ThreadId, acknowledged: list[str]) -> None:
    records = await store.records(thread_id, limit=1_000_000)
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    stored = [f"{record.seq} {record.method} {record.key}" for record in records]
    assert stored[: len(acknowledged)] == acknowledged
    folded = fold(records)
    assert {turn["status"] for turn in folded.turns} <= {"completed", "interrupted"}
    assert {item["status"] for item in folded.items} <= {"completed", "interrupted"}
    assert [turn["status"] for turn in folded.turns].count("interrupted") <= 1
