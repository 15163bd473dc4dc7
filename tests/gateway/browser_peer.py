"""A page's end of a WebRTC call, played by aiortc as its documentation shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from aiortc import MediaStreamTrack, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from tests.transports.caller import Tongue, caller_connection

LOUD = 300
"""RMS above which something sounds."""
WAIT_S = 60.0


@dataclass
class Page:
    """``levels`` are the loudness of the frames of 20 ms that came; ``texts`` the data channel's messages."""

    connection: RTCPeerConnection
    channel: RTCDataChannel
    offer: str
    levels: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what comes over the wire to make it true."""
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    @property
    def is_left(self) -> bool:
        """True once the other side has gone."""
        return self.channel.readyState == "closed" or self.connection.connectionState in ("closed", "failed")

    async def sounds(self) -> None:
        """Wait until something is heard from now on."""
        since = len(self.levels)
        await self.until(lambda: any(level > LOUD for level in self.levels[since:]))

    async def is_quiet(self, frames: int = 25) -> None:
        """Wait until the last so many frames were silent."""
        await self.until(lambda: len(self.levels) > frames and max(self.levels[-frames:]) < LOUD)

    async def listen(self, track: MediaStreamTrack) -> None:
        """Keep how loud it is."""
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                samples = frame.to_ndarray().astype(np.float64)
                self.levels.append(float(np.sqrt(np.mean(samples**2))))
                self.changed.set()
        except MediaStreamError:
            return

    def told(self, text: str) -> None:
        """A message came."""
        self.texts.append(text)
        self.changed.set()


@asynccontextmanager
async def calling(
    answer: Callable[[str], Awaitable[str]], says: npt.NDArray[np.int16] | None = None
) -> AsyncIterator[Page]:
    """A call that is connected with its data channel open; ``answer`` gives the answer to the page's offer."""
    connection = caller_connection()
    connection.addTrack(Tongue(np.zeros(0, np.int16) if says is None else says))
    channel = connection.createDataChannel("oai-events")
    await connection.setLocalDescription(await connection.createOffer())
    page = Page(connection, channel, connection.localDescription.sdp)
    channel.on("open", page.changed.set)
    channel.on("close", page.changed.set)
    connection.on("connectionstatechange", page.changed.set)
    channel.on("message", page.told)
    try:
        async with asyncio.TaskGroup() as group:
            connection.on("track", lambda track: group.create_task(page.listen(track)))
            try:
                described = RTCSessionDescription(await answer(page.offer), "answer")
                await connection.setRemoteDescription(described)
                await page.until(lambda: channel.readyState == "open")
                yield page
            finally:
                await connection.close()
    finally:
        await connection.close()
