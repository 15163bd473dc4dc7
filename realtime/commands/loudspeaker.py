"""What waits to be played, between the loop of the call and the thread of a sound device.

Law: what the device took was heard, and nothing else. A device that wants more than there is gets silence, which
belongs to no item.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from realtime.commands.sound import OUT_RATE, SAMPLE_BYTES, pcm_of
from realtime.protocol.json import JsonObject

WAITING_S = 300
"""So much may wait; an upstream that sends more at once is not heard beyond it."""
KEPT_ITEMS = 64
"""Items whose position is known; older ones have long been heard."""


class Loudspeaker:
    """An ear (see ``sound``) whose clock is the device's. ``wanted`` is called by the device, all else by the loop."""

    def __init__(self, clock: Callable[[], float], *, keeps: bool) -> None:
        """``keeps``: ``pcm`` is wanted at the end, so what was played stays in memory."""
        self._clock = clock
        # the one place of a call that two threads share; neither holds it for longer than a block takes
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str | None, bytes]] = deque()
        self._waiting_bytes = 0
        self._played: dict[str, int] = {}
        self._played_bytes = 0
        self._kept: bytearray | None = bytearray() if keeps else None

    def receive(self, audio: JsonObject, *, now: float) -> None:
        """Queue a chunk; what finds no room any more is left out."""
        pcm = pcm_of(audio)[: WAITING_S * OUT_RATE * SAMPLE_BYTES - self._waiting_bytes]
        pcm = pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES]
        if not pcm:
            return
        item_id = audio.get("itemId")
        with self._lock:
            self._waiting.append((item_id, pcm))
            self._waiting_bytes += len(pcm)
            if item_id is not None:
                # known with nothing of it played: a barge-in before its first frame is told as that
                self._played.setdefault(item_id, 0)
                while len(self._played) > KEPT_ITEMS:
                    del self._played[next(iter(self._played))]

    def flush(self, *, now: float) -> None:
        """Drop what the device has not taken."""
        with self._lock:
            self._waiting.clear()
            self._waiting_bytes = 0

    def wanted(self, frames: int) -> bytes:
        """The next frames, filled up with silence."""
        block = bytearray()
        size = frames * SAMPLE_BYTES
        with self._lock:
            while self._waiting and len(block) < size:
                item_id, pcm = self._waiting.popleft()
                taken, rest = pcm[: size - len(block)], pcm[size - len(block) :]
                if rest:
                    self._waiting.appendleft((item_id, rest))
                block += taken
                if item_id in self._played:
                    self._played[item_id] += len(taken)
            self._waiting_bytes -= len(block)
            self._played_bytes += len(block)
            if self._kept is not None:
                self._kept += block
        return bytes(block).ljust(size, b"\0")

    def ends_at(self) -> float:
        """When all will have been heard."""
        return self._clock() + self._waiting_bytes / (SAMPLE_BYTES * OUT_RATE) if self._waiting_bytes else 0.0

    def heard(self, *, now: float) -> list[tuple[str, int]]:
        """Every item that is known, and how many of its milliseconds the device took."""
        with self._lock:
            return [(item_id, _milliseconds(played)) for item_id, played in self._played.items()]

    def pcm(self) -> bytes:
        """Everything that was played, without the silence between; "" unless it was to be kept."""
        return bytes(self._kept or b"")

    def duration_ms(self) -> int:
        """How long was played."""
        return _milliseconds(self._played_bytes)


def _milliseconds(size: int) -> int:
    return size * 1000 // (SAMPLE_BYTES * OUT_RATE)
