"""The other side of a peer under test: aiortc, used as its documentation shows, on this machine's own addresses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from transports.peer import CloseReason, PeerSettings
from transports.webrtc import AiortcPeer

RATE = 48_000
FRAME = 960
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
    def samples(self) -> npt.NDArray[np.int16]:
        return np.frombuffer(bytes(self.pcm), np.int16)


class Tongue(MediaStreamTrack):
    """A microphone: 48 kHz mono samples in real time, silence when they are at an end."""

    kind = "audio"

    def __init__(self, samples: npt.NDArray[np.int16]) -> None:
        super().__init__()
        self._samples = samples
        self._at = 0
        self._start: float | None = None

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        if self._start is None:
            self._start = loop.time()
        await asyncio.sleep(self._start + self._at / RATE - loop.time())
        piece = self._samples[self._at : self._at + FRAME]
        block = np.zeros(FRAME, np.int16)
        block[: len(piece)] = piece
        frame = AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = self._at
        frame.time_base = Fraction(1, RATE)
        self._at += FRAME
        return frame


@dataclass
class Caller:
    """A call between aiortc and a peer of ours."""

    peer: AiortcPeer
    ear: Ear
    connection: RTCPeerConnection
    channel: RTCDataChannel
    offer: str
    answer: str
    texts: list[str] = field(default_factory=list)
    heard: list[npt.NDArray[np.int16]] = field(default_factory=list)
    """What came from the peer: frames of stereo 48 kHz, one channel of them."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what this side's callbacks make true."""
        async with asyncio.timeout(60):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def told(self, text: str) -> None:
        """A message came by the data channel."""
        self.texts.append(text)
        self.changed.set()

    async def listen(self, track: MediaStreamTrack) -> None:
        """Keep what comes."""
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                self.heard.append(frame.to_ndarray().reshape(-1, 2)[:, 0].astype(np.int16))
                self.changed.set()
        except MediaStreamError:
            return


def caller_connection() -> RTCPeerConnection:
    """An offerer that asks no foreign server."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))


@asynccontextmanager
async def call(
    settings: PeerSettings = LOOPBACK,
    *,
    says: npt.NDArray[np.int16] | None = None,
    track: MediaStreamTrack | None = None,
    connection: RTCPeerConnection | None = None,
    edit: Callable[[str], str] = lambda offer: offer,
) -> AsyncIterator[Caller]:
    """A call that is connected with its data channel open; both sides are closed at the end."""
    connection = connection or caller_connection()
    connection.addTrack(track or Tongue(np.zeros(0, np.int16) if says is None else says))
    channel = connection.createDataChannel("oai-events")
    await connection.setLocalDescription(await connection.createOffer())
    offer = edit(connection.localDescription.sdp)
    peer, ear = AiortcPeer(settings), Ear()
    try:
        answer = await peer.answer(offer, ear)
        made = Caller(peer, ear, connection, channel, offer, answer)
        channel.on("open", made.changed.set)
        channel.on("message", made.told)
        async with asyncio.TaskGroup() as group:
            connection.on("track", lambda track: group.create_task(made.listen(track)))
            await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            group.create_task(peer.run())
            try:
                await ear.until(lambda: ear.is_connected and ear.is_open)
                await made.until(lambda: channel.readyState == "open")
                yield made
            finally:
                await peer.close()
                await connection.close()
    finally:
        await peer.close()
        await connection.close()
