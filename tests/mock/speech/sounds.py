"""Sound for tests of ears: flite's voices, and what is no speech."""

from __future__ import annotations

import subprocess
import tempfile
import wave
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.gateway.spoken import read_wav
from transports.audio import Resampler

RATE = 24_000
_QUIET = 0.03
MARGIN_MS = 200
"""Silence before and after each sentence."""
Samples = npt.NDArray[np.int16]


@cache
def spoken(text: str, voice: str = "slt") -> Samples:
    """A text in one of flite's voices, at 24 kHz, with silence around it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoken.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True, capture_output=True)
        rate, samples = read_wav(path)
    loud = np.flatnonzero(np.abs(samples) > np.abs(samples).max() * _QUIET)
    samples = samples[loud[0] : loud[-1] + 1]  # flite puts silence of its own around it
    resampler = Resampler(rate, RATE)
    voice_24k = np.concatenate((resampler.push(samples), resampler.flush()))
    return np.concatenate((silence(MARGIN_MS), voice_24k, silence(MARGIN_MS)))


def write(path: Path, *pieces: Samples) -> Path:
    """Sound as a WAV file."""
    pcm = np.concatenate(pieces).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, len(pcm), "NONE", ""))
        file.writeframes(pcm.tobytes())
    return path


def silence(ms: int) -> Samples:
    return np.zeros(RATE * ms // 1000, np.int16)


def noise(ms: int, rms: float = 1640.0, seed: int = 1) -> Samples:
    """White noise, by default at -26 dB of full scale."""
    return _pcm(np.random.default_rng(seed).normal(0.0, rms, RATE * ms // 1000))


def tones(ms: int) -> Samples:
    """Two tones together, on for 0.4 s and off for 0.2 s."""
    time = np.arange(RATE * ms // 1000) / RATE
    sines = 6000.0 * (np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 554 * time))
    return _pcm(sines * (time % 0.6 < 0.4))


def clicks(ms: int) -> Samples:
    """Five a second, each of 2 ms."""
    pcm = silence(ms)
    for start in range(0, len(pcm), RATE // 5):
        burst = noise(2, 12_000.0, seed=start)
        pcm[start : start + len(burst)] = burst[: len(pcm) - start]
    return pcm


def _pcm(level: npt.NDArray[np.float64]) -> Samples:
    return np.clip(np.rint(level), -32_768, 32_767).astype(np.int16)
