"""The store as commands read it, beside a running gateway or without one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from realtime.errors import StoreError
from realtime.protocol.appserver import Record
from realtime.protocol.ids import ThreadId
from realtime.settings import Settings
from realtime.threads.sql import SqlThreadStore

PAGE = 1000
_SQLITE = "sqlite:///"


def sqlite_file(settings: Settings) -> Path | None:
    """The store's file; None for a store that is no file."""
    url = settings.store_url()
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[SqlThreadStore]:
    """The store, opened; raises ``StoreError`` when there is none (reading makes no file)."""
    file = sqlite_file(settings)
    if file is not None and not file.is_file():
        raise StoreError(f"there is no store at {file}; does --data name the gateway's folder?")
    store = SqlThreadStore(settings.store_url(), timeout_s=settings.store.timeout_s)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def all_records(store: SqlThreadStore, thread_id: ThreadId) -> list[Record]:
    """Every record of a thread; raises ``ThreadNotFound``."""
    await store.thread(thread_id)
    records: list[Record] = []
    while True:
        page = await store.records(thread_id, after=records[-1].seq if records else 0, limit=PAGE)
        records += page
        if len(page) < PAGE:
            return records
