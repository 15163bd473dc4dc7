"""What waits to be spoken, and when it goes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transports.tones import residue, tone
from transports.opus import FRAME_BYTES, SILENCE, OpusDecoder, OpusEncoder
from transports.pacer import INTERVAL_S, SPACING_S, STALL_S, Pacer
from transports.playout import Playout


@given(st.lists(st.tuples(st.integers(0, 1500), st.sampled_from("abc")), max_size=30))
def test_what_went_in_comes_out_in_order_and_is_counted(pieces: list[tuple[int, str]]) -> None:
    playout = Playout(120)
    given_in = b""
    for number, (samples, tag) in enumerate(pieces):
        pcm = bytes([number + 1]) * (samples * 2)
        assert playout.put(pcm, tag)
        given_in += pcm
    taken, finished = b"", []
    while playout.waiting_ms or (given_in and len(taken) < len(given_in)):
        frame, done = playout.take()
        assert len(frame) == FRAME_BYTES
        taken += frame
        finished += done
    assert taken[: len(given_in)] == given_in
    assert not taken[len(given_in) :].strip(b"\0")
    assert sorted(finished) == sorted({tag for samples, tag in pieces if samples})
    told = [(samples, tag) for samples, tag in pieces if samples]
    if told:
        last = told[-1][1]
        assert playout.position() == (last, sum(samples for samples, tag in told if tag == last) * 1000 // 24_000)
    assert playout.take() == (SILENCE, [])


def test_a_flush_drops_one_tag_or_all_and_the_position_stays() -> None:
    playout = Playout(120)
    playout.put(b"\1" * FRAME_BYTES * 3, "a")
    playout.put(b"\2" * FRAME_BYTES * 3, "b")
    assert playout.take() == (b"\1" * FRAME_BYTES, [])
    playout.drop("a")
    assert playout.position() == ("a", 20)
    assert playout.take() == (b"\2" * FRAME_BYTES, [])
    assert playout.position() == ("b", 20)
    playout.drop(None)
    assert playout.take() == (SILENCE, [])
    assert (playout.waiting_ms, playout.position()) == (0, ("b", 20))


def test_it_is_bounded_and_takes_whole_samples_only() -> None:
    playout = Playout(1.0)
    assert playout.put(bytes(48_000), "a")
    assert not playout.put(bytes(2), "a")
    playout.take()
    assert playout.put(bytes(2), "a")
    with pytest.raises(ValueError, match="half"):
        playout.put(b"\0", "a")


def test_pieces_join_without_a_click() -> None:
    """A tone cut at odd places, through queue and codec, is as clean as uncut."""
    pcm = tone(440, 2.0, 24_000).tobytes()

    def through(cuts: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
        playout, encoder, decoder = Playout(120), OpusEncoder(64_000), OpusDecoder()
        for start, stop in itertools.pairwise([0, *cuts, len(pcm)]):
            playout.put(pcm[start:stop], f"piece {start}")
        heard = b"".join(decoder.decode(encoder.encode(playout.take()[0])) or b"" for _ in range(100))
        return np.frombuffer(heard, np.int16)

    whole, cut = through([]), through([2, 700, 1402, 9600, 30_002, 30_004, 51_338, 80_000])
    assert np.array_equal(whole, cut)
    rest, power = residue(cut[12_000:], 440, 24_000)
    assert np.abs(rest).max() < 0.1 * np.sqrt(2 * power)


def test_deadlines_are_absolute_so_lateness_does_not_add_up() -> None:
    pacer = Pacer(0.0)
    for beat in range(1000):
        assert pacer.due == pytest.approx(beat * INTERVAL_S)
        assert pacer.beat(pacer.due + 0.004) == 0


def test_a_late_frame_is_caught_up_with_but_never_in_a_burst() -> None:
    pacer, now, sent = Pacer(0.0), 0.0, []
    for beat in range(30):
        now = max(now, pacer.due) + (0.1 if beat == 10 else 0.0)
        assert pacer.beat(now) == 0
        sent.append(now)
    gaps = [after - before for before, after in itertools.pairwise(sent)]
    assert min(gaps) >= SPACING_S - 1e-9
    assert sent[-1] == pytest.approx(29 * INTERVAL_S)


def test_after_a_stall_the_clock_jumps() -> None:
    pacer = Pacer(0.0)
    pacer.beat(0.0)
    jumped = pacer.beat(INTERVAL_S + STALL_S + 1.0)
    assert jumped == 60
    assert pacer.due == pytest.approx(INTERVAL_S + STALL_S + 1.0 + INTERVAL_S, abs=INTERVAL_S)
