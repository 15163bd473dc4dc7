"""A process of its own that writes to several threads until it is killed, and prints what was acknowledged."""

from __future__ import annotations

import asyncio
import sys
from itertools import count

from realtime.protocol.ids import ThreadId
from realtime.threads.sql import SqlThreadStore
from tests.threads.drafts import begun, new_thread, said, turn_begun, turn_ended

THREADS = 3


async def main(url: str) -> None:
    store = SqlThreadStore(url)
    await store.open()
    async with asyncio.TaskGroup() as group:
        for _ in range(THREADS):
            thread = new_thread()
            await store.create(thread)
            group.create_task(write(store, thread.id))


async def write(store: SqlThreadStore, thread_id: ThreadId) -> None:
    for number in count():
        turn = f"t{number}"
        for drafts in (
            [begun(f"i{number}", "placeholder"), turn_begun(turn, thread_id)],
            [said(f"i{number}", "what was said")],
            [begun(f"j{number}"), said(f"j{number}")],
            [turn_ended(turn, thread_id)],
        ):
            for record in await store.append(thread_id, drafts):
                sys.stdout.write(f"{thread_id} {record.seq} {record.method} {record.key}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
