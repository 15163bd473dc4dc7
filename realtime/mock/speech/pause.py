"""A guess that a turn is over, long before that is sure: it has grown quiet after something was loud."""

from __future__ import annotations

import numpy as np

from transports.audio import Samples

_RATE = 16_000
_BLOCK = _RATE * 20 // 1000
_QUIET_SHARE = 0.06
_LEAST_PEAK = 150.0
_LONG_MS = 240
_MOST_BROKEN = 2
_MOST_MS = 15_000


class Pause:
    """``quiet`` while nothing is said, ``long`` when that may be the end of the turn.

    A turn of many pauses, or a long one, is no longer guessed at: each wrong guess costs hearing it again.
    """

    def __init__(self) -> None:
        self._rest = np.empty(0, np.int16)
        self._peak = 0.0
        self._quiet_ms = 0
        self._heard_ms = 0
        self._broken = 0

    @property
    def quiet(self) -> bool:
        """True after at least 20 ms far below what was loudest."""
        return self._quiet_ms > 0

    @property
    def long(self) -> bool:
        """True when the turn may be thought over."""
        guessing = self._broken < _MOST_BROKEN and self._heard_ms <= _MOST_MS
        return guessing and self._peak >= _LEAST_PEAK and self._quiet_ms >= _LONG_MS

    def broken(self) -> None:
        """It was none: the turn has gone on."""
        self._broken += 1

    def feed(self, samples: Samples) -> None:
        """The turn's next sound, 16 kHz."""
        stream = np.concatenate((self._rest, samples))
        whole = len(stream) // _BLOCK * _BLOCK
        self._rest = stream[whole:].copy()
        blocks = stream[:whole].reshape(-1, _BLOCK).astype(np.float32)
        levels = np.sqrt(np.mean(blocks * blocks, axis=1)) if len(blocks) else np.empty(0, np.float32)
        for level in levels.tolist():
            self._peak = max(self._peak, level)
            self._quiet_ms = self._quiet_ms + 20 if level < self._peak * _QUIET_SHARE else 0
            self._heard_ms += 20
