"""Audio arithmetic on PCM: rates, channels, frames. Pure numpy; nothing here waits or keeps time."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, gcd

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
"""PCM16. Several channels are interleaved in one row."""

_ZERO_CROSSINGS = 24
_KAISER_BETA = 9.0
_ROLL_OFF = 0.92
_MAX_PHASES = 1024
_BLOCK = 4096


class Resampler:
    """Changes the rate of a stream, a piece at a time, by a windowed sinc in a polyphase bank.

    The result does not depend on where the stream was cut into pieces, and its length after ``flush`` is
    ``round(samples * to_rate / from_rate)`` for each channel. Output lags by 24 samples of the lower
    rate (1 ms at 24 kHz). A ratio with more than 1024 phases is rounded to the nearest of them, which
    costs noise at about -85 dB.
    """

    def __init__(self, from_rate: int, to_rate: int, channels: int = 1) -> None:
        if from_rate <= 0 or to_rate <= 0 or channels <= 0:
            raise ValueError("rates and channels must be above zero")
        divisor = gcd(from_rate, to_rate)
        self._up = to_rate // divisor
        self._down = from_rate // divisor
        self._channels = channels
        self._reach = ceil(_ZERO_CROSSINGS * max(1.0, from_rate / to_rate))
        self._phases = min(self._up, _MAX_PHASES)
        self._bank = _filter_bank(self._phases, self._reach, min(1.0, to_rate / from_rate))
        self._taken = 0
        self._made = 0
        self._first = 0
        """Position in the stream of the first sample in ``_history``."""
        self._history: npt.NDArray[np.float64] = np.empty((0, channels))
        self._restart()

    def push(self, pcm: Samples) -> Samples:
        """Take the next samples, return what can be told so far; raises ``ValueError`` for half a frame."""
        if pcm.size % self._channels:
            raise ValueError(f"{pcm.size} samples are no whole frames of {self._channels} channels")
        if self._up == self._down:
            return pcm.copy()
        frames = pcm.reshape(-1, self._channels).astype(np.float64)
        self._taken += len(frames)
        self._history = np.concatenate((self._history, frames))
        last_centre = self._taken - 1 - self._reach
        return self._produce(max(self._made, (last_centre * self._up) // self._down + 1))

    def flush(self) -> Samples:
        """The rest of the stream; the next ``push`` begins a new one."""
        if self._up == self._down:
            return np.empty(0, np.int16)
        self._history = np.concatenate((self._history, np.zeros((self._reach + 1, self._channels))))
        rest = self._produce(round(Fraction(self._taken * self._up, self._down)))
        self._restart()
        return rest

    def _restart(self) -> None:
        self._taken = 0
        self._made = 0
        self._first = -self._reach
        self._history = np.zeros((self._reach, self._channels))

    def _produce(self, until: int) -> Samples:
        """Outputs from ``_made`` up to ``until``; then what no later output needs is forgotten."""
        blocks = [self._block(start, min(start + _BLOCK, until)) for start in range(self._made, until, _BLOCK)]
        self._made = max(self._made, until)
        oldest_needed = (self._made * self._down) // self._up - self._reach
        keep_from = max(0, min(oldest_needed - self._first, len(self._history)))
        self._history = self._history[keep_from:]
        self._first += keep_from
        return np.concatenate(blocks) if blocks else np.empty(0, np.int16)

    def _block(self, start: int, stop: int) -> Samples:
        """Output k stands at input position k * down / up: a whole part and a phase."""
        whole, remainder = np.divmod(np.arange(start, stop, dtype=np.int64) * self._down, self._up)
        if self._phases != self._up:
            remainder = np.rint(remainder * (self._phases / self._up)).astype(np.int64)
        windows = np.lib.stride_tricks.sliding_window_view(self._history, 2 * self._reach + 1, axis=0)
        picked = windows[whole - self._reach - self._first]
        mixed: npt.NDArray[np.float64] = np.einsum("kct,kt->kc", picked, self._bank[remainder])
        return np.clip(np.rint(mixed), -32768, 32767).astype(np.int16).reshape(-1)


def _filter_bank(phases: int, reach: int, cutoff: float) -> npt.NDArray[np.float64]:
    """A row of taps for each phase (and one for the next whole sample), each with unit gain at DC."""
    offsets = np.arange(-reach, reach + 1) - np.arange(phases + 1)[:, None] / phases
    inside = np.clip(1.0 - (offsets / (reach + 1)) ** 2, 0.0, 1.0)
    taps = np.sinc(offsets * cutoff * _ROLL_OFF) * np.i0(_KAISER_BETA * np.sqrt(inside))
    unit: npt.NDArray[np.float64] = taps / taps.sum(axis=1, keepdims=True)
    return unit


class Framer:
    """Cuts a stream into frames of equal length."""

    def __init__(self, frame_samples: int) -> None:
        if frame_samples <= 0:
            raise ValueError("a frame has at least one sample")
        self._size = frame_samples
        self._rest = np.empty(0, np.int16)

    def push(self, pcm: Samples) -> list[Samples]:
        """The frames that are complete now."""
        stream = np.concatenate((self._rest, pcm))
        whole = len(stream) // self._size * self._size
        self._rest = stream[whole:].copy()
        return [stream[start : start + self._size] for start in range(0, whole, self._size)]

    def flush(self) -> Samples | None:
        """What is left, padded with silence to a frame; None when nothing is."""
        if not len(self._rest):
            return None
        frame = np.zeros(self._size, np.int16)
        frame[: len(self._rest)] = self._rest
        self._rest = np.empty(0, np.int16)
        return frame


def downmix(pcm: Samples, channels: int) -> Samples:
    """The mean of interleaved channels; raises ``ValueError`` for half a frame."""
    if channels <= 0 or pcm.size % channels:
        raise ValueError(f"{pcm.size} samples are no whole frames of {channels} channels")
    if channels == 1:
        return pcm
    mean: npt.NDArray[np.float64] = pcm.reshape(-1, channels).mean(axis=1)
    return np.rint(mean).astype(np.int16)


def duration_ms(samples: int, sample_rate: int, channels: int = 1) -> float:
    """Duration of so many samples, all channels counted together."""
    return samples * 1000 / (sample_rate * channels)
