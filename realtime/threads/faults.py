"""What a driver raises, as ``StoreError`` with a text that names neither path nor statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from realtime.errors import StoreError

DAMAGED = "the store's file is damaged: restore it from a backup"
_SQLITE = {
    sqlite3.SQLITE_FULL: "the store's disk is full",
    sqlite3.SQLITE_IOERR: "the store's disk is full or fails",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: "the store's file is damaged, or is no SQLite database",
    sqlite3.SQLITE_READONLY: "the store's file cannot be written",
    sqlite3.SQLITE_CANTOPEN: "the store's file cannot be opened",
}
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Locked(StoreError):
    """Another process holds the write lock; the transaction has not begun."""

    def __init__(self) -> None:
        super().__init__("the store is locked by another process")


def sqlite_code(error: DBAPIError) -> int:
    """SQLite's primary result code, 0 for what is not SQLite's."""
    return error.orig.sqlite_errorcode & 0xFF if isinstance(error.orig, sqlite3.Error) else 0


@contextmanager
def translated() -> Iterator[None]:
    """Raises ``StoreError`` (``Locked``) for what drivers raise inside; the cause is kept for the log."""
    try:
        yield
    except DBAPIError as error:
        code = sqlite_code(error)
        raise (Locked() if code in _BUSY else StoreError(_SQLITE.get(code, "the store failed"))) from error
    except SQLAlchemyError as error:
        raise StoreError("the store failed") from error
    except TimeoutError:
        raise StoreError("the store did not answer in time") from None
    except OSError as error:
        raise StoreError("the store cannot be reached") from error
