"""A voice of tones: a note for each word, as long as the word."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from realtime.mock.speech.contracts import SAMPLE_RATE

_MS_PER_CHARACTER = 60
_LEAST_MS = 200
_AMPLITUDE = 6000.0
_FADE = SAMPLE_RATE // 100


class ToneVoice:
    """60 ms a character; pitch follows word and voice. RMS about 4000 of 32768, whatever the text."""

    def speak(self, text: str, *, voice: str, speed: float) -> bytes:
        """The notes one after the other."""
        words = text.split() or [""]
        total = max(_LEAST_MS, len(text) * _MS_PER_CHARACTER / speed)
        share = total / sum(len(word) + 1 for word in words)
        notes = [_note(f"{voice} {word}", (len(word) + 1) * share) for word in words]
        return np.concatenate(notes).astype("<i2").tobytes()


def _note(seed: str, duration_ms: float) -> npt.NDArray[np.floating]:
    length = max(1, round(duration_ms * SAMPLE_RATE / 1000))
    pitch = 220.0 + hashlib.blake2b(seed.encode(), digest_size=1).digest()[0]
    phase: npt.NDArray[np.floating] = np.arange(length) * (2 * np.pi * pitch / SAMPLE_RATE)
    wave: npt.NDArray[np.floating] = _AMPLITUDE * np.sin(phase)
    fade = min(_FADE, length // 2)
    wave[:fade] *= np.linspace(0.0, 1.0, fade)
    wave[length - fade :] *= np.linspace(1.0, 0.0, fade)
    return wave
