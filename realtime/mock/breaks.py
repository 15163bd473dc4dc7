"""Harm to sessions of the embedded model, for people who want to see what happens then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from realtime.mock.host import MockHost
from realtime.protocol.json import JsonObject

_TRANSCRIPT = "conversation.item.input_audio_transcription"
_NUDGE: JsonObject = {"type": "rate_limits.updated", "rate_limits": []}
"""Something that is sent at once, for a fault to strike."""
_UNASKED: JsonObject = {
    "type": "response.create",
    "response": {
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}],
        "tool_choice": "none",
    },
}
HIDDEN_S = 0.8


@dataclass(frozen=True, slots=True)
class _Harm:
    title: str
    said: str
    do: Callable[[MockHost], None]


def _fault(fault: str, event: str | None = None, **args: object) -> JsonObject:
    match = {"match": {"type": event}} if event is not None else {}
    return {"fault": fault, "on": "server", "args": args, **match}


def _strike_now(fault: str) -> Callable[[MockHost], None]:
    def strike(host: MockHost) -> None:
        host.faults.add(_fault(fault, _NUDGE["type"]))
        host.push_all(_NUDGE)

    return strike


def _lose_transcript(host: MockHost) -> None:
    for end in ("delta", "completed"):
        host.faults.add(_fault("lose", f"{_TRANSCRIPT}.{end}"))


def _race(host: MockHost) -> None:
    host.faults.add(_fault("delay", "response.created", seconds=HIDDEN_S))
    host.inject(_UNASKED)


HARMS: dict[str, _Harm] = {
    "upstream-cut": _Harm(
        "Cut the voice model off",
        "The connection to the voice model was cut. The gateway makes a new one and tells it what was said.",
        _strike_now("drop"),
    ),
    "session-limit": _Harm(
        "End its session now",
        "The voice model's session has reached its limit. The talk goes on in a new one.",
        _strike_now("expire"),
    ),
    "lost-transcription": _Harm(
        "Lose a transcription",
        "What you say next will be answered, but its words will not be written down.",
        _lose_transcript,
    ),
    "active-response": _Harm(
        "Answer at the same time",
        "The voice model began an answer that nobody asked for, and keeps it to itself for a moment: "
        "a request that comes now is refused, and has to be made again.",
        _race,
    ),
}


class MockBreaks:
    """``hosts`` finds the sessions that serve calls of a thread."""

    def __init__(self, hosts: Callable[[str], list[MockHost]]) -> None:
        self._hosts = hosts

    def offered(self) -> dict[str, str]:
        """Names, and what the buttons say."""
        return {name: harm.title for name, harm in HARMS.items()}

    def strike(self, name: str, label: str) -> str:
        """Do it; raises ``KeyError`` for an unknown name, ``LookupError`` where no session is."""
        harm = HARMS[name]
        hosts = self._hosts(label)
        if not hosts:
            raise LookupError(label)
        for host in hosts:
            harm.do(host)
        return harm.said
