"""What may be made and read of any thread, whether or not something happens on it.

A thread is folded beside the loop: one of many hours takes longer than sound can wait.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from realtime.errors import InvalidRequest
from realtime.protocol import appserver as app
from realtime.protocol.ids import Seq, ThreadId, new_thread_id
from realtime.protocol.json import JsonObject
from realtime.threads.export import export
from realtime.threads.fold import fold
from realtime.threads.store import ThreadPage, ThreadStore

PAGE = 1000


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Some records, the thread's head, and whether more follow."""

    records: list[app.Record]
    seq: Seq
    more: bool


class Library:
    """All threads of a store. Every method raises only ``GatewayError``s."""

    def __init__(self, store: ThreadStore) -> None:
        self._store = store

    async def start(self, params: app.ThreadStartParams) -> app.Thread:
        """Make a thread."""
        now = time.time_ns() // 1_000_000
        thread_id = new_thread_id()
        thread = app.Thread(
            thread_id, epoch=thread_id[-12:], seq=Seq(0), created_at=now, updated_at=now, name=params.name
        )
        await self._store.create(thread)
        return thread

    async def get(self, thread_id: ThreadId) -> app.Thread:
        """A thread; raises ``ThreadNotFound``."""
        return await self._store.thread(thread_id)

    async def read(self, thread_id: ThreadId, *, include_turns: bool = True) -> JsonObject:
        """The thread as ``thread/read`` shows it: ``{id, …, items, turns}``; no turns where they are not wanted."""
        thread = await self._store.thread(thread_id)
        folded = await asyncio.to_thread(fold, await self._all(thread_id))
        return {**thread.to_json(), "items": folded.items, "turns": folded.turns if include_turns else []}

    async def page(self, params: app.ThreadListParams) -> ThreadPage:
        """Threads, newest first."""
        return await self._store.threads(cursor=params.cursor, limit=params.limit, archived=params.archived)

    async def archive(self, thread_id: ThreadId) -> app.Thread:
        """Put a thread away; it stays readable."""
        return await self._store.archive(thread_id)

    async def records(self, thread_id: ThreadId, *, after: int, limit: int) -> RecordPage:
        """Records above ``after``."""
        records = await self._store.records(thread_id, after=after, limit=limit)
        thread = await self._store.thread(thread_id)  # read last: the head is never behind the records
        last = records[-1].seq if records else after
        return RecordPage(records, thread.seq, more=last < thread.seq)

    async def transcript(self, thread_id: ThreadId, *, form: str) -> str:
        """The folded thread as ``text``, ``jsonl`` or ``vtt``."""
        if form not in ("text", "jsonl", "vtt"):
            raise InvalidRequest("Invalid request: unknown variant: format is text, jsonl or vtt", field="format")
        await self._store.thread(thread_id)
        records = await self._all(thread_id)
        return await asyncio.to_thread(lambda: export(fold(records), form))

    async def _all(self, thread_id: ThreadId) -> list[app.Record]:
        records: list[app.Record] = []
        while True:
            page = await self._store.records(thread_id, after=records[-1].seq if records else 0, limit=PAGE)
            records += page
            if len(page) < PAGE:
                return records
