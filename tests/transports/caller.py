"""The other side of a peer under test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection

from tests.transports.line import NOTHING, Line, Samples, Tongue
from transports.peer import CloseReason, PeerSettings
from transports.webrtc import AiortcPeer

LOOPBACK = PeerSettings(loopback=True)


class Ear:
    """A ``PeerListener`` that keeps what it hears, and lets a test wait for it."""

    def __init__(self) -> None:
        self.pcm = bytearray()
        self.frames = 0
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.reasons: list[CloseReason] = []
        self.is_open = False
        self.is_connected = False
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what the callbacks make true."""
        async with asyncio.timeout(60):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def connected(self) -> None:
        self.is_connected = True
        self._changed.set()

    def heard(self, pcm: bytes) -> None:
        assert len(pcm) == 960
        self.pcm += pcm
        self.frames += 1
        self._changed.set()

    def opened(self) -> None:
        self.is_open = True
        self._changed.set()

    def shut(self) -> None:
        self.is_open = False
        self._changed.set()

    def told(self, text: str) -> None:
        self.texts.append(text)
        self._changed.set()

    def played(self, tag: str) -> None:
        self.tags.append(tag)
        self._changed.set()

    def closed(self, reason: CloseReason) -> None:
        self.reasons.append(reason)
        self._changed.set()

    @property
    def samples(self) -> Samples:
        return np.frombuffer(bytes(self.pcm), np.int16)


class Caller(Line):
    """A call between aiortc and a peer of ours."""

    def __init__(
        self, peer: AiortcPeer, microphone: MediaStreamTrack, connection: RTCPeerConnection | None = None
    ) -> None:
        super().__init__(microphone, connection)
        self.peer = peer
        self.ear = Ear()
        self.offer = ""
        self.answer = ""


@asynccontextmanager
async def call(
    settings: PeerSettings = LOOPBACK,
    *,
    says: Samples = NOTHING,
    track: MediaStreamTrack | None = None,
    connection: RTCPeerConnection | None = None,
    edit: Callable[[str], str] = lambda offer: offer,
) -> AsyncIterator[Caller]:
    """A call that is connected with its data channel open; both sides are closed at the end."""
    made = Caller(AiortcPeer(settings), track or Tongue(says), connection)

    async def answered(offer: str) -> str:
        made.offer = edit(offer)
        made.answer = await made.peer.answer(made.offer, made.ear)
        group.create_task(made.peer.run())
        return made.answer

    async with asyncio.TaskGroup() as group:
        try:
            async with made.up(answered):
                await made.ear.until(lambda: made.ear.is_connected and made.ear.is_open)
                yield made
                await made.peer.close()
        finally:
            await made.peer.close()
