"""An end of a WebRTC call played by aiortc, used as its documentation shows, on this machine's own addresses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

RATE = 48_000
FRAME = 960
WAIT_S = 60.0
Samples = npt.NDArray[np.int16]
NOTHING: Samples = np.zeros(0, np.int16)


class Tongue(MediaStreamTrack):
    """A microphone: 48 kHz mono samples in real time, silence when they are at an end."""

    kind = "audio"

    def __init__(self, samples: Samples) -> None:
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


class Line:
    """The offering end, with a microphone and a data channel; it keeps what comes."""

    def __init__(self, microphone: MediaStreamTrack, connection: RTCPeerConnection | None = None) -> None:
        self.connection = connection or caller_connection()
        self.connection.addTrack(microphone)
        self.channel = self.connection.createDataChannel("oai-events")
        self.texts: list[str] = []
        self.sound: list[Samples] = []
        """Frames of 48 kHz stereo, one channel of them."""
        self.changed = asyncio.Event()
        self.channel.on("open", self.changed.set)
        self.channel.on("close", self.changed.set)
        self.channel.on("message", self.told)
        self.connection.on("connectionstatechange", self.changed.set)

    @asynccontextmanager
    async def up(self, answer: Callable[[str], Awaitable[str]]) -> AsyncIterator[None]:
        """A call with its data channel open, for the length of the block; ``answer`` gives the offer's answer.

        What it raises is raised as it is: there is no call.
        """
        try:
            await self.connection.setLocalDescription(await self.connection.createOffer())
            described = RTCSessionDescription(await answer(self.connection.localDescription.sdp), "answer")
            async with asyncio.TaskGroup() as group:
                self.connection.on("track", lambda track: group.create_task(self._listen(track)))
                try:
                    await self.connection.setRemoteDescription(described)
                    await self.see(lambda: self.channel.readyState == "open")
                    yield
                finally:
                    await self.connection.close()
        finally:
            await self.connection.close()

    @property
    def is_left(self) -> bool:
        """True once the other side has gone."""
        return self.channel.readyState == "closed" or self.connection.connectionState in ("closed", "failed")

    async def see(self, condition: Callable[[], bool]) -> None:
        """Wait for what comes by the call to make it true."""
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def told(self, text: str) -> None:
        """A message came by the data channel."""
        self.texts.append(text)
        self.changed.set()

    def take(self, frame: Samples) -> None:
        """A frame of sound came."""
        self.sound.append(frame)

    async def _listen(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                self.take(frame.to_ndarray().reshape(-1, 2)[:, 0].astype(np.int16))
                self.changed.set()
        except MediaStreamError:
            return


def caller_connection() -> RTCPeerConnection:
    """An offerer that asks no foreign server."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
