"""Resampling, downmixing, framing: same sound out, and the cut into pieces never shows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transports.audio import Framer, Resampler, Samples, downmix, duration_ms

RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 48_001, 96_000)
rates = st.sampled_from(RATES)


def tone(hertz: float, rate: int, samples: int, amplitude: float = 12_000.0) -> Samples:
    wave = amplitude * np.sin(2 * np.pi * hertz * np.arange(samples) / rate)
    return np.rint(wave).astype(np.int16)


def noise(samples: int, seed: int) -> Samples:
    return np.random.default_rng(seed).integers(-32_768, 32_768, samples, dtype=np.int16)


def convert(pcm: Samples, from_rate: int, to_rate: int, cuts: list[int] | None = None, channels: int = 1) -> Samples:
    resampler = Resampler(from_rate, to_rate, channels)
    pieces = np.split(pcm, sorted(cut for cut in cuts or [] if cut < len(pcm)))
    return np.concatenate([*(resampler.push(piece) for piece in pieces), resampler.flush()])


def snr_db(got: npt.NDArray[np.int16], wanted: npt.NDArray[np.int16]) -> float:
    signal = wanted.astype(np.float64)
    fault = got.astype(np.float64) - signal
    return float(10 * np.log10((signal**2).mean() / max((fault**2).mean(), 1e-9)))


@settings(deadline=None, max_examples=60)
@given(from_rate=rates, to_rate=rates, samples=st.integers(0, 3000), cuts=st.lists(st.integers(0, 3000), max_size=12))
def test_the_length_is_exact_and_the_cuts_do_not_show(
    from_rate: int, to_rate: int, samples: int, cuts: list[int]
) -> None:
    pcm = noise(samples, seed=samples)
    whole = convert(pcm, from_rate, to_rate)
    assert len(whole) == round(samples * to_rate / from_rate)
    np.testing.assert_array_equal(convert(pcm, from_rate, to_rate, cuts), whole)


@settings(deadline=None, max_examples=20)
@given(from_rate=rates, frames=st.integers(0, 2000), cuts=st.lists(st.integers(0, 2000), max_size=6))
def test_channels_are_resampled_apart(from_rate: int, frames: int, cuts: list[int]) -> None:
    left, right = noise(frames, 1), noise(frames, 2)
    both = convert(np.stack((left, right), axis=1).reshape(-1), from_rate, 24_000, [2 * cut for cut in cuts], 2)
    np.testing.assert_array_equal(both[0::2], convert(left, from_rate, 24_000))
    np.testing.assert_array_equal(both[1::2], convert(right, from_rate, 24_000))


@pytest.mark.parametrize("from_rate", RATES)
@pytest.mark.parametrize("to_rate", [8_000, 24_000, 48_000])
def test_a_tone_keeps_its_pitch_phase_and_level(from_rate: int, to_rate: int) -> None:
    out = convert(tone(1_000, from_rate, from_rate), from_rate, to_rate)
    edge = to_rate // 50
    wanted = tone(1_000, to_rate, len(out))
    assert snr_db(out[edge:-edge], wanted[edge:-edge]) >= 60


def test_what_the_lower_rate_cannot_hold_is_filtered_out() -> None:
    out = convert(tone(15_000, 48_000, 48_000), 48_000, 24_000)
    assert np.abs(out[500:-500]).max() <= 12  # 60 dB below 12,000


def test_speech_band_passes_flat() -> None:
    for hertz in (300, 1_000, 3_400, 7_000, 9_500):
        out = convert(tone(hertz, 48_000, 48_000), 48_000, 24_000)[500:-500].astype(np.float64)
        level = np.sqrt((out**2).mean() * 2)
        assert abs(20 * np.log10(level / 12_000)) < 0.1


def test_output_lags_by_little() -> None:
    for from_rate in RATES:
        resampler = Resampler(from_rate, 24_000)
        given_ms = 20.0
        out = resampler.push(noise(from_rate // 50, 3))
        if from_rate != 24_000:
            assert given_ms - duration_ms(len(out), 24_000) <= 3.2


def test_loud_sound_saturates_and_does_not_wrap() -> None:
    square = np.where(np.arange(4_000) // 40 % 2, 32_767, -32_768).astype(np.int16)
    out = convert(square, 16_000, 24_000).astype(np.int32)
    middle = out[200:-200]
    assert middle.max() == 32_767
    assert middle.min() == -32_768
    assert np.abs(np.diff(middle)).max() < 60_000


def test_a_long_piece_is_taken_at_once() -> None:
    pcm = noise(48_000 * 20, 4)
    assert len(convert(pcm, 48_000, 24_000)) == 24_000 * 20


def test_after_a_flush_a_new_stream_begins() -> None:
    resampler = Resampler(16_000, 24_000)
    pcm = noise(1_000, 5)
    first = np.concatenate((resampler.push(pcm), resampler.flush()))
    second = np.concatenate((resampler.push(pcm), resampler.flush()))
    np.testing.assert_array_equal(first, second)


def test_the_same_rate_changes_nothing() -> None:
    pcm = noise(777, 6)
    np.testing.assert_array_equal(convert(pcm, 24_000, 24_000, [100, 101]), pcm)


def test_half_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="3 samples"):
        Resampler(48_000, 24_000, 2).push(noise(3, 7))
    with pytest.raises(ValueError, match="3 samples"):
        downmix(noise(3, 7), 2)


@pytest.mark.parametrize(("from_rate", "to_rate", "channels"), [(0, 24_000, 1), (24_000, -1, 1), (24_000, 8_000, 0)])
def test_a_format_that_is_none_is_refused(from_rate: int, to_rate: int, channels: int) -> None:
    with pytest.raises(ValueError, match="above zero"):
        Resampler(from_rate, to_rate, channels)


def test_downmix_takes_the_mean() -> None:
    stereo = np.array([100, 300, -32_768, -32_768, 32_767, 32_767], np.int16)
    assert downmix(stereo, 2).tolist() == [200, -32_768, 32_767]
    assert downmix(stereo, 1).tolist() == stereo.tolist()


@given(st.integers(1, 50), st.lists(st.integers(0, 120), max_size=20))
def test_frames_are_whole_and_nothing_is_lost(size: int, lengths: list[int]) -> None:
    framer = Framer(size)
    pcm = noise(sum(lengths), 8)
    pieces = np.split(pcm, np.cumsum(lengths)[:-1]) if lengths else []
    frames = [frame for piece in pieces for frame in framer.push(piece)]
    last = framer.flush()
    assert all(len(frame) == size for frame in frames)
    stream = np.concatenate([*frames, *([last] if last is not None else []), np.empty(0, np.int16)])
    np.testing.assert_array_equal(stream[: len(pcm)], pcm)
    assert not stream[len(pcm) :].any()
    assert len(stream) - len(pcm) < size
    assert framer.flush() is None


def test_duration() -> None:
    assert duration_ms(480, 24_000) == 20.0
    assert duration_ms(960, 24_000, 2) == 20.0
