"""RTP and RTCP (RFC 3550) as far as one stream of audio in each direction needs them. Pure: time is an argument.

Sequence numbers and timestamps wrap; what leaves this module is unwrapped.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

CLOCK_RATE: Final = 48_000
"""The RTP clock of Opus, whatever the audio's own rate is (RFC 7587 4.1)."""

_HEADER = struct.Struct("!BBHII")
_REPORT = struct.Struct("!IIIIII")
_SENDER = struct.Struct("!IIIIII")
_NTP_EPOCH: Final = 2_208_988_800
_SENDER_REPORT, _RECEIVER_REPORT, _DESCRIPTION, _BYE = 200, 201, 202, 203
_MAX_STEP: Final = 3000
"""A jump of more sequence numbers is another stream, or an old packet (RFC 3550 A.1)."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """A packet of media; ``sequence`` and ``timestamp`` as they came, 16 and 32 bits."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse(datagram: bytes) -> RtpPacket | None:
    """The packet, without its extensions and padding; None when it is none."""
    if len(datagram) < _HEADER.size or datagram[0] >> 6 != 2:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    start, end = _HEADER.size + 4 * (first & 0x0F), len(datagram)
    if first & 0x10:
        if end < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4])
    if first & 0x20:
        end -= datagram[-1]
    if start > end:
        return None
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, datagram[start:end])


def is_rtcp(datagram: bytes) -> bool:
    """RTP and RTCP share a port; RTCP's types stand where a marker and a payload type would (RFC 5761 4)."""
    return len(datagram) > 1 and 192 <= datagram[1] <= 223


class RtpWriter:
    """Numbers and stamps the packets of our own stream, and tells of them in sender reports."""

    def __init__(self, payload_type: int, ssrc: int, sequence: int, timestamp: int) -> None:
        self._payload_type = payload_type
        self.ssrc = ssrc
        self._sequence = sequence
        self._timestamp = timestamp
        self._octets = 0
        self._marker = 0x80
        self.packets = 0

    def packet(self, payload: bytes, samples: int) -> bytes:
        """The next packet; ``samples`` of the RTP clock are in it."""
        header = _HEADER.pack(
            0x80, self._marker | self._payload_type, self._sequence, self._timestamp & 0xFFFFFFFF, self.ssrc
        )
        self._marker = 0
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp += samples
        self._octets += len(payload)
        self.packets += 1
        return header + payload

    def skip(self, samples: int) -> None:
        """Time went by without packets: the next one begins a talk spurt."""
        self._timestamp += samples
        self._marker = 0x80

    def report(self, block: bytes | None, *, cname: str, wall: float) -> bytes:
        """A compound packet: sender report, with one reception block if given, and our name (RFC 3550 6.1)."""
        whole, part = divmod(wall + _NTP_EPOCH, 1)
        sender = _SENDER.pack(
            self.ssrc,
            int(whole) & 0xFFFFFFFF,
            int(part * (1 << 32)),
            self._timestamp & 0xFFFFFFFF,
            self.packets & 0xFFFFFFFF,
            self._octets & 0xFFFFFFFF,
        )
        name = cname.encode()[:255]
        chunk = struct.pack("!IBB", self.ssrc, 1, len(name)) + name + b"\0"
        chunk += bytes(-len(chunk) % 4)
        return _control(_SENDER_REPORT, int(block is not None), sender + (block or b"")) + _control(
            _DESCRIPTION, 1, chunk
        )

    def goodbye(self) -> bytes:
        """The last word of our stream."""
        empty = _control(_RECEIVER_REPORT, 0, struct.pack("!I", self.ssrc))
        return empty + _control(_BYE, 1, struct.pack("!I", self.ssrc))


def _control(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


class Reception:
    """What arrived of one stream: counts and jitter (RFC 3550 A.1, A.3, A.8)."""

    def __init__(self, packet: RtpPacket) -> None:
        self.ssrc = packet.ssrc
        self._first = packet.sequence
        self._highest = packet.sequence - 1
        self.received = 0
        self._jitter = 0.0
        self._transit: float | None = None
        self._expected_before = 0
        self._received_before = 0
        self._sender_report = 0
        self._sender_report_at = 0.0

    @property
    def expected(self) -> int:
        """Packets that the sender has sent, from what is known."""
        return self._highest - self._first + 1

    @property
    def lost(self) -> int:
        """Packets that have not arrived; doubled ones can hide some."""
        return max(0, self.expected - self.received)

    @property
    def jitter_ms(self) -> float:
        """Variation of the way through the network."""
        return self._jitter * 1000 / CLOCK_RATE

    def arrived(self, packet: RtpPacket, now: float) -> int | None:
        """Count it; returns the unwrapped sequence number, None when it is of another time."""
        step = (packet.sequence - self._highest + 0x8000 & 0xFFFF) - 0x8000
        if abs(step) > _MAX_STEP:
            return None
        self.received += 1
        if step > 0:
            self._highest += step
            transit = now * CLOCK_RATE - packet.timestamp
            if self._transit is not None:
                # a wrapped timestamp is no jitter
                change = abs((transit - self._transit + 0x80000000) % 0x100000000 - 0x80000000)
                self._jitter += (change - self._jitter) / 16
            self._transit = transit
            return self._highest
        return self._highest + step

    def reported(self, datagram: bytes, now: float) -> None:
        """A compound RTCP packet came: remember when their last sender report did."""
        if len(datagram) >= 28 and datagram[1] == _SENDER_REPORT:
            ssrc, seconds, fraction = struct.unpack_from("!III", datagram, 4)
            if ssrc == self.ssrc:
                self._sender_report = (seconds & 0xFFFF) << 16 | fraction >> 16
                self._sender_report_at = now

    def block(self, now: float) -> bytes:
        """A reception block; the share lost is of what was expected since the last one."""
        expected, received = self.expected - self._expected_before, self.received - self._received_before
        self._expected_before, self._received_before = self.expected, self.received
        lost = max(0, expected - received)
        share = min(255, lost * 256 // expected) if expected else 0
        delay = min(0xFFFFFFFF, int((now - self._sender_report_at) * 65536)) if self._sender_report else 0
        return _REPORT.pack(
            self.ssrc,
            share << 24 | min(self.lost, 0x7FFFFF),
            self._highest & 0xFFFFFFFF,
            min(0xFFFFFFFF, int(self._jitter)),
            self._sender_report,
            delay,
        )
