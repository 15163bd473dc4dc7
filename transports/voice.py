"""The audio of one call, both ways, over a secured path: done where a datagram arrives, and on one timer of 20 ms.

Each beat of the timer sends a frame, gives up waiting for lost packets and, now and then, reports to the other side and
looks whether it is still there. There is no thread and no task in it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Final

from transports.aiortc_private import SecuredPath
from transports.microphone import Microphone
from transports.offer import Offer
from transports.opus import OpusEncoder
from transports.pacer import Pacer
from transports.peer import PeerListener, PeerSettings
from transports.playout import Playout
from transports.rtp import CLOCK_RATE, RtpWriter, parse

_FRAME_TICKS: Final = CLOCK_RATE // 50
_REPORT_BEATS: Final = 75
_WATCH_BEATS: Final = 25


class Voice:
    """Begun when the path is connected; ``silent`` is called when nothing has come by it for too long."""

    def __init__(self, settings: PeerSettings, offer: Offer, listener: PeerListener) -> None:
        self._silence_s = settings.silence_s
        self._listener = listener
        self._speaks = offer.direction in ("sendrecv", "recvonly")
        self.playout = Playout(settings.play_buffer_s)
        self.microphone = Microphone(offer.payload_type, listener.heard)
        self.writer = RtpWriter(offer.payload_type, secrets.randbits(32), secrets.randbits(15), secrets.randbits(32))
        self.cname = secrets.token_hex(8)
        self._encoder = OpusEncoder(settings.bit_rate)
        self._loop = asyncio.get_running_loop()
        self._pacer = Pacer(0.0)
        self._timer: asyncio.TimerHandle | None = None
        self._beats = 0

    def begin(self, path: SecuredPath, silent: Callable[[], None]) -> None:
        """The path is connected."""
        self._path = path
        self._silent = silent
        self._pacer = Pacer(self._loop.time())
        self._timer = self._loop.call_at(self._pacer.due, self._beat)

    def end(self) -> None:
        """No frame goes any more, and none is heard; what waits is dropped."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._path.send_control(self.writer.goodbye())
        self.playout.drop(None)

    def media(self, packet: bytes) -> None:
        """Decrypted RTP came."""
        parsed = parse(packet)
        if parsed is not None and self._timer is not None:
            self.microphone.arrived(parsed, self._loop.time())

    def control(self, packet: bytes) -> None:
        """Decrypted RTCP came."""
        if self.microphone.reception is not None:
            self.microphone.reception.reported(packet, self._loop.time())

    def _beat(self) -> None:
        now = self._loop.time()
        jumped = self._pacer.beat(now)
        self._beats += 1
        self._timer = self._loop.call_at(self._pacer.due, self._beat)
        self.microphone.tick(now)
        self._speak(jumped)
        if self._beats % _REPORT_BEATS == 0:
            reception = self.microphone.reception
            block = None if reception is None else reception.block(now)
            self._path.send_control(self.writer.report(block, cname=self.cname, wall=time.time()))
        if self._beats % _WATCH_BEATS == 0 and now - self._path.alive_at > self._silence_s:
            self._silent()

    def _speak(self, jumped: int) -> None:
        """A frame goes; where the other side wants no sound it goes nowhere, and at the same pace."""
        frame, finished = self.playout.take()
        if self._speaks:
            if jumped:
                self.writer.skip(jumped * _FRAME_TICKS)
            self._path.send_media(self.writer.packet(self._encoder.encode(frame), _FRAME_TICKS))
        for tag in finished:
            self._listener.played(tag)
