"""Real speech for tests: sentences spoken by a tool of the machine, as WAV files."""

from __future__ import annotations

import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from transports.audio import Resampler

RATE = 16_000
WINDOW_MS = 10
LEAST_SHARE = 0.05

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A WAV file of 16 kHz, mono, and where its speech begins and ends, found by its energy."""

    path: Path
    samples: Samples

    @property
    def duration_ms(self) -> float:
        """Length of the file."""
        return len(self.samples) * 1000 / RATE

    @property
    def onset_ms(self) -> int:
        """Where the first window begins that is not quiet."""
        return int(self._loud()[0]) * WINDOW_MS

    @property
    def end_ms(self) -> int:
        """Where the last window ends that is not quiet."""
        return (int(self._loud()[-1]) + 1) * WINDOW_MS

    def frames(self, ms: int = 20) -> list[bytes]:
        """The file in pieces of so many milliseconds."""
        pcm, size = self.samples.astype("<i2").tobytes(), RATE * ms // 1000 * 2
        return [pcm[start : start + size] for start in range(0, len(pcm), size)]

    def _loud(self) -> npt.NDArray[np.intp]:
        width = RATE * WINDOW_MS // 1000
        windows = self.samples[: len(self.samples) // width * width].reshape(-1, width)
        levels = _rms(windows)
        return np.flatnonzero(levels > LEAST_SHARE * levels.max())


def speak(tool: str, text: str, path: Path, *, lead_s: float = 0.4, tail_s: float = 1.0) -> Sentence:
    """Have ``flite`` or ``espeak-ng`` say a text, with silence around it, and write it to ``path``."""
    raw = path.with_suffix(".raw.wav")
    arguments = {"flite": ["-t", text, "-o", str(raw)], "espeak-ng": ["-w", str(raw), text]}[tool]
    subprocess.run([tool, *arguments], check=True, capture_output=True)
    rate, voice = read_wav(raw)
    at_16k = Resampler(rate, RATE).push(voice)
    around = [np.zeros(int(RATE * seconds), dtype=np.int16) for seconds in (lead_s, tail_s)]
    samples = np.concatenate([around[0], _trimmed(at_16k.astype(np.int16)), around[1]])
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, len(samples), "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return Sentence(path, samples)


def read_wav(path: Path) -> tuple[int, Samples]:
    """Rate and samples of a mono WAV file of 16 bits; a streamed header's length is not trusted."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)


def loudness(pcm: bytes) -> float:
    """RMS of PCM16."""
    return float(_rms(np.frombuffer(pcm, dtype="<i2")[None, :])[0])


def _rms(windows: Samples) -> npt.NDArray[np.float64]:
    levels: npt.NDArray[np.float64] = np.sqrt(np.mean(windows.astype(np.float64) ** 2, axis=1))
    return levels


def _trimmed(samples: Samples) -> Samples:
    """Without the silence that the tool itself puts around its speech."""
    loud = np.flatnonzero(np.abs(samples) > np.abs(samples).max() * LEAST_SHARE)
    return samples[loud[0] : loud[-1] + 1]
