"""Bounded, ordered ways out."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from realtime.errors import Overloaded


@dataclass(frozen=True, slots=True)
class _Entry:
    number: int
    text: str
    duration_ms: float


class UpstreamOutbox:
    """Two lanes to the upstream, one order.

    Control never gets lost: when its lane is full, ``put`` raises ``Overloaded``. Audio is bounded by
    duration: when full, the oldest chunk goes, since late speech is worse than lost speech. What
    enters either lane is numbered together and leaves lowest number first, so a commit never
    overtakes the audio before it.
    """

    def __init__(self, *, audio_ms: float = 1000.0, control: int = 256) -> None:
        self._audio: deque[_Entry] = deque()
        self._control: deque[_Entry] = deque()
        self._audio_limit = audio_ms
        self._control_limit = control
        self._audio_ms = 0.0
        self._number = 0
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self.dropped = 0
        """Chunks dropped so far."""

    def put(self, text: str) -> None:
        """Queue a control message."""
        if len(self._control) >= self._control_limit:
            raise Overloaded("too many events wait for the upstream")
        self._control.append(self._entry(text, 0.0))
        self._wake()

    def put_audio(self, text: str, duration_ms: float) -> int:
        """Queue a chunk; returns how many older ones were dropped to make room."""
        self._audio.append(self._entry(text, duration_ms))
        self._audio_ms += duration_ms
        dropped = 0
        while self._audio_ms > self._audio_limit and len(self._audio) > 1:
            self._audio_ms -= self._audio.popleft().duration_ms
            dropped += 1
        self.dropped += dropped
        self._wake()
        return dropped

    def close(self) -> None:
        """No more comes: ``get`` returns None once what is queued has left."""
        self._closed = True
        self._wake()

    def drop_audio(self) -> None:
        """Forget queued audio."""
        self._audio.clear()
        self._audio_ms = 0.0

    def __len__(self) -> int:
        return len(self._audio) + len(self._control)

    async def get(self) -> str | None:
        """The next message, waiting for one; None after ``close``. For one consumer."""
        while True:
            entry = self._next()
            if entry is not None:
                return entry.text
            if self._closed:
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _next(self) -> _Entry | None:
        if self._audio and (not self._control or self._audio[0].number < self._control[0].number):
            entry = self._audio.popleft()
            self._audio_ms -= entry.duration_ms
            return entry
        return self._control.popleft() if self._control else None

    def _entry(self, text: str, duration_ms: float) -> _Entry:
        self._number += 1
        return _Entry(self._number, text, duration_ms)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
