"""The process that recognises for one session. It is told ``hear`` (turn, last; sound) and ``forget`` (turn).

It answers ``ready`` once, then ``heard`` (turn, text, last). Sound comes as PCM16, mono, 24 kHz. An argument
names the folder with the operator's model; without one it is pocketsphinx that listens.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from realtime.errors import ConfigurationError
from realtime.mock.speech.contracts import HEARING_RATE, SAMPLE_RATE, Listener
from realtime.mock.speech.model_folder import recognition_model
from realtime.mock.speech.pause import Pause
from realtime.mock.speech.pipe import ChildEnd
from transports.audio import Resampler, Samples

_NICENESS = 2
"""The gateway's loop comes first: it carries the sound of all sessions."""
_PARTIAL_MS = 300
_MARGIN = bytes(200 * SAMPLE_RATE // 1000 * 2)
"""Silence around a turn that comes in one piece: it may have been cut closely, and the decoder needs a start."""


class Turns:
    """Feeds turns to the listener, one at a time.

    A turn is thought over as soon as it grows quiet, well before its end is sure; should it go on after all,
    it is heard once more from its beginning.
    """

    def __init__(self, end: ChildEnd, listener: Listener) -> None:
        self._end = end
        self._listener = listener
        self._resampler = Resampler(SAMPLE_RATE, HEARING_RATE)
        self._pause = Pause()
        self._sound = bytearray()
        self._early: str | None = None
        """The words, should nothing follow."""
        self._turn: str | None = None
        self._unasked = 0
        self._told = ""

    def hear(self, turn: str, pcm: bytes, *, last: bool) -> None:
        """The next sound of a turn."""
        if turn != self._turn:
            self.forget()
            self._turn, self._told, self._unasked, self._early = turn, "", 0, None
            self._pause = Pause()
            self._sound.clear()
            self._listener.begin()
            pcm = _MARGIN + pcm + _MARGIN if last else pcm
        self._listen(self._resampler.push(np.frombuffer(pcm, "<i2")))
        if last:
            self._resampler.flush()
            self._turn = None
            text = self._listener.end() if self._early is None else self._early
            self._end.send({"type": "heard", "turn": turn, "text": text, "last": True})
            return
        if self._early is not None:
            return
        if self._pause.long:
            self._early = self._listener.end()
            return
        self._unasked += len(pcm)
        if self._unasked >= _PARTIAL_MS * SAMPLE_RATE * 2 // 1000:
            self._unasked = 0
            self._tell(turn, self._listener.words())

    def forget(self) -> None:
        """The turn that is being heard is none."""
        if self._turn is not None:
            self._turn = None
            self._resampler.flush()
            if self._early is None:
                self._listener.drop()

    def _listen(self, samples: Samples) -> None:
        pcm = samples.tobytes()
        self._sound += pcm
        self._pause.feed(samples)
        if self._early is None:
            self._listener.feed(pcm)
        elif not self._pause.quiet:
            self._early = None
            self._pause.broken()
            self._listener.begin()
            self._listener.feed(bytes(self._sound))

    def _tell(self, turn: str, words: str) -> None:
        if words != self._told:
            self._told = words
            self._end.send({"type": "heard", "turn": turn, "text": words, "last": False})


def listener(*arguments: str) -> Listener:
    """Loads the one engine that is wanted; leaves with a line on stderr when it does not take the folder's model."""
    if not arguments:
        from realtime.mock.speech.sphinx import PhraseListener

        return PhraseListener()
    from realtime.mock.speech.sherpa import ModelListener

    try:
        return ModelListener(recognition_model(Path(arguments[0])))
    except (ConfigurationError, RuntimeError, ValueError) as error:
        sys.exit(f"the recogniser's model does not load: {error}")


def main() -> None:
    """Until the parent has gone."""
    end = ChildEnd()
    os.nice(_NICENESS)
    turns = Turns(end, listener(*sys.argv[1:]))
    end.send({"type": "ready"})
    for head, sound in end.messages():
        if head["type"] == "hear":
            turns.hear(head["turn"], sound, last=head["last"])
        else:
            turns.forget()


if __name__ == "__main__":
    main()
