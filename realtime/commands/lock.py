"""One gateway a folder: two that write one SQLite file would each number the records of a thread on their own."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realtime.commands.store import sqlite_file
from realtime.errors import ConfigurationError
from realtime.settings import Settings

LOCK = "voxgate.lock"


@contextmanager
def only_gateway(settings: Settings) -> Iterator[None]:
    """Hold ``<data>/voxgate.lock`` while the block runs, where the store is a SQLite file in that folder.

    The kernel lets go of it when the process dies, however it does. Readers take no notice of it. Raises
    ``ConfigurationError`` when another process holds it, or the folder cannot be used.
    """
    file = sqlite_file(settings)
    if file is None or file.absolute().parent != settings.data.absolute():
        yield
        return
    held = _open(settings.data)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"data: another voxgate serves from {settings.data}: stop it, or give this one a folder of its own "
                "with --data",
                setting="data",
            ) from None
        except OSError as error:
            raise ConfigurationError(
                f"data: {settings.data} cannot be locked: {error.strerror}", setting="data"
            ) from None
        yield
    finally:
        os.close(held)


def is_served(settings: Settings) -> bool:
    """True while a gateway holds the folder; makes nothing."""
    try:
        held = os.open(settings.data / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(held)
    return False


def _open(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(f"data: {folder} cannot be used: {error.strerror}", setting="data") from None
