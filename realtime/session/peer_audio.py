"""A WebRTC peer of our own as a media port: here, once, base64 becomes samples and samples become base64."""

from __future__ import annotations

import asyncio
import base64
from typing import assert_never

from realtime.core.actions import Loss
from realtime.errors import InvalidRequest, OfferRefused
from realtime.protocol.appserver import AudioParams
from realtime.protocol.audio import AudioChunk
from realtime.protocol.ids import ItemId
from realtime.protocol.json import JsonObject
from realtime.session.data_channel import DataChannel
from realtime.session.intake import Intake
from realtime.session.media import Append, Position
from transports.errors import NegotiationFailed
from transports.peer import CloseReason, MediaPeer, PeerStats

MS_PER_BYTE = 1000 / (2 * 24_000)
UNNAMED = ""
"""The tag of audio that belongs to no item."""


class _Ear:
    """What the peer tells; see ``PeerListener``."""

    def __init__(self, channel: DataChannel) -> None:
        self._channel = channel
        self.append: Append | None = None
        self.ended: CloseReason | None = None

    def connected(self) -> None:
        """The peer's state says so too."""

    def heard(self, pcm: bytes) -> None:
        """The microphone."""
        if self.append is not None:
            self.append(base64.b64encode(pcm).decode(), len(pcm) * MS_PER_BYTE)

    def opened(self) -> None:
        """The data channel is there."""
        self._channel.opened()

    def shut(self) -> None:
        """The data channel is not there any more."""
        self._channel.shut()

    def told(self, text: str) -> None:
        """A message of the page's."""
        self._channel.told(text)

    def played(self, tag: str) -> None:
        """For the page; ``position`` is asked when a cut matters."""
        self._channel.played(tag)

    def closed(self, reason: CloseReason) -> None:
        """The peer is over."""
        self.ended = reason


class PeerAudio:
    """Hears the peer and plays to it. ``answer`` first, then ``run``."""

    def __init__(self, peer: MediaPeer) -> None:
        self._peer = peer
        self._overflowed = asyncio.Event()
        self.channel = DataChannel(peer.send, peer.carries, self._overflowed.set)
        self._ear = _Ear(self.channel)
        self._intake = Intake()

    async def answer(self, offer: str) -> str:
        """The answer to the client's offer; raises ``OfferRefused``, with nothing left open."""
        try:
            return await self._peer.answer(offer, self._ear)
        except NegotiationFailed as error:
            raise OfferRefused(f"Invalid request: {error}", field="transport.sdp") from None

    async def add_candidates(self, fragment: str) -> None:
        """Take trickled candidates; raises ``InvalidRequest`` for an ICE restart, ``OfferRefused`` for what is none."""
        try:
            await self._peer.add_candidates(fragment)
        except NegotiationFailed as error:
            if error.restart:
                raise InvalidRequest(f"Invalid request: {error}") from None
            raise OfferRefused(f"Invalid request: {error}") from None

    @property
    def is_live(self) -> bool:
        """True while somebody may be at the other end."""
        return self._ear.ended is None

    # -- the media port --------------------------------------------------------------------------------

    def play(self, chunk: AudioChunk) -> None:
        """Into the peer's buffer; a buffer that is full ends the peer."""
        try:
            data, _ = self._intake.accept(
                AudioParams(data=chunk.data, sample_rate=chunk.sample_rate, num_channels=chunk.num_channels)
            )
        except InvalidRequest:
            return  # half a frame, or a rate that nobody plays
        pcm, tag = base64.b64decode(data), chunk.item_id or UNNAMED
        if not self._peer.play(pcm[: len(pcm) // 2 * 2], tag):
            self._overflowed.set()
        self.channel.plays(tag)

    def flush(self, item_id: ItemId | None) -> None:
        """Everything that waits: the person has cut in."""
        self._peer.flush()
        self.channel.flushed()

    def position(self) -> Position | None:
        """What was sent counts as heard."""
        sent = self._peer.position()
        if sent is None:
            return Position(None, 0)
        tag, ms = sent
        return Position(ItemId(tag), ms)

    async def run(self, append: Append) -> Loss | None:
        """Until the peer is over; why."""
        self._ear.append = append
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self._watch()), group.create_task(self.channel.run())]
            await self._peer.run()
            for task in beside:
                task.cancel()
        return self._loss()

    def status(self) -> JsonObject:
        """What the peer knows of itself."""
        return shown(self._peer.stats())

    @property
    def stats(self) -> PeerStats:
        """The peer's own figures."""
        return self._peer.stats()

    async def close(self) -> None:
        """End the peer."""
        await self._peer.close()

    async def _watch(self) -> None:
        await self._overflowed.wait()
        await self._peer.close()

    def _loss(self) -> Loss:
        """The end of the peer as the end of a call."""
        if self._overflowed.is_set() and self._ear.ended == "closed":
            return Loss("too much waits for the WebRTC peer", code="slow_consumer")
        match self._ear.ended:
            case "closed" | "hangup" | "silence" | None:
                return Loss("the WebRTC peer has gone", code="peer_lost", clean=True)
            case "connect_timeout":
                return Loss("the WebRTC peer did not connect", code="peer_lost")
            case "failed":
                return Loss("the WebRTC connection failed", code="peer_lost")
            case _:
                assert_never(self._ear.ended)


def shown(stats: PeerStats) -> JsonObject:
    """The figures as ``thread/read`` shows them."""
    return {
        "peer": stats.state,
        "ice": stats.ice_state,
        "packetsReceived": stats.packets_received,
        "packetsLost": stats.packets_lost,
        "packetsSent": stats.packets_sent,
        "jitterMs": stats.jitter_ms,
        "concealedMs": stats.concealed_ms,
        "playoutDelayMs": stats.playout_delay_ms,
    }
