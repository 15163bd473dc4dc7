"""Tones, and how clean they come out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def tone(frequency: float, seconds: float, rate: int, level: float = 0.35) -> npt.NDArray[np.int16]:
    """PCM16 of a sine."""
    time = np.arange(int(seconds * rate)) / rate
    return np.rint(np.sin(2 * np.pi * frequency * time) * level * 32767).astype(np.int16)


def residue(samples: npt.NDArray[np.int16], frequency: float, rate: int) -> tuple[npt.NDArray[np.float64], float]:
    """What is left when the sine of that frequency, whatever its phase, is taken out; and that sine's power."""
    heard = samples.astype(np.float64)
    time = np.arange(len(heard)) / rate
    basis = np.stack([np.sin(2 * np.pi * frequency * time), np.cos(2 * np.pi * frequency * time)], axis=1)
    parts, *_ = np.linalg.lstsq(basis, heard, rcond=None)
    pure = basis @ parts
    return heard - pure, float(np.mean(pure**2))


def snr(samples: npt.NDArray[np.int16], frequency: float, rate: int) -> float:
    """The tone's power over everything else's, in dB."""
    rest, power = residue(samples, frequency, rate)
    return float(10 * np.log10(power / np.mean(rest**2)))
