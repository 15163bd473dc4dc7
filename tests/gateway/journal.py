"""The mock's log, read: what came and went, over which connection, in order."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

BYTES_PER_MS = 48
"""Of PCM16, mono, 24 kHz."""


@dataclass(frozen=True, slots=True)
class Line:
    """A frame: ``direction`` names who sent it, ``at`` is in Unix seconds."""

    at: float
    conn: str
    direction: Literal["client", "server"]
    event: dict[str, Any]

    @property
    def kind(self) -> str:
        """The event's type."""
        return str(self.event.get("type"))

    @property
    def item(self) -> dict[str, Any]:
        """The event's item, or an empty object."""
        return self.event.get("item") or {}


@dataclass(frozen=True, slots=True)
class Log:
    """All lines of a log so far."""

    lines: Sequence[Line]

    def sent(self, kind: str) -> list[Line]:
        """What the gateway sent, of one type."""
        return [line for line in self.lines if line.direction == "client" and line.kind == kind]

    def told(self, kind: str) -> list[Line]:
        """What the mock sent, of one type."""
        return [line for line in self.lines if line.direction == "server" and line.kind == kind]

    def heard_bytes(self) -> int:
        """Audio that reached the mock."""
        return sum(len(base64.b64decode(line.event["audio"])) for line in self.sent("input_audio_buffer.append"))

    def spoken_pcm(self, item_id: str | None = None) -> bytes:
        """Audio that the mock sent: of one item, or all of it."""
        deltas = (line.event for line in self.told("response.output_audio.delta"))
        return b"".join(base64.b64decode(event["delta"]) for event in deltas if item_id in (None, event["item_id"]))


def read(path: Path) -> Log:
    """The log as it is now; a line that is being written is left out."""
    complete = path.read_text(encoding="utf-8").split("\n")[:-1]
    found = (json.loads(line) for line in complete)
    return Log([Line(each["t"], each["conn"], each["dir"], each["event"]) for each in found])
