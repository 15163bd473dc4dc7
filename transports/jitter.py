"""A jitter buffer for ears that must not wait: what comes in order passes at once.

Law: packets leave in order, each once, and none waits longer than ``WAIT_S`` for one that is missing before it; what
comes after its turn is dropped and counted. A loss costs its own gap, never a lasting delay. Pure: time is an argument,
and ``poll`` wants to be called every 20 ms or so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WAIT_S: Final = 0.040
CAPACITY: Final = 64
"""Packets that are held at most; above, the missing ones are given up at once."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A packet in its turn, and how many before it never came."""

    payload: bytes
    timestamp: int
    missing: int


class JitterBuffer:
    """Holds packets back only behind a gap."""

    def __init__(self) -> None:
        self._next = 0
        self._begun = False
        self._held: dict[int, tuple[bytes, int, float]] = {}
        self.late = 0
        self.missing = 0

    def push(self, sequence: int, timestamp: int, payload: bytes, *, now: float) -> list[Delivery]:
        """Take a packet (``sequence`` unwrapped), return what can go now."""
        if not self._begun or (sequence == self._next and not self._held):
            self._begun = True
            self._next = sequence + 1
            return [Delivery(payload, timestamp, 0)]
        if sequence < self._next or sequence in self._held:
            self.late += 1
            return []
        self._held[sequence] = (payload, timestamp, now)
        return self._release(now)

    def poll(self, *, now: float) -> list[Delivery]:
        """What can go now because it was waited for long enough."""
        return self._release(now) if self._held else []

    def _release(self, now: float) -> list[Delivery]:
        ready: list[Delivery] = []
        while self._held:
            missing = 0
            if self._next not in self._held:
                oldest = min(arrived for _, _, arrived in self._held.values())
                if now < oldest + WAIT_S and len(self._held) < CAPACITY:
                    break
                following = min(self._held)
                missing = following - self._next
                self.missing += missing
                self._next = following
            payload, timestamp, _ = self._held.pop(self._next)
            ready.append(Delivery(payload, timestamp, missing))
            self._next += 1
        return ready
