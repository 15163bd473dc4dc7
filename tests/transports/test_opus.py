"""libopus as the peers use it: clean tones, nothing folded back, and a packet that stands for silence."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from av import AudioFrame, CodecContext

from tests.transports.tones import residue, snr, tone
from transports.opus import FRAME_BYTES, SILENCE, OpusDecoder, OpusEncoder

TONES = (100, 150, 200, 300, 440, 700, 1000, 1500, 2000, 3000, 4000, 5000, 6000, 7000, 9000, 10_000, 10_500)


@pytest.mark.parametrize("frequency", TONES)
def test_the_codec_keeps_tones(frequency: int) -> None:
    encoder, decoder = OpusEncoder(64_000), OpusDecoder()
    pcm = tone(frequency, 2.0, 24_000).tobytes()
    heard = b"".join(decoder.decode(encoder.encode(pcm[at : at + 960])) or b"" for at in range(0, len(pcm), 960))
    assert snr(np.frombuffer(heard, np.int16)[12_000:], frequency, 24_000) >= 36


def test_the_packet_of_silence_stands_for_any_number_of_them() -> None:
    """What follows a pause sounds the same, whether the encoder went through all of it or not."""
    speech = tone(1000, 0.5, 24_000).tobytes()
    shortened, complete = OpusEncoder(64_000), OpusEncoder(64_000)
    ways: list[bytes] = []
    for encoder, encode in ((shortened, shortened.encode), (complete, complete._encode)):
        decoder, heard = OpusDecoder(), b""
        for pcm in (speech, SILENCE * 25, speech):
            for at in range(0, len(pcm), FRAME_BYTES):
                heard += decoder.decode(encode(pcm[at : at + FRAME_BYTES])) or b""
        ways.append(heard)
        assert encoder is not None
    after = [np.frombuffer(heard, np.int16)[24_500:] for heard in ways]
    assert min(snr(samples[2400:], 1000, 24_000) for samples in after) > 36
    rest = [residue(samples[240:], 1000, 24_000)[0] for samples in after]
    assert np.abs(rest[0]).max() <= 1.2 * np.abs(rest[1]).max() + 50


@pytest.mark.parametrize("frequency", [15_000, 18_000])
def test_what_is_above_our_band_is_not_folded_into_it(frequency: int) -> None:
    """A browser sends 48 kHz; decoded at 24 kHz nothing of 12 kHz and above may be left, not even as an alias."""
    encoder = CodecContext.create("libopus", "w")
    encoder.format, encoder.layout, encoder.sample_rate = "s16", "mono", 48_000
    encoder.bit_rate, encoder.time_base = 96_000, Fraction(1, 48_000)
    decoder, heard = OpusDecoder(), b""
    pcm = tone(frequency, 2.0, 48_000)
    for at in range(0, len(pcm), 960):
        frame = AudioFrame.from_ndarray(pcm[at : at + 960].reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48_000, at
        heard += b"".join(decoder.decode(bytes(packet)) or b"" for packet in encoder.encode(frame))
    left = np.frombuffer(heard, np.int16)[24_000:].astype(np.float64)
    assert len(left) > 12_000
    assert 10 * np.log10(np.mean(left**2) / np.mean(pcm.astype(np.float64) ** 2) + 1e-12) <= -80


def test_a_frame_has_one_length() -> None:
    with pytest.raises(ValueError, match="not a frame"):
        OpusEncoder(64_000).encode(bytes(FRAME_BYTES - 2))
    assert OpusDecoder().decode(b"") is None
    assert OpusDecoder().decode(b"\xff\xff\xff") is None
