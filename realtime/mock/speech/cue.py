"""A fast cue that somebody may have begun to speak: the sound has grown louder than the background."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

WINDOW = 512
WINDOW_MS = 32
"""The windows in which sound comes: 512 samples at 16 kHz."""
_BLOCK_MS = 8
_BLOCKS = WINDOW_MS // _BLOCK_MS
_LEAST_LEVEL = 40.0
_TIMES_LOUDER = 2.5
_GAP_MS = 96
_LOOK_BACK_MS = 480
_FLOOR_FALLS = 0.3
_FLOOR_RISES = 0.01


class LoudnessCue:
    """Follows the background's level in blocks of 8 ms: quickly down, slowly up.

    ``since_ms`` is where the sound grew louder than it, while it is so; gaps below 0.1 s do not end that,
    and it never lies further back than 0.5 s.
    """

    def __init__(self) -> None:
        self._floor = _LEAST_LEVEL
        self._since_ms: int | None = None
        self._last_loud_ms = 0
        self._now_ms = 0

    @property
    def since_ms(self) -> int | None:
        """None while it is as quiet as before."""
        return None if self._since_ms is None else max(self._since_ms, self._now_ms - _LOOK_BACK_MS)

    def feed(self, window: npt.NDArray[np.int16], start_ms: int) -> None:
        """Take the window that begins at ``start_ms``."""
        blocks = window.reshape(_BLOCKS, -1).astype(np.float32)
        levels = np.sqrt(np.einsum("ij,ij->i", blocks, blocks) / blocks.shape[1])
        for number, level in enumerate(levels.tolist()):
            self._block(level, start_ms + number * _BLOCK_MS)

    def reset(self) -> None:
        """What is loud now began now."""
        self._since_ms = None

    def _block(self, level: float, start_ms: int) -> None:
        self._now_ms = start_ms + _BLOCK_MS
        if level > max(_LEAST_LEVEL, self._floor * _TIMES_LOUDER):
            self._last_loud_ms = self._now_ms
            if self._since_ms is None:
                self._since_ms = start_ms
        elif self._since_ms is not None and self._now_ms - self._last_loud_ms > _GAP_MS:
            self._since_ms = None
        share = _FLOOR_FALLS if level < self._floor else _FLOOR_RISES
        self._floor += (level - self._floor) * share
