"""What voices have in common: their names, and sound that is made fit for the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from realtime.mock.speech.contracts import SAMPLE_RATE
from transports.audio import Resampler

_LOW = frozenset({"ash", "ballad", "cedar", "cove", "echo", "onyx", "spruce", "verse"})
_LEAST = SAMPLE_RATE // 5
_BEFORE, _AFTER = SAMPLE_RATE // 50, SAMPLE_RATE // 10
_QUIET = 300


@dataclass(frozen=True, slots=True)
class Sound:
    """PCM16, mono, as an engine made it, and what it is to be scaled by."""

    pcm: bytes
    rate: int
    scale: float = 1.0

    def finished(self) -> bytes:
        """At 24 kHz and the right level, with little silence around it; at least 0.2 s long."""
        resampler = Resampler(self.rate, SAMPLE_RATE)
        samples = np.concatenate((resampler.push(np.frombuffer(self.pcm, "<i2")), resampler.flush()))
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _QUIET)
        if len(loud):
            samples = samples[max(0, loud[0] - _BEFORE) : loud[-1] + _AFTER]
        scaled = np.rint(samples * self.scale).astype("<i2")
        return np.concatenate((scaled, np.zeros(max(0, _LEAST - len(scaled)), "<i2"))).tobytes()


class Voice(Protocol):
    """An engine that speaks; it blocks."""

    name: str

    def speak(self, text: str, *, voice: str, speed: float) -> Sound:
        """The whole text as one sound; ``voice`` is the name that a session has, ``speed`` 1.0 for normal."""
        ...


def is_low(voice: str) -> bool:
    """True for the names of the API's lower voices."""
    return voice in _LOW
