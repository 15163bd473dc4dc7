"""From packets to frames: true to the sender's clock, losses concealed and counted, pauses heard while they last."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from av import AudioFrame, CodecContext

from tests.transports.tones import tone
from transports.microphone import Microphone
from transports.opus import FRAME_BYTES, FRAME_SAMPLES, OpusDecoder, OpusEncoder
from transports.rtp import RtpPacket

PAYLOAD_TYPE = 111
STEP = 0.02
SSRC = 7


def packet(number: int, payload: bytes, *, first: int = 0, timestamp: int | None = None) -> RtpPacket:
    """The packet of that number, wrapped as the wire has it."""
    stamp = number * 960 if timestamp is None else timestamp
    return RtpPacket(PAYLOAD_TYPE, (first + number) & 0xFFFF, (first * 960 + stamp) & 0xFFFFFFFF, SSRC, payload)


def packets(pcm: npt.NDArray[np.int16]) -> list[bytes]:
    encoder = OpusEncoder(64_000)
    whole = len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES
    return [encoder.encode(pcm[at : at + FRAME_SAMPLES].tobytes()) for at in range(0, whole, FRAME_SAMPLES)]


class Room:
    """A microphone with a clock, and the time at which each frame was heard."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pcm = bytearray()
        self.times: list[float] = []
        self.microphone = Microphone(PAYLOAD_TYPE, self._heard)

    def _heard(self, pcm: bytes) -> None:
        assert len(pcm) == FRAME_BYTES
        self.pcm += pcm
        self.times.append(self.now)

    def step(self, *arrived: RtpPacket) -> None:
        for one in arrived:
            self.microphone.arrived(one, self.now)
        self.microphone.tick(self.now + STEP / 2)
        self.now += STEP

    def hear(self, encoded: list[bytes], start: int, stop: int) -> None:
        """Packets in their turn."""
        for number in range(start, stop):
            self.step(packet(number, encoded[number]))

    def wait(self, steps: int) -> None:
        """Nothing comes."""
        for _ in range(steps):
            self.step()

    @property
    def samples(self) -> npt.NDArray[np.int16]:
        return np.frombuffer(bytes(self.pcm), np.int16)


def speechlike(seconds: float) -> npt.NDArray[np.int16]:
    """Something that changes: a sweep."""
    time = np.arange(int(seconds * 24_000)) / 24_000
    sweep: npt.NDArray[np.float64] = np.sin(2 * np.pi * (200 * time + 60 * time**2))
    return np.rint(sweep * 9000).astype(np.int16)


@pytest.mark.parametrize("loss", [0.01, 0.05])
def test_loss_leaves_no_lasting_delay_and_is_concealed_and_counted(loss: float) -> None:
    chance = random.Random(3)
    encoded = packets(speechlike(10))
    lost = {number for number in range(10, len(encoded) - 10) if chance.random() < loss}
    assert lost
    whole, holed = Room(), Room()
    for number, payload in enumerate(encoded):
        whole.step(packet(number, payload))
        holed.step(*([] if number in lost else [packet(number, payload)]))
    assert len(holed.samples) == len(whole.samples) == len(encoded) * FRAME_SAMPLES
    assert holed.microphone.concealed_ms == len(lost) * 20
    reception = holed.microphone.reception
    assert reception is not None
    assert reception.lost == len(lost)
    # a frame is heard when it comes, but for the few behind a loss
    near = {number + after for number in lost for after in range(4)}
    for number, time in enumerate(holed.times):
        if number in lost:
            continue
        wait = time - whole.times[number]
        assert wait <= 0.0601 if number in near else wait < 1e-9, number
    # and stands where it stood: what is not near a loss is the same, sample by sample
    far = [n for n in range(len(encoded)) if not any(n - after in lost for after in range(8))]
    expected = np.concatenate([whole.samples[n * 480 : n * 480 + 480] for n in far]).astype(np.float64)
    got = np.concatenate([holed.samples[n * 480 : n * 480 + 480] for n in far]).astype(np.float64)
    assert 10 * np.log10(np.mean(expected**2) / np.mean((expected - got) ** 2)) > 25


