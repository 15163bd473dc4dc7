"""From the packets of a microphone to frames of 20 ms: in order, gaps filled, true to the sender's clock.

Lost frames are concealed by the decoder (the last one from the redundancy in the packet behind it, where there is
some), fading to silence within 60 ms; longer gaps, and the silence that a sender does not transmit, are filled with
silence. When nothing comes at all, silence is made as time goes by, so that whoever listens hears the pause while it
lasts. What was made ahead is taken off the gap behind it, or, when the packets were only late, which shows by their
coming faster than time passes, off the quiet that follows; a sender whose clock stood still meanwhile owes nothing.
Pure: time is an argument.
"""

from __future__ import annotations

import array
from collections.abc import Callable, Iterator
from typing import Final

from transports.jitter import Delivery, JitterBuffer
from transports.opus import FRAME_BYTES, FRAME_SAMPLES, SILENCE, OpusDecoder
from transports.peer import FRAME_MS, SAMPLE_RATE
from transports.rtp import CLOCK_RATE, Reception, RtpPacket

_TICKS: Final = CLOCK_RATE // SAMPLE_RATE
_CONCEALED_FRAMES: Final = 3
_PAUSE_S: Final = 0.400
"""So long after the last packet silence is made, for all of that time: a stall that is shorter splits no word."""
_SLACK_S: Final = 0.200
"""A gap may be so much longer than the time that has passed."""
_QUIET: Final = 256
"""A frame without a sample above is a pause: -42 dB."""
_STEP: Final = SAMPLE_RATE // 400
"""2.5 ms: what libopus conceals is a multiple of it."""


class Microphone:
    """One stream of audio from the other side; ``heard`` gets each frame."""

    def __init__(self, payload_type: int, heard: Callable[[bytes], None]) -> None:
        self._payload_type = payload_type
        self._heard = heard
        self._decoder = OpusDecoder()
        self._buffer = JitterBuffer()
        self.reception: Reception | None = None
        self._expected: int | None = None
        """The RTP timestamp that would follow without a gap."""
        self._arrived = 0.0
        self._silent_until = 0.0
        self._ahead = 0
        """Samples of silence that were made in the latest pause, and are not accounted for by the sender's clock."""
        self._owed = 0
        """Samples of silence that stand where late audio did: so much quiet is left out."""
        self._resumed = 0.0
        self._came = 0
        """Samples of the sender's clock since audio came again."""
        self._packet_samples = FRAME_SAMPLES
        self._rest = b""
        self._concealed = 0

    @property
    def concealed_ms(self) -> int:
        """What was lost and filled in."""
        return self._concealed * 1000 // SAMPLE_RATE

    def arrived(self, packet: RtpPacket, now: float) -> None:
        """A packet came, unwrapped and authenticated."""
        if packet.payload_type != self._payload_type:
            return
        reception = self.reception
        if reception is None or reception.ssrc != packet.ssrc:
            reception = self._begin(packet)
        sequence = reception.arrived(packet, now)
        if sequence is None:
            # the sender has begun anew under its old name
            self._begin(packet).arrived(packet, now)
            sequence = packet.sequence
        for delivery in self._buffer.push(sequence, packet.timestamp, packet.payload, now=now):
            self._take(delivery, now)

    def tick(self, now: float) -> None:
        """Called every 20 ms: gives up waiting for what is lost, makes silence in a pause."""
        for delivery in self._buffer.poll(now=now):
            self._take(delivery, now)
        if self._expected is None or now < self._arrived + _PAUSE_S:
            return
        if self._silent_until == self._arrived:
            self._ahead = 0
        while self._silent_until + FRAME_MS / 1000 <= now:
            self._silent_until += FRAME_MS / 1000
            self._ahead += FRAME_SAMPLES
            self._tell(SILENCE)

    def _begin(self, packet: RtpPacket) -> Reception:
        self.reception = Reception(packet)
        self._buffer = JitterBuffer()
        self._expected = None
        return self.reception

    def _take(self, delivery: Delivery, now: float) -> None:
        resumes = self._silent_until > self._arrived
        gap = self._gap(delivery.timestamp, now)
        if gap:
            if resumes:
                self._owe(min(gap, self._ahead))
            for piece in self._filling(gap, delivery):
                self._tell(piece)
        pcm = self._decoder.decode(delivery.payload)
        if pcm is None:
            pcm = self._decoder.conceal(FRAME_SAMPLES)
            self._concealed += FRAME_SAMPLES
        self._packet_samples = len(pcm) // 2
        self._expected = delivery.timestamp + self._packet_samples * _TICKS & 0xFFFFFFFF
        self._arrived = self._silent_until = now
        self._catch_up(0 if resumes else gap + self._packet_samples, now)
        if self._owed >= self._packet_samples and _is_quiet(pcm):
            self._owed -= self._packet_samples
        else:
            self._tell(pcm)

    def _catch_up(self, samples: int, now: float) -> None:
        """So much came since the last packet, none when audio comes again: what is faster than time was late."""
        if not samples:
            self._resumed, self._came = now, 0
        self._came += samples
        early = min(self._ahead, self._came - int((now - self._resumed) * SAMPLE_RATE))
        if early > 0:
            self._came -= early
            self._owe(early)

    def _owe(self, samples: int) -> None:
        self._ahead -= samples
        self._owed += samples

    def _gap(self, timestamp: int, now: float) -> int:
        """Samples between the last audio and this; never more than time has passed, whatever the stamp says."""
        if self._expected is None:
            return 0
        gap = ((timestamp - self._expected + 0x80000000 & 0xFFFFFFFF) - 0x80000000) // _TICKS
        return max(0, min(gap, int((now - self._arrived + _SLACK_S) * SAMPLE_RATE)))

    def _filling(self, gap: int, delivery: Delivery) -> Iterator[bytes]:
        """Audio for a gap: guesses for what was lost, silence for the rest and for what was not sent."""
        lost = min(gap, delivery.missing * self._packet_samples)
        self._concealed += lost
        already = min(gap, self._owed)
        self._owed -= already
        gap -= already
        guessed = 0 if already else min(lost, gap, _CONCEALED_FRAMES * FRAME_SAMPLES) // _STEP * _STEP
        for start in range(0, guessed, FRAME_SAMPLES):
            size = min(FRAME_SAMPLES, guessed - start)
            if start + size == lost:
                yield self._decoder.recover(delivery.payload, size)
            elif start // FRAME_SAMPLES == _CONCEALED_FRAMES - 1:
                yield _fade(self._decoder.conceal(size))
            else:
                yield self._decoder.conceal(size)
        yield bytes((gap - guessed) * 2)

    def _tell(self, pcm: bytes) -> None:
        """Cut into frames; most often it is one already."""
        if not self._rest and len(pcm) == FRAME_BYTES:
            self._heard(pcm)
            return
        stream = self._rest + pcm
        whole = len(stream) // FRAME_BYTES * FRAME_BYTES
        self._rest = stream[whole:]
        for start in range(0, whole, FRAME_BYTES):
            self._heard(stream[start : start + FRAME_BYTES])


def _is_quiet(pcm: bytes) -> bool:
    samples = memoryview(pcm).cast("h")
    return max(samples) < _QUIET and min(samples) > -_QUIET


def _fade(pcm: bytes) -> bytes:
    samples = array.array("h", pcm)
    size = len(samples)
    return array.array("h", (sample * (size - at) // size for at, sample in enumerate(samples))).tobytes()
