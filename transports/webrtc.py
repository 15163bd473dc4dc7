"""A WebRTC peer of our own: Opus both ways and one data channel. The contract is ``transports.peer.MediaPeer``."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from aiortc import RTCDataChannel

from transports import answer as description
from transports.aiortc_private import MAX_MESSAGE, SCTP_PORT, SecuredPath
from transports.candidates import MAX_CANDIDATES
from transports.errors import NegotiationFailed
from transports.offer import Offer, parse, parse_fragment
from transports.peer import CloseReason, PeerListener, PeerSettings, PeerState, PeerStats
from transports.voice import Voice

_CLOSE_S: Final = 2.0
_MAX_UNSENT: Final = 1 << 20
"""Bytes that may wait in the data channel."""


class AiortcPeer:
    """See ``MediaPeer``. Made for one offer, on one loop."""

    def __init__(self, settings: PeerSettings) -> None:
        self._settings = settings
        self._call: _Call | None = None
        self._closed = False

    async def answer(self, offer: str, listener: PeerListener) -> str:
        """Take an offer, return the answer with all candidates; raises ``NegotiationFailed``."""
        if self._call is not None or self._closed:
            raise NegotiationFailed("a peer answers one offer")
        self._call = _Call(self._settings, parse(offer, private=self._settings.private_candidates), listener)
        try:
            return await self._call.answer()
        except BaseException:
            self._closed = True
            call, self._call = self._call, None
            await call.discard()
            raise

    async def add_candidates(self, fragment: str) -> None:
        """Take a trickled fragment (RFC 8840); raises ``NegotiationFailed``, with ``restart`` for an ICE restart."""
        if self._call is None:
            raise NegotiationFailed("there is no call to add candidates to")
        await self._call.add_candidates(fragment)

    async def run(self) -> None:
        """Connect, carry the call, free everything; for one task, once, after ``answer``."""
        if self._call is not None:
            await self._call.run()

    def play(self, pcm: bytes, tag: str) -> bool:
        """Queue audio behind what waits; False: the buffer is full, or the call over, and nothing was taken."""
        return self._call is not None and not self._call.over and self._call.voice.playout.put(pcm, tag)

    def flush(self, tag: str | None = None) -> None:
        """Drop what was not sent yet, of one tag or of all."""
        if self._call is not None:
            self._call.voice.playout.drop(tag)

    def position(self) -> tuple[str, int] | None:
        """The tag that was sent last, and how many milliseconds of it in all."""
        return None if self._call is None else self._call.voice.playout.position()

    def send(self, text: str) -> bool:
        """Send by the data channel; False: it is not open, or too much waits in it, or would."""
        return self._call is not None and self._call.send(text)

    def carries(self, text: str) -> bool:
        """False for a text that is longer than the other side's data channel takes."""
        return self._call is not None and len(text.encode()) <= self._call.longest

    def stats(self) -> PeerStats:
        """Figures of this moment."""
        if self._call is None:
            return PeerStats(state="closed" if self._closed else "new", ice_state="new")
        return self._call.stats()

    async def close(self) -> None:
        """End the call and wait until everything is freed; idempotent, and enough where ``run`` never began."""
        self._closed = True
        if self._call is not None:
            await self._call.close()


