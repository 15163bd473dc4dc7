"""PostgreSQL as the thread store's database. Needs the extra ``postgres`` (asyncpg)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from itertools import cycle
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

from realtime.errors import ConfigurationError
from realtime.threads.faults import translated
from realtime.threads.migrations import steps

T = TypeVar("T")

_READERS = 2


class Postgresql:
    """A ``Product``: a connection that writes and two that read, each on a thread of its own."""

    def __init__(self, url: URL, timeout_s: float) -> None:
        if find_spec("asyncpg") is None:
            raise ConfigurationError("store.url asks for PostgreSQL: install voxgate[postgres]", setting="store.url")
        self._writer = _Seat(url, timeout_s)
        self._readers = [_Seat(url, timeout_s, isolation_level="AUTOCOMMIT") for _ in range(_READERS)]
        self._next_reader = cycle(self._readers)

    def open(self) -> None:
        """Nothing: the server has its own files."""

    def write(self, work: Callable[[Connection], T]) -> Future[T]:
        """Do work in one transaction."""
        return self._writer.submit(work)

    def read(self, work: Callable[[Connection], T]) -> Future[T]:
        """Do work that changes nothing, each statement on the last commit."""
        return next(self._next_reader).submit(work)

    def prepare(self, connection: Connection) -> None:
        """Refuse a schema that is not ours: other nodes may still use it, so only ``voxgate migrate`` changes it."""
        steps.require_current(connection)

    def close(self) -> Future[None]:
        """Close the connections on their threads."""
        for reader in self._readers:
            reader.close()
        return self._writer.close()


class _Seat:
    """A thread with a small event loop, where asyncpg keeps one connection."""

    def __init__(self, url: URL, timeout_s: float, *, isolation_level: str = "READ COMMITTED") -> None:
        self._timeout_s = timeout_s
        self._thread = ThreadPoolExecutor(1, "store")
        self._runner = asyncio.Runner()
        self._engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            hide_parameters=True,
            isolation_level=isolation_level,
            pool_pre_ping=True,
            pool_size=1,
            max_overflow=0,
        )

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        return self._thread.submit(self._do, work)

    def close(self) -> Future[None]:
        closed = self._thread.submit(self._let_go)
        self._thread.shutdown(wait=False)
        return closed

    def _do(self, work: Callable[[Connection], T]) -> T:
        with translated():
            return self._runner.run(self._transact(work))

    async def _transact(self, work: Callable[[Connection], T]) -> T:
        # A server that says nothing more would keep the thread for ever.
        async with asyncio.timeout(self._timeout_s), self._engine.begin() as connection:
            return await connection.run_sync(work)

    def _let_go(self) -> None:
        self._runner.run(self._engine.dispose())
        self._runner.close()
