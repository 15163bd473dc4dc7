"""The guess that a turn is over, and what becomes of it when it was wrong."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.mock.speech.listening_child import Turns
from realtime.mock.speech.pause import Pause
from realtime.mock.speech.pipe import ChildEnd
from realtime.mock.speech.sphinx import PhraseListener
from realtime.protocol.json import JsonObject
from tests.mock.speech.sentences import INSIDE
from tests.mock.speech.sounds import RATE, Samples, noise, silence, spoken

PIECE = RATE // 10


def at_16k(pcm: Samples) -> Samples:
    return pcm[: len(pcm) // 3 * 3].reshape(-1, 3)[:, :2].reshape(-1)


def test_quiet_after_something_loud_may_be_the_end() -> None:
    pause = Pause()
    pause.feed(at_16k(silence(600)))
    assert not pause.long, "nothing was said yet"
    pause.feed(at_16k(noise(400)))
    assert not pause.quiet
    pause.feed(at_16k(silence(200)))
    assert pause.quiet
    assert not pause.long
    pause.feed(at_16k(silence(80)))
    assert pause.long


def test_a_turn_of_many_pauses_is_guessed_at_no_more() -> None:
    pause = Pause()
    for expected in (True, True, False):
        pause.feed(at_16k(np.concatenate((noise(300), silence(400)))))
        assert pause.long is expected
        pause.broken()


class Told(ChildEnd):
    """The pipes, kept in memory."""

    def __init__(self) -> None:
        self.heads: list[JsonObject] = []

    def send(self, head: JsonObject, sound: bytes = b"") -> None:
        self.heads.append(head)


@pytest.mark.needs("flite")
def test_a_turn_that_goes_on_after_a_pause_is_heard_as_a_whole() -> None:
    told = Told()
    turns = Turns(told, PhraseListener())
    first, rest = spoken("ask the agent"), spoken("what seventeen times twenty three is")
    sound = np.concatenate((first, silence(200), rest, silence(300)))
    pieces = [sound[start : start + PIECE].astype("<i2").tobytes() for start in range(0, len(sound), PIECE)]
    for number, piece in enumerate(pieces):
        turns.hear("turn", piece, last=number == len(pieces) - 1)
    assert told.heads[-1] == {"type": "heard", "turn": "turn", "text": INSIDE[0], "last": True}
    turns.hear("other", b"".join(pieces), last=True)
    assert told.heads[-1]["text"] == INSIDE[0]
