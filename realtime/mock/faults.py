"""Faults on purpose: which frame is struck, and what becomes of it. Decisions only; the connection acts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from realtime.mock.refusal import Refused
from realtime.mock.schema import integer, mapping, nullable, number, one_of, record, text, wrong_value
from realtime.mock.shapes import CLIENT_EVENTS
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from realtime.protocol.realtime import SERVER_EVENT_TYPES

Where = Literal["upgrade", "client", "server"]

KINDS = (
    "drop",
    "rst",
    "stall",
    "half_open",
    "delay",
    "lose",
    "double",
    "reorder",
    "garbage",
    "oversized",
    "close",
    "refuse",
    "location",
    "expire",
    "hang_up",
)
_AT_UPGRADE = ("drop", "rst", "stall", "delay", "refuse", "location")
_ONLY_THERE = ("refuse", "location")
_DOORS = ("session", "sideband", "call")
"""What matches at the upgrade."""
_SHAPE = record(
    {"fault": one_of(*KINDS), "on": one_of("upgrade", "client", "server")},
    {
        "match": nullable(record({}, {"type": text})),
        "nth": nullable(integer(1)),
        "times": nullable(integer(0)),
        "args": nullable(mapping),
    },
)
_ARGUMENTS = record(
    {},
    {
        "code": integer(1000, 4999),
        "reason": text,
        "status": integer(400, 599),
        "retryAfter": number(0, math.inf),
        "seconds": number(0, math.inf),
        "text": text,
        "bytes": integer(1, 1 << 28),
    },
)
_GARBAGE = '{"type": "response.output_text.delta", "delta'
_OVERSIZED_BYTES = 17 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of the table: strikes the ``nth`` matching frame and the ``times - 1`` after it; 0 times: all."""

    id: str
    kind: str
    on: Where
    type: str | None = None
    nth: int = 1
    times: int = 1
    args: JsonObject = field(default_factory=dict)

    def strikes(self, count: int) -> bool:
        """Whether it strikes the frame that is the ``count``-th to match."""
        return count >= self.nth and (self.times == 0 or count < self.nth + self.times)


class Faults:
    """The table of one mock. Frames of all its connections are counted together."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._matched: dict[str, int] = {}
        self._made = 0

    def add(self, spec: JsonObject) -> Fault:
        """Enter a fault as ``POST /_mock/faults`` describes it; raises ``Refused``."""
        _SHAPE(spec, "")
        args: JsonObject = spec.get("args") or {}
        _ARGUMENTS(args, "args")
        _check_place(spec["fault"], spec["on"])
        event_type = (spec.get("match") or {}).get("type")
        if event_type is not None:
            _check_match(spec["fault"], spec["on"], event_type)
        self._made += 1
        fault = Fault(
            id=f"fault_{self._made}",
            kind=spec["fault"],
            on=spec["on"],
            type=event_type,
            nth=spec.get("nth") or 1,
            times=1 if spec.get("times") is None else spec["times"],
            args=args,
        )
        self._faults[fault.id] = fault
        self._matched[fault.id] = 0
        return fault

    def remove(self, fault_id: str) -> bool:
        """Take one out; False when there is none of that id."""
        return self._faults.pop(fault_id, None) is not None

    def clear(self) -> None:
        """Take all out."""
        self._faults.clear()

    def to_json(self) -> list[JsonObject]:
        """The table for people: each fault with how many frames matched it."""
        return [
            {
                "id": fault.id,
                "fault": fault.kind,
                "on": fault.on,
                "match": {"type": fault.type} if fault.type else {},
                "nth": fault.nth,
                "times": fault.times,
                "args": fault.args,
                "matched": self._matched[fault.id],
            }
            for fault in self._faults.values()
        ]

    def strike(self, on: Where, frame: str = "") -> list[Fault]:
        """Count a frame (or an upgrade) and tell what strikes it."""
        if not self._faults:
            return []
        event_type = _type_of(frame)
        struck = []
        for fault in self._faults.values():
            if fault.on != on or (fault.type is not None and fault.type != event_type):
                continue
            self._matched[fault.id] += 1
            if fault.strikes(self._matched[fault.id]):
                struck.append(fault)
        return struck


@dataclass(frozen=True, slots=True)
class Deliver:
    """Pass this text on."""

    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing moves in this direction for so many seconds; None: never again."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Cut:
    """End the connection without a close handshake: ``drop`` (FIN), ``rst``, or leave it ``half_open``."""

    how: Literal["drop", "rst", "half_open"]


@dataclass(frozen=True, slots=True)
class CloseWith:
    """End the connection with a close handshake."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Expire:
    """The session's time is over."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """The session, and the call that it may be, is ended for all."""


Step = Deliver | Pause | Cut | CloseWith | Expire | HangUp


class FrameLine:
    """One direction of one connection: frames go in, steps come out. Keeps what is to be reordered."""

    def __init__(self) -> None:
        self._held: list[str] = []

    @property
    def holds(self) -> bool:
        """Whether a frame waits for the next one."""
        return bool(self._held)

    def steps(self, frame: str, struck: list[Fault]) -> list[Step]:
        """What to do about a frame, in order."""
        if not self._held and any(fault.kind == "reorder" for fault in struck):
            self._held.append(frame)
            return []
        copies = 1
        before: list[Step] = []
        for fault in struck:
            if fault.kind == "lose":
                copies = 0
            elif fault.kind == "double":
                copies *= 2
            elif fault.kind != "reorder":  # the frame lets the one pass that is held
                before.append(_step(fault))
        delivered: list[Step] = [Deliver(frame)] * copies
        late, self._held = self._held, []
        return [*before, *delivered, *(Deliver(text) for text in late)]


def _step(fault: Fault) -> Step:
    args = fault.args
    match fault.kind:
        case "drop":
            return Cut("drop")
        case "rst":
            return Cut("rst")
        case "half_open":
            return Cut("half_open")
        case "stall":
            return Pause(args.get("seconds"))
        case "delay":
            return Pause(args.get("seconds", 1.0))
        case "close":
            return CloseWith(args.get("code", 1011), args.get("reason", ""))
        case "garbage":
            return Deliver(args.get("text", _GARBAGE))
        case "oversized":
            return Deliver('{"type":"mock.oversized","padding":"' + "x" * args.get("bytes", _OVERSIZED_BYTES) + '"}')
        case "hang_up":
            return HangUp()
        case _:
            return Expire()


def _check_place(kind: str, on: str) -> None:
    if (on == "upgrade") != (kind in _AT_UPGRADE) and (on == "upgrade" or kind in _ONLY_THERE):
        raise Refused("invalid_value", f"Invalid value: '{kind}' cannot happen on '{on}'.", param="fault")


def _check_match(kind: str, on: str, event_type: str) -> None:
    """Raises ``Refused`` for a type that never passes there: the fault would wait in vain."""
    if on == "upgrade":
        one_of(*(("call",) if kind == "location" else _DOORS))(event_type, "match.type")
    elif event_type in (SERVER_EVENT_TYPES if on == "client" else CLIENT_EVENTS):
        raise wrong_value("match.type", f"Invalid value: the {on} never sends '{event_type}'.")


def _type_of(frame: str) -> str | None:
    try:
        name = json.decode_object(frame).get("type")
    except ValueError:
        return None
    return name if isinstance(name, str) else None
