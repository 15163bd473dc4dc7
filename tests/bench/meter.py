"""Stamps in the audio itself: when a chunk left, and so how long it took and whether it arrived."""

from __future__ import annotations

import os
import struct
import time
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

_STAMP = struct.Struct(">QQ2x")
_STAMP_CHARS = 24
_NEVER = 1 << 62


@dataclass
class Meter:
    """One direction of all sessions. Only chunks that were sent between ``begin`` and ``end`` count."""

    chunk_bytes: int
    begin: int = _NEVER
    end: int = _NEVER
    sent: int = 0
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._body = b64encode(os.urandom(self.chunk_bytes - _STAMP.size)).decode()

    def chunk(self) -> str:
        """Base64 audio that tells when it was made."""
        now = time.monotonic_ns()
        self.sent += self.begin <= now < self.end
        return b64encode(_STAMP.pack(now, self.sent)).decode() + self._body

    def arrived(self, message: str, member: str) -> None:
        """A message came whose audio is the value of this member."""
        now = time.monotonic_ns()
        start = message.find(f'"{member}":"') + len(member) + 4
        made, _ = _STAMP.unpack(b64decode(message[start : start + _STAMP_CHARS]))
        if self.begin <= made < self.end:
            self.seconds.append((now - made) / 1e9)

    def result(self) -> dict[str, float]:
        """Percentiles in ms, and what did not arrive."""
        ordered = sorted(self.seconds)
        return {
            "p50": percentile(ordered, 0.50) * 1000,
            "p99": percentile(ordered, 0.99) * 1000,
            "sent": self.sent,
            "lost": self.sent - len(ordered),
        }


def percentile(ordered: list[float], share: float) -> float:
    """Of a sorted list; not a number when it is empty."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")
