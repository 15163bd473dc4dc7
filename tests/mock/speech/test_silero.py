"""Voice detection by the network: speech and its bounds are found, and nothing else is speech."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.mock.speech.contracts import Voice
from realtime.mock.speech.silero import SileroDetector
from tests.mock.speech.sounds import MARGIN_MS, RATE, Samples, clicks, noise, silence, spoken, tones

SENTENCE = "Good morning, are you there?"
needs_flite = pytest.mark.needs("flite")


def detect(sound: Samples, *, chunk_ms: int = 20, detector: SileroDetector | None = None) -> list[Voice]:
    detector = detector or SileroDetector()
    pcm, size = sound.astype("<i2").tobytes(), RATE * chunk_ms // 1000 * 2
    return [change for start in range(0, len(pcm), size) for change in detector.feed(pcm[start : start + size])]


@pytest.mark.parametrize(
    "sound",
    [noise(6000), noise(6000, 300.0), clicks(6000), tones(6000), silence(3000)],
    ids=["noise", "soft noise", "clicks", "tones", "silence"],
)
def test_what_is_no_speech_is_not_taken_for_it(sound: Samples) -> None:
    assert detect(np.concatenate((silence(500), sound, silence(1000)))) == []


@needs_flite
@pytest.mark.parametrize("voice", ["slt", "rms"])
def test_speech_is_found_where_it_is(voice: str) -> None:
    sentence = spoken(SENTENCE, voice)
    began, ended = detect(np.concatenate((silence(1000), sentence, silence(1000))))
    assert (began.change, ended.change) == ("started", "stopped")
    assert 1000 + MARGIN_MS - 50 <= began.at_ms <= 1000 + MARGIN_MS + 150
    assert 1000 + len(sentence) * 1000 // RATE - MARGIN_MS - 400 <= ended.at_ms <= 1000 + len(sentence) * 1000 // RATE


@needs_flite
def test_in_steady_noise_the_onset_still_lies_before_the_first_word() -> None:
    sentence = spoken(SENTENCE)
    sound = np.concatenate((silence(3000), sentence, silence(1500)))
    background = noise(len(sound) * 1000 // RATE + 1, 250.0)[: len(sound)]
    mixed = np.clip(sound.astype(int) + background, -32_768, 32_767).astype(np.int16)
    began, ended = detect(mixed)
    assert 3000 + MARGIN_MS - 300 <= began.at_ms <= 3000 + MARGIN_MS + 250
    assert ended.change == "stopped"


@needs_flite
def test_it_does_not_matter_how_the_stream_is_cut() -> None:
    sound = np.concatenate((silence(300), spoken(SENTENCE), silence(1000)))
    assert detect(sound, chunk_ms=7) == detect(sound, chunk_ms=20) == detect(sound, chunk_ms=1000)


@needs_flite
def test_somebody_who_cuts_in_is_noticed_within_a_fifth_of_a_second() -> None:
    detector, sound = SileroDetector(), np.concatenate((silence(500), spoken("Stop, please.", "rms")))
    pcm, size = sound.astype("<i2").tobytes(), RATE // 50 * 2
    for start in range(0, len(pcm), size):
        if changes := detector.feed(pcm[start : start + size]):
            break
    assert (start + size) * 1000 // (RATE * 2) - changes[0].at_ms <= 200


@needs_flite
def test_pauses_below_the_set_silence_belong_to_the_turn() -> None:
    twice = np.concatenate((spoken(SENTENCE), spoken(SENTENCE), silence(1500)))
    patient = SileroDetector()
    patient.configure(threshold=0.5, silence_ms=1000)
    assert [each.change for each in detect(twice, detector=patient)] == ["started", "stopped"]
    hasty = SileroDetector()
    hasty.configure(threshold=0.5, silence_ms=200)
    assert [each.change for each in detect(twice, detector=hasty)].count("stopped") >= 2


@needs_flite
def test_after_a_reset_speech_begins_anew_and_the_count_goes_on() -> None:
    detector, sentence = SileroDetector(), spoken(SENTENCE)
    assert [each.change for each in detect(sentence, detector=detector)] == ["started"]
    detector.reset()
    assert detect(silence(1000), detector=detector) == []
    (again, _) = detect(np.concatenate((sentence, silence(1000))), detector=detector)
    assert again.at_ms >= len(sentence) * 1000 // RATE + 1000