def test_a_short_gap_is_bridged_and_a_long_one_falls_silent() -> None:
    encoded = packets(tone(440, 3.0, 24_000))
    room = Room()
    lost = {50, *range(80, 86)}
    for number, payload in enumerate(encoded):
        room.step(*([] if number in lost else [packet(number, payload)]))
    loudness = [float(np.abs(room.samples[n * 480 : n * 480 + 480]).max()) for n in range(len(encoded))]
    assert loudness[50] > 3000
    assert loudness[80] > 3000
    assert abs(int(room.samples[83 * 480 - 1])) < 100
    assert loudness[83:86] == [0, 0, 0]
    assert room.microphone.concealed_ms == 140


def test_numbers_and_stamps_wrap() -> None:
    encoded = packets(tone(440, 1.0, 24_000))
    plain, wrapping = Room(), Room()
    for number, payload in enumerate(encoded):
        plain.step(packet(number, payload))
        wrapping.step(packet(number, payload, first=65_536 * 68 + 65_520, timestamp=number * 960))
    assert plain.pcm == wrapping.pcm


def test_a_pause_that_is_not_sent_is_heard_while_it_lasts_and_costs_no_clock() -> None:
    """Discontinuous transmission: numbers go on, stamps jump."""
    encoded = packets(tone(440, 2.0, 24_000))
    room = Room()
    room.hear(encoded, 0, 50)
    room.wait(40)
    heard_in_the_pause = len(room.times) - 50
    assert heard_in_the_pause >= 25
    for number in range(50, 100):
        room.step(packet(number, encoded[number], timestamp=(number + 40) * 960))
    assert len(room.samples) == 140 * FRAME_SAMPLES
    assert room.microphone.concealed_ms == 0


def test_a_stall_of_the_network_loses_no_word_and_its_delay_is_won_back_in_the_next_pause() -> None:
    encoded = packets(np.concatenate([tone(440, 1.0, 24_000), np.zeros(24_000, np.int16), tone(440, 1.0, 24_000)]))
    room = Room()
    room.hear(encoded, 0, 30)
    room.wait(10)
    assert len(room.times) == 30
    room.wait(20)
    assert len(room.times) >= 55
    room.step(*(packet(number, encoded[number]) for number in range(30, 61)))
    room.hear(encoded, 61, 150)
    assert len(room.times) == 150
    assert room.microphone.concealed_ms == 0
    loud = sum(np.abs(room.samples[at : at + 480]).max() > 3000 for at in range(0, len(room.samples), 480))
    assert loud >= 99


@pytest.mark.parametrize("pauses", [1, 3])
def test_a_sender_whose_clock_stood_still_is_heard_pausing_afterwards(pauses: int) -> None:
    """A track taken off and put back, or a machine that slept: numbers and stamps go on where they were."""
    encoded = packets(np.concatenate([tone(440, 1.0, 24_000), np.zeros(48_000, np.int16)] * pauses))
    room = Room()
    for start in range(0, 150 * pauses, 150):
        room.wait(500 if start else 0)
        room.hear(encoded, start, start + 50)
        room.wait(500)
        heard = len(room.times)
        room.hear(encoded, start + 50, start + 150)
        assert len(room.times) - heard == 100


def test_a_stall_that_is_not_over_is_no_credit_for_the_next() -> None:
    """Late by one second, then by a second again before any quiet came: both are won back."""
    encoded = packets(np.concatenate([tone(440, 4.0, 24_000), np.zeros(96_000, np.int16)]))
    room = Room()
    room.hear(encoded, 0, 30)
    room.wait(50)
    room.step(*(packet(number, encoded[number]) for number in range(30, 81)))
    room.hear(encoded, 81, 100)
    room.wait(50)
    room.step(*(packet(number, encoded[number]) for number in range(100, 151)))
    room.hear(encoded, 151, 400)
    assert len(room.times) == 400


