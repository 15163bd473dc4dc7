"""A process of its own whose files may not grow: what a full disk does to the store."""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from realtime.errors import StoreError
from realtime.threads.sql import SqlThreadStore
from tests.threads.drafts import begun, new_thread, said


async def main(path: Path) -> None:
    store = SqlThreadStore(f"sqlite:///{path}")
    await store.open()
    thread = new_thread()
    await store.create(thread)
    acknowledged = await store.append(thread.id, [begun("open")])

    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, most))
    error = None
    while error is None:
        try:
            acknowledged += await store.append(thread.id, [said("a", "x" * 10_000), said("b", "x" * 10_000)])
        except StoreError as refusal:
            error = refusal.message
    print("refused:", error)
    ready = True
    while ready:  # the last corner of the disk is filled by asking
        try:
            await store.ping()
        except StoreError as refusal:
            ready = False
            print("not ready:", refusal.message)
    assert await store.records(thread.id) == acknowledged
    assert (await store.thread(thread.id)).seq == len(acknowledged)

    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    await store.ping()
    acknowledged += await store.append(thread.id, [said("open")])
    assert [record.seq for record in acknowledged] == list(range(1, len(acknowledged) + 1))
    assert await store.records(thread.id) == acknowledged
    assert await store.unfinished() == []
    await store.close()
    print("recovered")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
