"""A database beside the event loop: one transaction after the other writes, and readers never wait behind it.

Work is a plain function of a SQLAlchemy connection, run on a thread of the database's own: a whole
transaction costs one hop, where an asynchronous driver pays several for each statement.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from realtime.errors import ConfigurationError, StoreError
from realtime.threads.faults import Locked
from realtime.threads.postgresql import Postgresql
from realtime.threads.sqlite import Sqlite

T = TypeVar("T")


class Product(Protocol):
    """What differs between the databases. Futures fail with ``StoreError``, or with what the work itself raised."""

    def open(self) -> None:
        """Make files and threads; nothing is connected yet."""
        ...

    def write(self, work: Callable[[Connection], T]) -> Future[T]:
        """Do work in one transaction, after all earlier ones: all or nothing, done when it is flushed.

        Fails with ``Locked`` soon, before the work began, when another process writes.
        """
        ...

    def read(self, work: Callable[[Connection], T]) -> Future[T]:
        """Do work that changes nothing; it sees the last commit."""
        ...

    def prepare(self, connection: Connection) -> None:
        """See to the schema when the store is opened."""
        ...

    def close(self) -> Future[None]:
        """Let go of connections and threads once all that was asked for is done."""
        ...


class Database:
    """Does work within ``timeout_s`` or raises ``StoreError``.

    A transaction that is late already runs to its end all the same: whether it took effect is not known then.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._product = _product(url, timeout_s)
        self._timeout_s = timeout_s
        self._locked = False
        self._is_open = False

    async def open(self, prepare: Callable[[Connection], None] | None = None) -> None:
        """Make the file if there is none, then see to the schema."""
        self._product.open()
        self._is_open = True
        await self.write(prepare or self._product.prepare)

    async def close(self) -> None:
        """Wait for what is under way, then let go; nothing happens when it is not open."""
        if not self._is_open:
            return
        self._is_open = False
        async with self.bounded():
            await asyncio.wrap_future(self._product.close())

    async def read(self, work: Callable[[Connection], T]) -> T:
        """The result of work that changes nothing."""
        self.require_open()
        async with self.bounded():
            return await asyncio.wrap_future(self._product.read(work))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """The result of a transaction, after its flush."""
        async with self.bounded():
            while True:
                try:
                    return await self.start(work)
                except Locked:
                    continue  # the time bound ends this

    def start(self, work: Callable[[Connection], T]) -> asyncio.Future[T]:
        """One attempt at a transaction, which may be late; raises ``StoreError`` once closed."""
        self.require_open()
        attempt = asyncio.wrap_future(self._product.write(work))
        attempt.add_done_callback(self._note)
        return attempt

    @asynccontextmanager
    async def bounded(self) -> AsyncIterator[None]:
        """Raises ``StoreError`` when the block is not done in time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except TimeoutError:
            raise Locked() if self._locked else StoreError("the store did not answer in time") from None

    def require_open(self) -> None:
        """Raises ``StoreError`` before ``open`` and after ``close``."""
        if not self._is_open:
            raise StoreError("the store is closed")

    def _note(self, attempt: asyncio.Future[T]) -> None:
        if not attempt.cancelled():
            self._locked = isinstance(attempt.exception(), Locked)


def _product(url: str, timeout_s: float) -> Product:
    parsed = _parse(url)
    match parsed.get_backend_name():
        case "sqlite":
            return Sqlite(parsed, timeout_s)
        case "postgresql":
            return Postgresql(parsed, timeout_s)
        case _:
            raise ConfigurationError("store.url must begin with sqlite:/// or postgresql://", setting="store.url")


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        raise ConfigurationError("store.url is no address of the form sqlite:///PATH", setting="store.url") from None
