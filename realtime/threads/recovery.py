"""Start-up: whatever was begun and never completed was cut off by the end of the process, and is closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import groupby

from realtime.errors import ThreadNotFound
from realtime.protocol.appserver import Draft
from realtime.protocol.ids import ThreadId
from realtime.protocol.json import JsonObject
from realtime.threads.store import ThreadStore

CUT_OFF = "the gateway stopped before the turn had ended"
_AT_ONCE = 256
"""Threads closed at the same time: the store commits them together."""


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000


async def recover(store: ThreadStore, *, clock_ms: Callable[[], int] = _unix_ms) -> int:
    """Close everything unfinished as ``interrupted``; returns how many items and turns that were.

    Nothing may run on the store yet. Raises ``StoreError``; what was closed before it stays closed.
    """
    open_drafts = await store.unfinished()
    threads = [(thread_id, list(found)) for thread_id, found in groupby(open_drafts, key=lambda entry: entry[0])]
    for start in range(0, len(threads), _AT_ONCE):
        try:
            async with asyncio.TaskGroup() as group:
                for thread_id, found in threads[start : start + _AT_ONCE]:
                    group.create_task(_close(store, thread_id, [_closing(draft, clock_ms()) for _, draft in found]))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
    return len(open_drafts)


async def _close(store: ThreadStore, thread_id: ThreadId, drafts: list[Draft]) -> None:
    try:
        await store.append(thread_id, drafts)
    except ThreadNotFound:
        return  # deleted meanwhile, with what stood open


def _closing(begun: Draft, now_ms: int) -> Draft:
    """The record that completes what ``begun`` began: the same fields, cut off."""
    if begun.method == "turn/started":
        ended: JsonObject = {"status": "interrupted", "error": {"message": CUT_OFF}, "completedAt": now_ms}
        return Draft("turn/completed", begun.key, {"turn": {**begun.body["turn"], **ended}})
    return Draft("item/completed", begun.key, {"item": {**begun.body["item"], "status": "interrupted"}})
