"""What passed between a thread's people and its agent: kept with each turn, told to the next one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from realtime.agents.agent import AgentMessage
from realtime.protocol.appserver import Record, Turn
from realtime.protocol.json import JsonObject, encode
from realtime.settings import LimitsSettings

TURN_METADATA: Final = "x-codex-turn-metadata"


def to_json(messages: Iterable[AgentMessage]) -> list[JsonObject]:
    """The form in which a turn's record keeps its exchange."""
    return [{"role": message.role, "text": message.text} for message in messages]


def history(records: Iterable[Record], limits: LimitsSettings) -> list[AgentMessage]:
    """The exchanges of earlier turns, oldest first, from their ``turn/completed`` records; the newest that fit."""
    messages = [message for record in records for message in _of_turn(record.params.get("turn"))]
    return newest(messages, limits)


def newest(messages: Sequence[AgentMessage], limits: LimitsSettings) -> list[AgentMessage]:
    """The last messages that fit ``history_items`` and ``history_chars``; a message is never cut."""
    kept: list[AgentMessage] = []
    chars = limits.history_chars
    for message in reversed(messages[-limits.history_items :]):
        chars -= len(message.text)
        if chars < 0:
            break
        kept.append(message)
    return kept[::-1]


def turn_metadata(client: Mapping[str, str], turn: Turn) -> dict[str, str]:
    """What is sent along to the agent's service: the client's members, then ours, which win."""
    members = {**client, "session_id": turn.thread_id, "turn_id": turn.id, "thread_source": "user"}
    return {TURN_METADATA: encode(members)}


def _of_turn(turn: object) -> list[AgentMessage]:
    """Tolerant of records that another version wrote: what cannot be read is left out."""
    if not isinstance(turn, dict):
        return []
    stored = turn.get("messages")
    if not isinstance(stored, list):
        inputs = turn.get("input")
        stored = (
            [{"role": "user", **part} for part in inputs if isinstance(part, dict)] if isinstance(inputs, list) else []
        )
    return [
        AgentMessage(message["role"], message["text"])
        for message in stored
        if isinstance(message, dict)
        and message.get("role") in ("user", "assistant")
        and isinstance(message.get("text"), str)
    ]
