"""What the model hears and speaks with. All audio is PCM16, little-endian, mono, 24 kHz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

SAMPLE_RATE = 24_000
BYTES_PER_MS = SAMPLE_RATE * 2 // 1000


@dataclass(frozen=True, slots=True)
class Voice:
    """Speech began or ended at ``at_ms`` of all audio fed so far, without any padding."""

    change: Literal["started", "stopped"]
    at_ms: int


class VoiceDetector(Protocol):
    """Finds speech in a stream. One object serves one session."""

    def configure(self, *, threshold: float, silence_ms: int) -> None:
        """``threshold`` 0..1, higher asks for louder speech; ``silence_ms`` of quiet end an utterance."""
        ...

    def feed(self, pcm: bytes) -> Sequence[Voice]:
        """Take the next audio, of any even length; returns what changed, in order."""
        ...

    def reset(self) -> None:
        """Forget that someone is speaking; the count of audio goes on."""
        ...


class Recognizer(Protocol):
    """Turns an utterance into words. One object serves one session."""

    def hear(self, pcm: bytes, *, instructions: str) -> str:
        """The words of one spoken turn; ``instructions`` are the session's."""
        ...


class Synthesizer(Protocol):
    """Turns words into sound."""

    def speak(self, text: str, *, voice: str, speed: float) -> bytes:
        """The whole of it, at least 0.2 s long; the same arguments give the same sound."""
        ...


@dataclass(frozen=True, slots=True)
class Speech:
    """The three together, as one session has them."""

    detector: VoiceDetector
    recognizer: Recognizer
    synthesizer: Synthesizer
