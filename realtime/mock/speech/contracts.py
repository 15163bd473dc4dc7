"""What the model hears and speaks with. All audio is PCM16, little-endian, mono, 24 kHz.

Hearing and speaking either happen at once, inside the model (``Recognizer``, ``Synthesizer``), or outside it,
by engines that take their time: then the model gives orders and is told reports.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

SAMPLE_RATE = 24_000
BYTES_PER_MS = SAMPLE_RATE * 2 // 1000
HEARING_RATE = 16_000
"""What speech recognition takes; a child converts to it."""


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


class Listener(Protocol):
    """Hears one turn after another, in a child process: ``begin``, ``feed`` and ``words`` at will, then ``end``."""

    def begin(self) -> None:
        """A turn begins."""
        ...

    def feed(self, pcm: bytes) -> None:
        """The turn's next sound: PCM16, mono, at ``HEARING_RATE``."""
        ...

    def words(self) -> str:
        """The words that are certain by now. They only grow."""
        ...

    def end(self) -> str:
        """All words of the turn; it is over."""
        ...

    def drop(self) -> None:
        """The turn was none; it is over, and nobody wants its words."""
        ...


class Synthesizer(Protocol):
    """Turns words into sound."""

    def speak(self, text: str, *, voice: str, speed: float) -> bytes:
        """The whole of it, at least 0.2 s long; the same arguments give the same sound."""
        ...


@dataclass(frozen=True, slots=True)
class Speech:
    """The three together, as one session has them; None: it is done outside, by orders."""

    detector: VoiceDetector
    recognizer: Recognizer | None
    synthesizer: Synthesizer | None


@dataclass(frozen=True, slots=True)
class Hear:
    """The next sound of a spoken turn; its words are wanted, the final ones after the ``last`` sound."""

    turn: str
    pcm: bytes
    last: bool


@dataclass(frozen=True, slots=True)
class Forget:
    """The words of a turn are not wanted any more. Its id may come again, for a new beginning."""

    turn: str


@dataclass(frozen=True, slots=True)
class Utter:
    """Something to be said aloud, clause by clause."""

    utterance: str
    clauses: tuple[str, ...]
    voice: str
    speed: float


@dataclass(frozen=True, slots=True)
class Hush:
    """What is not yet said of an utterance is not wanted any more."""

    utterance: str


Order = Hear | Forget | Utter | Hush


@dataclass(frozen=True, slots=True)
class Heard:
    """All words of a turn that are certain by now; ``last``: all of it."""

    turn: str
    text: str
    last: bool


@dataclass(frozen=True, slots=True)
class Unheard:
    """A turn whose words are lost, and why, in a text for the client."""

    turn: str
    reason: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """The next clause of an utterance, as its words and their sound; ``last``: no more comes."""

    utterance: str
    words: str
    pcm: bytes
    last: bool


Report = Heard | Unheard | Spoken


class Engines(Protocol):
    """Ears and mouth outside one session's model."""

    @property
    def speech(self) -> Speech:
        """What the model itself does; the rest is ordered."""
        ...

    def take(self, order: Order) -> None:
        """Take an order; never waits. Each turn gets one last report, unless it is to be forgotten."""
        ...

    async def run(self, tell: Callable[[Report], Awaitable[None]]) -> None:
        """Carry the orders out until cancelled."""
        ...
