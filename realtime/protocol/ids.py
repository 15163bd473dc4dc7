"""Identifiers, each a type of its own, so that none is passed for another."""

from __future__ import annotations

import uuid
from typing import NewType

from uuid6 import uuid7

from realtime.errors import InvalidRequest

ThreadId = NewType("ThreadId", str)
SessionId = NewType("SessionId", str)
TurnId = NewType("TurnId", str)
ItemId = NewType("ItemId", str)
ResponseId = NewType("ResponseId", str)
CallId = NewType("CallId", str)
Seq = NewType("Seq", int)


def new_thread_id() -> ThreadId:
    """A UUIDv7 (RFC 9562): sorts by time of creation."""
    return ThreadId(str(uuid7()))


def new_turn_id() -> TurnId:
    """A UUIDv7."""
    return TurnId(str(uuid7()))


def new_session_id() -> SessionId:
    """A UUIDv7 behind ``sess_``."""
    return SessionId(f"sess_{uuid7().hex}")


def parse_thread_id(text: object) -> ThreadId:
    """Check a client's thread id; raises ``InvalidRequest``."""
    if not isinstance(text, str):
        raise InvalidRequest("invalid type: threadId must be a string", field="threadId")
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        raise InvalidRequest(f"invalid thread id: {text[:80]!r}", field="threadId") from None
    if str(parsed) != text.lower():
        raise InvalidRequest(f"invalid thread id: {text[:80]!r}", field="threadId")
    return ThreadId(str(parsed))
