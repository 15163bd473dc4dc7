"""What a voice is told of a thread before it begins: the folded lines, newest last."""

from __future__ import annotations

from collections.abc import Sequence

from realtime.protocol.appserver import Record
from realtime.threads.fold import fold

Line = tuple[str, str]
"""Who, and what was said."""


def digest(records: Sequence[Record]) -> tuple[Line, ...]:
    """The lines of a thread's newest records, as (role, text)."""
    return tuple(line for item in fold(records).items for line in _lines(item))


def title(lines: Sequence[Line]) -> str | None:
    """The first words of a thread: what it was about."""
    return next((text[:120] for role, text in lines if role == "user"), None)


def _lines(item: dict[str, object]) -> list[Line]:
    text, output = str(item.get("text") or ""), str(item.get("output") or "")
    match item.get("type"):
        case "userMessage":
            return [("user", text)] if text.strip() else []
        case "assistantMessage":
            return [("assistant", text)] if text.strip() else []
        case "handoff":
            asked = [("handed to the agent", text)] if text.strip() else []
            return [*asked, ("agent", output)] if output.strip() else asked
        case _:
            return []