def test_a_stamp_from_nowhere_makes_no_more_silence_than_time_has_passed() -> None:
    encoded = packets(tone(440, 1.0, 24_000))
    room = Room()
    room.hear(encoded, 0, 20)
    room.step(packet(20, encoded[20], timestamp=2**31 - 5))
    assert len(room.times) < 40


def test_another_stream_is_heard_from_its_begin() -> None:
    encoded = packets(tone(440, 1.0, 24_000))
    room = Room()
    room.hear(encoded, 0, 25)
    for number in range(25):
        plain = packet(number, encoded[number], first=40_000)
        room.step(RtpPacket(plain.payload_type, plain.sequence, plain.timestamp, 99, plain.payload))
    assert len(room.times) == 50


@pytest.mark.parametrize("duration", ["2.5", "10", "40", "60"])
def test_any_length_of_packet_becomes_frames_of_20_ms(duration: str) -> None:
    encoder = CodecContext.create("libopus", "w")
    encoder.format, encoder.layout, encoder.sample_rate = "s16", "mono", 24_000
    encoder.time_base = Fraction(1, 24_000)
    encoder.options = {"application": "audio", "frame_duration": duration}
    encoder.open()
    size = encoder.frame_size
    pcm = tone(440, 1.2, 24_000)
    room = Room()
    for number, at in enumerate(range(0, len(pcm) - size + 1, size)):
        frame = AudioFrame.from_ndarray(pcm[at : at + size].reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 24_000, at
        for made in encoder.encode(frame):
            room.microphone.arrived(packet(number, bytes(made), timestamp=at * 2), room.now)
    assert abs(len(room.times) - 60) <= 3
    assert room.microphone.concealed_ms == 0


def test_what_is_no_opus_is_concealed_and_other_payload_types_are_left_alone() -> None:
    encoded = packets(tone(440, 1.0, 24_000))
    room = Room()
    room.hear(encoded, 0, 10)
    room.step(packet(10, b"\xff" * 7))
    room.step(packet(11, b""))
    room.step(RtpPacket(13, 12, 12 * 960, SSRC, b"x"))
    assert len(room.times) == 12


def test_redundancy_in_the_following_packet_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """In-band FEC: a browser that is told of losses puts the frame before into each packet (RFC 6716 2.1.7)."""
    encoder = CodecContext.create("libopus", "w")
    encoder.format, encoder.layout, encoder.sample_rate = "s16", "mono", 24_000
    encoder.bit_rate, encoder.time_base = 32_000, Fraction(1, 24_000)
    encoder.options = {"application": "voip", "fec": "1", "packet_loss": "30"}
    chance = np.random.default_rng(5)
    time = np.arange(24_000 * 2) / 24_000
    voiced = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 12)) * np.sin(2 * np.pi * 2.5 * time) ** 2
    pcm = np.rint(voiced * 4000 + chance.normal(0, 30, len(time))).astype(np.int16)
    encoded: list[bytes] = []
    for at in range(0, len(pcm), 480):
        frame = AudioFrame.from_ndarray(pcm[at : at + 480].reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 24_000, at
        encoded += [bytes(made) for made in encoder.encode(frame)]
    lost = set(range(20, len(encoded), 7))

    def error() -> float:
        whole, holed = Room(), Room()
        for number, payload in enumerate(encoded):
            whole.step(packet(number, payload))
            holed.step(*([] if number in lost else [packet(number, payload)]))
        size = min(len(whole.samples), len(holed.samples))
        difference = whole.samples[:size].astype(np.float64) - holed.samples[:size]
        return float(
            np.mean([np.mean(difference[n * 480 : n * 480 + 480] ** 2) for n in lost if n * 480 + 480 <= size])
        )

    recovered = error()
    monkeypatch.setattr(OpusDecoder, "recover", lambda decoder, following, samples: decoder.conceal(samples))
    assert recovered < error() / 4
