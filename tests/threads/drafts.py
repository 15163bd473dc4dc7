"""Threads and drafts as tests want them."""

from __future__ import annotations

from itertools import count

from realtime.protocol.appserver import Draft, Item, Thread, Turn, item_completed, item_started, turn_completed
from realtime.protocol.appserver import turn_started as _turn_started
from realtime.protocol.ids import ItemId, Seq, ThreadId, TurnId, new_thread_id

_times = count(1_000)


def new_thread(*, created_at: int | None = None, name: str | None = None) -> Thread:
    """A thread that is newer than all before it."""
    now = next(_times) if created_at is None else created_at
    return Thread(new_thread_id(), "e1", Seq(0), created_at=now, updated_at=now, name=name)


def begun(key: str, text: str = "") -> Draft:
    """The placeholder of a user's line."""
    return item_started(Item(ItemId(key), "userMessage", text, status="inProgress", role="user", created_at=1))


def said(key: str, text: str = "hello") -> Draft:
    """A user's finished line."""
    return item_completed(Item(ItemId(key), "userMessage", text, role="user", created_at=1))


def turn_begun(key: str, thread_id: ThreadId) -> Draft:
    """A turn that runs."""
    return _turn_started(Turn(TurnId(key), thread_id, "inProgress", input="work", started_at=5))


def turn_ended(key: str, thread_id: ThreadId) -> Draft:
    """A turn that is done."""
    return turn_completed(Turn(TurnId(key), thread_id, "completed", input="work", started_at=5, completed_at=9))
