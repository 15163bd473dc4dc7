"""Function calls of the voice model.

Law: every call is answered exactly once: by the result of the turn it began, at once when it steers a
turn that runs, with silence, or with why it could not be done. A call that was seen before (an upstream
that is told the history shows it again) asks for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from realtime.core.recent import Recent
from realtime.protocol import json
from realtime.protocol.ids import CallId, ItemId, TurnId
from realtime.protocol.realtime import Item

BACKGROUND_AGENT = "background_agent"
REMAIN_SILENT = "remain_silent"

KEPT = 4096
"""Calls remembered, so that none is taken twice."""

_REQUEST_MEMBERS = ("input_transcript", "input", "text", "prompt", "query")


@dataclass(frozen=True, slots=True)
class Delegated:
    """Work for the agent."""

    call_id: CallId
    item_id: ItemId | None
    request: str


@dataclass(frozen=True, slots=True)
class Silent:
    """The voice chose to say nothing."""

    call_id: CallId


@dataclass(frozen=True, slots=True)
class UnknownTool:
    """A tool that nobody gave it."""

    call_id: CallId


class Handoffs:
    """The calls of one conversation, and the turns whose words go to the voice."""

    def __init__(self) -> None:
        self._seen = Recent[CallId, None](KEPT)
        self._unanswered: set[CallId] = set()
        self._owner: dict[TurnId, CallId] = {}
        self._turns: dict[TurnId, bool] = {}

    @property
    def open(self) -> int:
        """Calls that wait for their answer."""
        return len(self._unanswered)

    def requested(self, item: Item) -> Delegated | Silent | UnknownTool | None:
        """A function call is complete; None when it was seen before or cannot be answered."""
        call_id = item.call_id or (CallId(item.id) if item.id else None)
        if call_id is None or call_id in self._seen:
            return None
        self._seen[call_id] = None
        self._unanswered.add(call_id)
        if item.name == BACKGROUND_AGENT:
            return Delegated(call_id, item.id, request_text(item.arguments or ""))
        return Silent(call_id) if item.name == REMAIN_SILENT else UnknownTool(call_id)

    def started(self, call_id: CallId, turn_id: TurnId) -> None:
        """The call began this turn: the turn's end answers it."""
        self._owner[turn_id] = call_id
        self._turns.setdefault(turn_id, False)

    def follow(self, turn_id: TurnId) -> None:
        """What is said in this turn goes to the voice, though no call waits for its end."""
        self._turns.setdefault(turn_id, False)

    def said(self, turn_id: TurnId) -> bool:
        """The agent spoke; True when the voice is to be told."""
        if turn_id not in self._turns:
            return False
        self._turns[turn_id] = True
        return True

    def ended(self, turn_id: TurnId) -> tuple[CallId | None, bool] | None:
        """The call to answer (if any) and whether anything was said; None for a turn of others."""
        if turn_id not in self._turns:
            return None
        return self._owner.pop(turn_id, None), self._turns.pop(turn_id)

    def answer(self, call_id: CallId) -> bool:
        """True exactly once for each call: answer it now."""
        if call_id not in self._unanswered:
            return False
        self._unanswered.discard(call_id)
        return True


def request_text(arguments: str) -> str:
    """The wish in a call's arguments: the first member of a known name that has words, else all of it."""
    try:
        members = json.decode_object(arguments)
    except ValueError:
        return arguments
    for name in _REQUEST_MEMBERS:
        value = members.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return arguments