class _Call:
    """What there is from an offer on."""

    def __init__(self, settings: PeerSettings, offer: Offer, listener: PeerListener) -> None:
        self._settings = settings
        self._offer = offer
        self._listener = listener
        self._state: PeerState = "new"
        self.voice = Voice(settings, offer, listener)
        self._path = SecuredPath(settings, self)
        self._channels: list[RTCDataChannel] = []
        """Those that the other side has opened, in that order; the first that is open is the one."""
        self._trickled = len(offer.candidates)
        self._running = False
        self._reason: CloseReason | None = None
        self._ended = asyncio.Event()
        self._freed = asyncio.Event()

    @property
    def over(self) -> bool:
        return self._ended.is_set()

    @property
    def longest(self) -> int:
        """Bytes of a message; 0 in the offer is no limit (RFC 8841, section 6.1)."""
        return min(self._offer.max_message or _MAX_UNSENT, _MAX_UNSENT)

    async def answer(self) -> str:
        await self._path.prepare()
        ufrag, password = self._path.credentials
        ours = description.Local(
            ufrag=ufrag,
            password=password,
            fingerprints=self._path.fingerprints,
            setup="passive" if self._offer.setup == "active" else "active",
            candidates=description.announced(self._path.candidates, self._settings.public_ip),
            ssrc=self.voice.writer.ssrc,
            cname=self.voice.cname,
            bit_rate=self._settings.bit_rate,
            sctp_port=SCTP_PORT,
            max_message=MAX_MESSAGE,
            session=secrets.randbits(62),
        )
        return description.write(self._offer, ours)

    async def add_candidates(self, fragment: str) -> None:
        if self.over:
            raise NegotiationFailed("the call is over")
        for candidate in parse_fragment(fragment, self._offer, private=self._settings.private_candidates):
            self._trickled += 1
            if self._trickled > MAX_CANDIDATES:
                raise NegotiationFailed(f"more than {MAX_CANDIDATES} candidates")
            await self._path.add(candidate)

    async def run(self) -> None:
        if self._running or self._freed.is_set():
            return
        self._running = True
        try:
            async with asyncio.TaskGroup() as group:
                connecting = group.create_task(self._connect())
                await self._ended.wait()
                connecting.cancel()
        finally:
            self._end("closed")
            await self._free()
            self._listener.closed(self._reason or "closed")

    async def _connect(self) -> None:
        self._state = "connecting"
        try:
            async with asyncio.timeout(self._settings.connect_s):
                connected = await self._path.connect(self._offer)
        except TimeoutError:
            self._end("connect_timeout")
        else:
            if self.over:
                return  # just now, by another end
            if connected:
                self._state = "connected"
                self.voice.begin(self._path, lambda: self._end("silence"))
                self._listener.connected()
            else:
                self._end("failed")

    def media(self, packet: bytes) -> None:
        self.voice.media(packet)

    def control(self, packet: bytes) -> None:
        self.voice.control(packet)

    def channel(self, channel: RTCDataChannel) -> None:
        """The first one is the one, whatever it is called; when it is closed, the next."""
        if self.over:
            return
        was_open = self._current() is not None
        self._channels.append(channel)
        channel.on("message", lambda message: self._told(channel, message))
        channel.on("close", self._current)
        if not was_open:
            self._listener.opened()

    def lost(self, goodbye: bool) -> None:
        self._end("hangup" if goodbye else "failed")

    def _current(self) -> RTCDataChannel | None:
        """The channel in use. What the other side has closed is forgotten as soon as that is seen."""
        known, self._channels = self._channels, [channel for channel in self._channels if channel.readyState == "open"]
        if known and not self._channels and not self.over:
            self._listener.shut()
        return self._channels[0] if self._channels else None

    def _told(self, channel: RTCDataChannel, message: str | bytes) -> None:
        if isinstance(message, str) and not self.over and channel is self._current():
            self._listener.told(message)

    def _end(self, reason: CloseReason) -> None:
        if self._reason is None:
            self._reason = reason
            self._ended.set()
            self.voice.end()

    def send(self, text: str) -> bool:
        channel = None if self.over else self._current()
        if channel is None:
            return False
        size = len(text.encode())
        if channel.bufferedAmount + size > _MAX_UNSENT or size > self.longest:
            return False
        channel.send(text)
        return True

    def stats(self) -> PeerStats:
        reception = self.voice.microphone.reception
        return PeerStats(
            state=self._state,
            ice_state=self._path.ice_state,
            packets_received=0 if reception is None else reception.received,
            packets_lost=0 if reception is None else reception.lost,
            packets_sent=self.voice.writer.packets,
            jitter_ms=0.0 if reception is None else reception.jitter_ms,
            concealed_ms=self.voice.microphone.concealed_ms,
            playout_delay_ms=self.voice.playout.waiting_ms,
        )

    async def close(self) -> None:
        self._end("closed")
        if not self._running:
            self._running = True
            await self._free()
            self._listener.closed(self._reason or "closed")
        await self._freed.wait()

    async def discard(self) -> None:
        """The offer was not answered."""
        self._running = True
        self._end("closed")
        await self._free()

    async def _free(self) -> None:
        """Also when cancelled it is waited for: a socket that is left half closed stays open for good."""
        self._state = "closed"
        try:
            await asyncio.shield(self._release())
        except asyncio.CancelledError:
            await self._freed.wait()
            raise

    async def _release(self) -> None:
        hurry = asyncio.get_running_loop().call_later(_CLOSE_S, self._path.abort)
        try:
            async with asyncio.timeout(2 * _CLOSE_S):
                await self._path.close()
        except TimeoutError:
            # sockets are closed; what is left is waiting that a library does
            pass
        finally:
            hurry.cancel()
            self._channels.clear()
            self._freed.set()
