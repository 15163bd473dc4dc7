"""What the model says aloud: at once where a voice is at hand, clause by clause where one works outside."""

from __future__ import annotations

from collections import deque

from realtime.mock.speech.clauses import clauses
from realtime.mock.speech.contracts import Hush, Order, Spoken, Synthesizer, Utter

Piece = tuple[str, bytes]
"""Words and their sound, PCM."""


class Utterance:
    """What is being said. It is ``ready`` when there is a piece to take, or no more will come."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.pieces: deque[Piece] = deque()
        self.over = False

    @property
    def ready(self) -> bool:
        """True when it is no use to wait."""
        return bool(self.pieces) or self.over

    def take(self) -> Piece | None:
        """The next piece; None at the end."""
        return self.pieces.popleft() if self.pieces else None

    def share(self, words: str) -> float:
        """How much of the whole a piece is, 0..1."""
        return len(words) / max(1, len(self.text))


class Mouth:
    """Has texts spoken. Without a synthesizer of its own it orders them."""

    def __init__(self, synthesizer: Synthesizer | None, orders: list[Order]) -> None:
        self._synthesizer = synthesizer
        self._orders = orders
        self._open: dict[str, Utterance] = {}

    def speak(self, name: str, text: str, *, voice: str, speed: float) -> Utterance:
        """Begin; ``name`` is the utterance's own."""
        utterance = Utterance(name, text)
        if self._synthesizer is not None:
            utterance.pieces.append((text, self._synthesizer.speak(text, voice=voice, speed=speed)))
            utterance.over = True
        else:
            self._open[name] = utterance
            self._orders.append(Utter(name, clauses(text), voice, speed))
        return utterance

    def told(self, report: Spoken) -> None:
        """Take a piece that was spoken outside."""
        utterance = self._open.get(report.utterance)
        if utterance is None:
            return
        if report.pcm:
            utterance.pieces.append((report.words, report.pcm))
        if report.last:
            utterance.over = True
            del self._open[report.utterance]

    def hush(self, utterance: Utterance) -> None:
        """Say no more of it."""
        utterance.pieces.clear()
        utterance.over = True
        if self._open.pop(utterance.name, None) is not None:
            self._orders.append(Hush(utterance.name))
