"""The store as commands read it, beside a running gateway or without one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from realtime.errors import ConfigurationError, StoreError
from realtime.protocol.appserver import Record
from realtime.protocol.ids import ThreadId
from realtime.settings import Settings
from realtime.threads.database import Database
from realtime.threads.migrations import steps
from realtime.threads.sql import SqlThreadStore

PAGE = 1000
_SQLITE = "sqlite:///"


def sqlite_file(settings: Settings) -> Path | None:
    """The store's file; None for a store that is no file."""
    url = settings.store_url()
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None


def store_setting(settings: Settings) -> str:
    """The setting that says where the store is."""
    return "store.url" if settings.store.url is not None else "data"


@contextmanager
def named(settings: Settings) -> Iterator[None]:
    """A store that cannot be opened is a setting to be put right: raises ``ConfigurationError`` that names it."""
    try:
        yield
    except StoreError as error:
        setting = store_setting(settings)
        place = f" ({file})" if (file := sqlite_file(settings)) is not None else ""
        raise ConfigurationError(f"{setting}: {error.message}{place}", setting=setting) from error


def is_damaged(error: ConfigurationError) -> bool:
    """Whether the store's file is no store, or no more: nothing that a setting could put right."""
    return isinstance(error.__cause__, StoreError) and "is damaged" in error.__cause__.message


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[SqlThreadStore]:
    """The store, opened; raises ``ConfigurationError`` when there is none (reading makes no file)."""
    file = sqlite_file(settings)
    if file is not None and not file.is_file():
        setting = store_setting(settings)
        hint = "does --data name the gateway's folder?" if setting == "data" else "`voxgate serve` makes it"
        raise ConfigurationError(f"{setting}: there is no store at {file}; {hint}", setting=setting)
    store = SqlThreadStore(settings.store_url(), timeout_s=settings.store.timeout_s)
    with named(settings):
        await store.open()
    try:
        yield store
    finally:
        await store.close()


async def is_current(settings: Settings) -> bool:
    """Whether the schema is this version's, found without changing it; raises ``ConfigurationError``."""
    database = Database(settings.store_url(), timeout_s=settings.store.timeout_s)
    try:
        with named(settings):
            await database.open(steps.require_current)
    except ConfigurationError as error:
        if isinstance(error.__cause__, StoreError) and error.__cause__.message == steps.BEHIND:
            return False
        raise
    finally:
        await database.close()
    return True


async def all_records(store: SqlThreadStore, thread_id: ThreadId) -> list[Record]:
    """Every record of a thread; raises ``ThreadNotFound``."""
    await store.thread(thread_id)
    records: list[Record] = []
    while True:
        page = await store.records(thread_id, after=records[-1].seq if records else 0, limit=PAGE)
        records += page
        if len(page) < PAGE:
            return records
