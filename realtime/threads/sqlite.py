"""SQLite as the thread store's database: one file, a write-ahead log, every commit flushed to disk."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from realtime.errors import ConfigurationError, StoreError
from realtime.threads.faults import DAMAGED, sqlite_code, translated
from realtime.threads.migrations import steps

T = TypeVar("T")

_BUSY_S = 0.25
"""How long a transaction waits for another process's lock before it lets the next caller try."""

_CHECK_S = 2.0
_READERS = 2


class Sqlite:
    """A ``Product``: a thread that writes, and two that read."""

    def __init__(self, url: URL, timeout_s: float) -> None:
        if not url.database or url.database == ":memory:":
            raise ConfigurationError("store.url must name a file: sqlite:///PATH", setting="store.url")
        self._path = Path(url.database)
        self._writer = _engine(url, _BUSY_S, pool_size=1)
        event.listen(self._writer, "connect", _prepare_writer)
        event.listen(self._writer, "begin", _begin_immediate)
        self._reader = _engine(url, timeout_s, pool_size=_READERS).execution_options(isolation_level="AUTOCOMMIT")
        event.listen(self._reader, "connect", _prepare_reader)
        self._writing = ThreadPoolExecutor(1, "store-writer")
        self._reading = ThreadPoolExecutor(_READERS, "store-reader")

    def open(self) -> None:
        """Make the file, for its owner alone, and the folders above it."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(f"the store's file cannot be opened: {error.strerror}") from None

    def write(self, work: Callable[[Connection], T]) -> Future[T]:
        """Do work in one transaction that holds the write lock from its begin."""
        return self._writing.submit(self._write, work)

    def read(self, work: Callable[[Connection], T]) -> Future[T]:
        """Do work that changes nothing."""
        return self._reading.submit(self._read, work)

    def prepare(self, connection: Connection) -> None:
        """Look for damage, then take the missing schema steps: nobody else administers a file."""
        _quick_check(connection)
        steps.upgrade(connection)

    def close(self) -> Future[None]:
        """Close the connections on the threads that use them."""
        self._reading.submit(self._reader.dispose)
        closed = self._writing.submit(self._writer.dispose)
        self._reading.shutdown(wait=False)
        self._writing.shutdown(wait=False)
        return closed

    def _write(self, work: Callable[[Connection], T]) -> T:
        with translated(), self._writer.begin() as connection:
            return work(connection)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with translated(), self._reader.connect() as connection:
            return work(connection)


def _engine(url: URL, busy_s: float, *, pool_size: int) -> Engine:
    return create_engine(
        url.set(drivername="sqlite+pysqlite"),
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=0,
        connect_args={"timeout": busy_s, "isolation_level": None, "check_same_thread": False},
    )


def _prepare_writer(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    _set(connection, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


def _prepare_reader(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    _set(connection, "query_only=ON")


def _set(connection: DBAPIConnection, *pragmas: str) -> None:
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _quick_check(connection: Connection) -> None:
    """Raises ``StoreError`` for a damaged file; what cannot be checked in two seconds is believed."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise StoreError("the store is not connected")
    deadline = time.monotonic() + _CHECK_S
    driver.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        found = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
    except DBAPIError as error:
        if sqlite_code(error) != sqlite3.SQLITE_INTERRUPT:
            raise
        found = "ok"
    finally:
        driver.set_progress_handler(None, 0)
    if found != "ok":
        raise StoreError(DAMAGED)
