"""Tones through a call, both ways at once: as clean as libopus alone makes them with the same settings."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from aiortc import MediaStreamTrack
from av import AudioFrame, CodecContext, Packet

from tests.transports.caller import call
from tests.transports.tones import snr, tone
from transports.opus import FRAME_BYTES, OpusDecoder, OpusEncoder

TONES = (150, 440, 1000, 3000, 7000, 10_000)
SECONDS = 0.8
PCM = np.concatenate([tone(frequency, SECONDS, 24_000) for frequency in TONES])


def encoded() -> list[bytes]:
    encoder, pcm = OpusEncoder(64_000), PCM.tobytes()
    return [encoder.encode(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm), FRAME_BYTES)]


class Packets(MediaStreamTrack):
    """A microphone whose packets are already encoded, by the encoder that the peer has too."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._packets = encoded()
        self._sent = 0
        self._start: float | None = None

    async def recv(self) -> Packet[Any]:
        loop = asyncio.get_running_loop()
        if self._start is None:
            self._start = loop.time()
        await asyncio.sleep(self._start + self._sent * 0.02 - loop.time())
        packet = Packet(self._packets[min(self._sent, len(self._packets) - 1)])
        packet.pts, packet.time_base = self._sent * 480, Fraction(1, 24_000)
        self._sent += 1
        return packet


def best(samples: npt.NDArray[np.int16], frequency: int, rate: int) -> float:
    """The cleanest quarter of a second: where the tone is, between its neighbours."""
    size, step = rate // 4, rate // 10
    return max(snr(samples[at : at + size], frequency, rate) for at in range(0, len(samples) - size, step))


def alone() -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Without a network: decoded at 24 kHz as we do, and at 48 kHz as aiortc does."""
    near, far = OpusDecoder(), CodecContext.create("libopus", "r")
    far.format, far.layout, far.sample_rate = "s16", "stereo", 48_000
    packets = encoded()
    ours = b"".join(near.decode(packet) or b"" for packet in packets)
    theirs: list[npt.NDArray[np.int16]] = []
    for packet in packets:
        for frame in far.decode(Packet(packet)):
            assert isinstance(frame, AudioFrame)
            theirs.append(frame.to_ndarray().reshape(-1, 2)[:, 0].astype(np.int16))
    return np.frombuffer(ours, np.int16), np.concatenate(theirs)


async def test_tones_pass_both_ways_as_clean_as_the_codec_leaves_them() -> None:
    async with call(track=Packets()) as made:
        made.peer.play(PCM.tobytes(), "tones")
        frames = int(len(TONES) * SECONDS * 50)
        await made.ear.until(lambda: made.ear.frames >= frames - 15 and made.ear.tags == ["tones"])
        begun = next(at for at, frame in enumerate(made.sound) if np.abs(frame).max() > 1000)
        await made.see(lambda: len(made.sound) >= begun + frames)
        lost = made.peer.stats().packets_lost
    up, down = made.ear.samples, np.concatenate(made.sound)
    alone_up, alone_down = alone()
    assert lost == 0
    for frequency in TONES:
        heard_up, heard_down = best(up, frequency, 24_000), best(down, frequency, 48_000)
        assert heard_up >= max(36.0, best(alone_up, frequency, 24_000) - 1), frequency
        assert heard_down >= max(36.0, best(alone_down, frequency, 48_000) - 1), frequency
