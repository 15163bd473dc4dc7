"""What waits to be spoken: audio in order under its tags, taken a frame at a time.

Law: a frame is made of whatever waits, across tags and pieces, so that pieces join without a seam; only where nothing
follows it is filled up with silence. Pure.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from transports.opus import FRAME_BYTES, SILENCE
from transports.peer import SAMPLE_RATE

_BYTES_A_SECOND: Final = SAMPLE_RATE * 2
_REMEMBERED: Final = 64
"""Tags whose position is kept after they were sent."""


class Playout:
    """A bounded queue of PCM16."""

    def __init__(self, seconds: float) -> None:
        self._limit = int(seconds * _BYTES_A_SECOND)
        self._pieces: deque[tuple[str, memoryview]] = deque()
        self._size = 0
        self._waiting: dict[str, int] = {}
        self._sent: OrderedDict[str, int] = OrderedDict()

    @property
    def waiting_ms(self) -> int:
        """Milliseconds that were not taken yet."""
        return self._size * 1000 // _BYTES_A_SECOND

    def put(self, pcm: bytes, tag: str) -> bool:
        """Queue; False, and nothing is taken, above the bound. Raises ``ValueError`` for half a sample."""
        if len(pcm) % 2:
            raise ValueError("half a sample")
        if self._size + len(pcm) > self._limit:
            return False
        if pcm:
            self._pieces.append((tag, memoryview(pcm)))
            self._size += len(pcm)
            self._waiting[tag] = self._waiting.get(tag, 0) + len(pcm)
        return True

    def drop(self, tag: str | None) -> None:
        """Forget what waits, of one tag or of all."""
        if tag is None:
            self._pieces.clear()
            self._waiting.clear()
            self._size = 0
        elif tag in self._waiting:
            self._pieces = deque(piece for piece in self._pieces if piece[0] != tag)
            self._size -= self._waiting.pop(tag)

    def take(self) -> tuple[bytes, list[str]]:
        """The next frame, and the tags of which it holds the last that waits."""
        if not self._pieces:
            return SILENCE, []
        tag, piece = self._pieces[0]
        if len(piece) > FRAME_BYTES:
            self._pieces[0] = (tag, piece[FRAME_BYTES:])
            self._count(tag, FRAME_BYTES)
            return bytes(piece[:FRAME_BYTES]), []
        frame = bytearray()
        finished: list[str] = []
        while self._pieces and len(frame) < FRAME_BYTES:
            tag, piece = self._pieces.popleft()
            part = piece[: FRAME_BYTES - len(frame)]
            frame += part
            if len(part) < len(piece):
                self._pieces.appendleft((tag, piece[len(part) :]))
            if self._count(tag, len(part)):
                finished.append(tag)
        return bytes(frame.ljust(FRAME_BYTES, b"\0")), finished

    def _count(self, tag: str, size: int) -> bool:
        """So much of a tag goes; True when it was the last of it."""
        self._size -= size
        self._sent[tag] = self._sent.get(tag, 0) + size
        self._sent.move_to_end(tag)
        if len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)
        self._waiting[tag] -= size
        if self._waiting[tag]:
            return False
        del self._waiting[tag]
        return True

    def position(self) -> tuple[str, int] | None:
        """The tag that went last, and how many milliseconds of it in all."""
        if not self._sent:
            return None
        tag = next(reversed(self._sent))
        return tag, self._sent[tag] * 1000 // _BYTES_A_SECOND
