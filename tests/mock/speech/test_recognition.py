"""Recognition: how many words it gets right, in the demonstration's phrases and outside of them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from itertools import pairwise, product

import numpy as np
import pytest
from pocketsphinx import FsgModel, Jsgf, LogMath

from realtime.mock.speech.contracts import HEARING_RATE as RATE
from realtime.mock.speech.sphinx import PhraseListener, alike
from tests.mock.speech.sentences import INSIDE, OUTSIDE, VOICES, error_rate, wrong_words
from tests.mock.speech.sounds import RATE as SOUND_RATE
from tests.mock.speech.sounds import spoken
from transports.audio import Resampler

BLOCK = RATE // 10 * 2


@pytest.fixture(scope="module")
def listener() -> PhraseListener:
    return PhraseListener()


@pytest.fixture(scope="module")
def grammar() -> FsgModel:
    with as_file(files("realtime.mock.speech").joinpath("demo.gram")) as path:
        phrases = Jsgf(str(path))
        return phrases.build_fsg(phrases.get_rule("demo.utterance"), LogMath(), 1.0)


def hear(listener: PhraseListener, text: str, voice: str) -> tuple[str, list[str]]:
    """What is understood of a sentence in the end, and what was certain while it was spoken."""
    resampler, sound = Resampler(SOUND_RATE, RATE), spoken(text, voice)
    pcm = np.concatenate((resampler.push(sound), resampler.flush())).astype("<i2").tobytes()
    certain: list[str] = []
    listener.begin()
    for start in range(0, len(pcm), BLOCK):
        listener.feed(pcm[start : start + BLOCK])
        if start % (3 * BLOCK) == 0:
            certain.append(listener.words())
    return listener.end(), certain


def rate(listener: PhraseListener, sentences: Sequence[str], voices: Sequence[str]) -> float:
    return error_rate([(text, hear(listener, text, voice)[0]) for text, voice in product(sentences, voices)])


def test_at_least_eight_of_the_ten_are_unknown_to_the_grammar(grammar: FsgModel) -> None:
    assert [grammar.accept(text) for text in INSIDE] == [True] * len(INSIDE)
    assert [grammar.accept(text) for text in OUTSIDE] == [False] * len(OUTSIDE)
    assert len(OUTSIDE) >= 8
    assert len(INSIDE) + len(OUTSIDE) == 10


@pytest.mark.parametrize(
    "phrase",
    [
        "what is ninety nine thousand nine hundred and ninety nine plus zero",
        "calculate the square root of one hundred forty four",
        "what time is it in new york",
        "make it twenty seconds instead",
        "cancel the timer",
        "remember that my bicycle is in the garage",
        "where is my bicycle",
        "how many kilometers are in five miles",
        "convert twenty degrees celsius to fahrenheit",
        "please stay silent",
        "hello how are you",
        "what can you do",
        "please count to twenty slowly",
    ],
)
def test_the_grammar_knows_what_the_assistant_understands(grammar: FsgModel, phrase: str) -> None:
    assert grammar.accept(phrase)


@pytest.mark.needs("flite")
def test_a_few_sentences_are_understood(listener: PhraseListener) -> None:
    assert rate(listener, INSIDE, ("slt",)) <= 0.05
    assert rate(listener, OUTSIDE[3:5], ("slt",)) <= 0.20


@pytest.mark.long
@pytest.mark.needs("flite")
def test_ten_sentences_in_two_voices(listener: PhraseListener, capsys: pytest.CaptureFixture[str]) -> None:
    outside, inside = rate(listener, OUTSIDE, VOICES), rate(listener, INSIDE, VOICES)
    with capsys.disabled():
        print(f"\nword error rate: {outside:.1%} outside the grammar, {inside:.1%} inside")
    assert outside <= 0.20
    assert inside <= 0.05


@pytest.mark.needs("flite")
def test_words_that_are_certain_only_grow(listener: PhraseListener) -> None:
    heard, certain = hear(listener, OUTSIDE[1], "slt")
    assert certain[-1], "something is told before the end"
    assert all(later.startswith(earlier) for earlier, later in pairwise(certain))
    assert wrong_words(OUTSIDE[1], heard) <= 2


def test_silence_holds_no_words(listener: PhraseListener) -> None:
    listener.begin()
    listener.feed(bytes(RATE * 2))
    assert listener.end() == ""


def test_likeness_is_the_share_of_common_words_in_their_order() -> None:
    assert alike("set a timer", "set a timer") == 1.0
    assert alike("", "good morning") == 0.0
    assert alike("cast age and let seventeen times twenty", "ask the agent what seventeen times twenty") == 6 / 14


def test_wrong_words_are_counted() -> None:
    assert wrong_words("a b c", "a x c d") == 2
    assert error_rate([("a b", "a b"), ("c d", "")]) == 0.5
