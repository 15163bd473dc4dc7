"""The contract of the thread store: a thread is a log of records, numbered from 1 without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from realtime.protocol.appserver import Draft, Record, Thread
from realtime.protocol.ids import ThreadId


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """Some threads, newest first, and where the next page begins."""

    threads: list[Thread]
    next_cursor: str | None


class RecordStore(Protocol):
    """What happens within a thread. Errors are those of ``ThreadStore``."""

    async def append(self, thread_id: ThreadId, drafts: Sequence[Draft]) -> list[Record]:
        """Store drafts in one transaction and number them; returns after the flush to disk.

        After a ``StoreError`` they are stored all or not at all: which of the two may be unknown, so nobody
        may simply ask again.
        """
        ...

    async def records(self, thread_id: ThreadId, *, after: int = 0, limit: int = 200) -> list[Record]:
        """Records with ``seq`` above ``after``, in order."""
        ...

    async def latest(self, thread_id: ThreadId, *, methods: Sequence[str] = (), limit: int = 100) -> list[Record]:
        """The last records (of these methods, or of all), in order."""
        ...

    async def remember(self, thread_id: ThreadId, key: str, value: str) -> None:
        """Keep a value for as long as the thread lives; a known key gets the new value."""
        ...

    async def recall(self, thread_id: ThreadId) -> dict[str, str]:
        """All that is kept for the thread, in the order in which the keys were first kept."""
        ...


class ThreadStore(RecordStore, Protocol):
    """What the gateway asks of a store.

    Every method raises ``StoreError`` when the store fails or does not answer in time, and
    ``ThreadNotFound`` for a thread that is not there (or was deleted).
    """

    async def open(self) -> None:
        """Connect and bring the schema up to date (or refuse, naming ``voxgate migrate``). Once only."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...

    async def ping(self) -> None:
        """Prove that the store can be written."""
        ...

    async def create(self, thread: Thread) -> None:
        """Store a new thread."""
        ...

    async def thread(self, thread_id: ThreadId) -> Thread:
        """A thread with its head ``seq``."""
        ...

    async def threads(self, *, cursor: str | None = None, limit: int = 50, archived: bool = False) -> ThreadPage:
        """Threads, newest first; raises ``InvalidRequest`` for a cursor that is none."""
        ...

    async def archive(self, thread_id: ThreadId, *, archived: bool = True) -> Thread:
        """Set or clear the mark."""
        ...

    async def delete(self, thread_id: ThreadId) -> None:
        """Remove the thread and all its records."""
        ...

    async def unfinished(self) -> list[tuple[ThreadId, Draft]]:
        """What was begun and never completed in any thread: for each open key its first record.

        Asked once at start-up, when nothing runs: all of it was cut off.
        """
        ...
