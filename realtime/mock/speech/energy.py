"""Voice detection by loudness."""

from __future__ import annotations

import numpy as np

from realtime.mock.speech.contracts import SAMPLE_RATE, Voice

_FRAME_MS = 10
_FRAME = SAMPLE_RATE * _FRAME_MS // 1000
_ONSET_FRAMES = 3
_LEVEL_AT_ONE = 500.0
_LEAST_LEVEL = 20.0
_CERTAIN = 0.99
"""Sums of squares in another order differ by less than what is left to one."""


class EnergyDetector:
    """Speech is what is louder than a level for 30 ms on end.

    The level is an RMS value of ``threshold * 500`` (of 32768), so 250 at the default threshold of 0.5. An
    onset is told where the loud run began, an end where the last loud frame ended.
    """

    def __init__(self) -> None:
        self._level = _LEVEL_AT_ONE / 2
        self._silence_frames = 50
        self._rest = b""
        self._frames = 0
        self._loud_run = 0
        self._speaking = False
        self._last_loud = 0

    def configure(self, *, threshold: float, silence_ms: int) -> None:
        """Takes effect from the next frame on."""
        self._level = max(_LEAST_LEVEL, threshold * _LEVEL_AT_ONE)
        self._silence_frames = max(1, silence_ms // _FRAME_MS)

    def feed(self, pcm: bytes) -> list[Voice]:
        """Look at the whole frames; what is left over waits for the next chunk."""
        data = self._rest + pcm if self._rest else pcm
        if left := len(data) % (_FRAME * 2):
            data, self._rest = data[:-left], data[-left:]
        else:
            self._rest = b""
        samples = np.frombuffer(data, dtype="<i2").astype(np.float32)
        energy = self._level * self._level * _FRAME
        # When all together is not as loud as one loud frame, none of them is: the common case, at a fifth of the price.
        silent = float(samples.dot(samples)) < energy * _CERTAIN
        if silent and not self._speaking and not self._loud_run:
            self._frames += len(samples) // _FRAME
            return []
        frames = samples.reshape(-1, _FRAME)
        loud = (np.einsum("ij,ij->i", frames, frames) > energy).tolist()
        return [change for frame in loud if (change := self._frame(frame)) is not None]

    def reset(self) -> None:
        """Silence until the next onset."""
        self._speaking = False
        self._loud_run = 0

    def _frame(self, loud: bool) -> Voice | None:
        self._frames += 1
        self._loud_run = self._loud_run + 1 if loud else 0
        if loud:
            self._last_loud = self._frames
        if not self._speaking and self._loud_run == _ONSET_FRAMES:
            self._speaking = True
            return Voice("started", (self._frames - _ONSET_FRAMES) * _FRAME_MS)
        if self._speaking and self._frames - self._last_loud >= self._silence_frames:
            self._speaking = False
            return Voice("stopped", self._last_loud * _FRAME_MS)
        return None
