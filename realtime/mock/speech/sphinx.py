"""Recognition by pocketsphinx, with the model of US English that its package holds. Runs in a child process.

Two decoders listen side by side: an open one, and one that knows the phrases of the demonstration only. That
one always finds some phrase, so what it finds is taken only where the open one has heard much the same.
"""

from __future__ import annotations

import os
from difflib import SequenceMatcher
from importlib.resources import as_file, files
from itertools import takewhile

from pocketsphinx import Decoder

from realtime.mock.speech.contracts import HEARING_RATE

_QUIET = {"samprate": HEARING_RATE, "loglevel": "FATAL", "logfn": os.devnull}
_BOUNDED = {"maxhmmpf": 3000, "maxwpf": 20}
"""How many guesses the open decoder follows at a time: halves its cost for hardly a word more that is wrong."""
_GUIDED = {"lm": None, "bestpath": False, "fwdflat": False}
"""A phrase of the grammar needs no second look at it."""
_ALIKE = 0.5
_SURE = 0.33
"""How likely the phrase must sound at least, as pocketsphinx has it; out of the grammar it is mostly below."""


class PhraseListener:
    """A ``Listener`` of US English."""

    def __init__(self) -> None:
        self._open = Decoder(**_QUIET, **_BOUNDED)
        with as_file(files("realtime.mock.speech").joinpath("demo.gram")) as grammar:
            self._guided = Decoder(jsgf=str(grammar), **_QUIET, **_GUIDED)
        self._certain: list[str] = []
        self._before: list[str] = []

    def begin(self) -> None:
        """A turn begins."""
        self._certain, self._before = [], []
        self._open.start_utt()
        self._guided.start_utt()

    def feed(self, pcm: bytes) -> None:
        """The turn's next sound: PCM16, mono, at ``HEARING_RATE``."""
        if pcm:
            self._open.process_raw(pcm, False, False)
            self._guided.process_raw(pcm, False, False)

    def words(self) -> str:
        """The words that are certain by now: heard twice alike, the newest left out. They only grow."""
        now = self._heard().split()[:-1]
        agreed = [word for word, _ in takewhile(_same, zip(self._before, now, strict=False))]
        self._before = now
        if agreed[: len(self._certain)] == self._certain:
            self._certain = agreed
        return " ".join(self._certain)

    def end(self) -> str:
        """All words of the turn; it is over."""
        self._open.end_utt()
        self._guided.end_utt()
        return self._heard()

    def drop(self) -> None:
        """The turn was none."""
        self._open.end_utt()
        self._guided.end_utt()

    def _heard(self) -> str:
        heard, guided = self._open.hyp(), self._guided.hyp()
        words = heard.hypstr if heard is not None else ""
        if guided is not None and guided.score >= _SURE and alike(words, guided.hypstr) >= _ALIKE:
            return str(guided.hypstr)
        return str(words)


def _same(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1]


def alike(one: str, other: str) -> float:
    """The share of words that two texts have in common, in their order: 0..1."""
    ours, theirs = one.split(), other.split()
    matches = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return 2 * sum(match.size for match in matches) / max(1, len(ours) + len(theirs))
