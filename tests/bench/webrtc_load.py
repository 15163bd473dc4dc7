"""The callers of the WebRTC benchmark, in a process of their own: they send packets made before, and decode nothing.

Spoken to by lines of JSON: ``{"sessions"}`` is answered with as many ``{"offer"}``, each of which waits for its
``{"answer"}``; then ``{"connected"}``; ``{"begin"}`` and ``{"end"}`` frame a window, whose onsets and packets are told.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from fractions import Fraction
from typing import Any

import uvloop
from aiortc import MediaStreamTrack, RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import Packet

from realtime.commands.serve import spare_the_collector
from tests.transports.tones import tone
from transports.opus import FRAME_BYTES, SILENCE, OpusEncoder

CYCLE = 50
LOUD_FRAMES = 5


def cycle() -> list[bytes]:
    """A second of packets: 100 ms of a tone, then silence."""
    encoder, pcm = OpusEncoder(32_000), tone(1000, 0.02 * LOUD_FRAMES, 24_000).tobytes()
    frames = [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)] + [SILENCE] * (CYCLE - LOUD_FRAMES)
    return [encoder.encode(frame) for frame in frames * 2][CYCLE:]


class Caller(MediaStreamTrack):
    """A connection and its microphone; notes when each onset leaves."""

    kind = "audio"
    packets = cycle()

    def __init__(self) -> None:
        super().__init__()
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.connection.addTrack(self)
        self.connection.createDataChannel("oai-events")
        self.onsets: list[int] = []
        self.received = 0
        self._sent = 0
        self._start = 0.0

    async def recv(self) -> Packet[Any]:
        loop = asyncio.get_running_loop()
        self._start = self._start or loop.time()
        await asyncio.sleep(self._start + self._sent * 0.02 - loop.time())
        packet = Packet(self.packets[self._sent % CYCLE])
        packet.pts, packet.time_base = self._sent * 480, Fraction(1, 24_000)
        if self._sent % CYCLE == 0:
            self.onsets.append(time.monotonic_ns())
        self._sent += 1
        return packet

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def answered(self, answer: str) -> None:
        """Connect; what comes is counted and goes no further, since decoding it would only cost this side."""
        connected = asyncio.Event()
        self.connection.on("connectionstatechange", connected.set)
        for receiver in self.connection.getReceivers():
            receiver._handle_rtp_packet = self._counted  # type: ignore[method-assign]
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        while self.connection.connectionState != "connected":
            connected.clear()
            await connected.wait()

    async def _counted(self, packet: object, arrival_time_ms: int) -> None:
        self.received += 1


async def main() -> None:
    """Take orders until the input ends."""
    reader = asyncio.StreamReader(limit=1 << 22)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    callers: list[Caller] = []
    begin = 0.0
    while line := await reader.readline():
        order = json.loads(line)
        said: dict[str, Any] = {}
        if "sessions" in order:
            for _ in range(order["sessions"]):
                callers.append(Caller())
                print(json.dumps({"offer": await callers[-1].offer()}), flush=True)
                await callers[-1].answered(json.loads(await reader.readline())["answer"])
        elif "begin" in order:
            spare_the_collector()
            begin = time.monotonic()
            for caller in callers:
                caller.received = 0
                caller.onsets.clear()
        else:
            said["seconds"] = time.monotonic() - begin
            said["sent"] = [{"onsets": caller.onsets, "received": caller.received} for caller in callers]
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
