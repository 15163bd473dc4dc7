"""The answering side of the WebRTC benchmark, in a process of its own: peers of ours, or aiortc as its pages show it.

Spoken to by lines of JSON: ``{"offer"}`` is answered with ``{"answer"}``, ``{"begin"}`` forgets what was heard,
``{"hostile"}`` reads hostile offers and tells the longest time one took, ``{"end"}`` is answered with what was heard.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import uvloop
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler

from realtime.commands.serve import spare_the_collector
from tests.transports.offers import HOSTILE
from tests.transports.tones import tone
from transports.errors import NegotiationFailed
from transports.offer import parse
from transports.peer import CloseReason, PeerSettings
from transports.webrtc import AiortcPeer

RATE, FRAME = 24_000, 480
LOUD = 3000
SPOKEN = tone(440, 1.0, RATE)
PIECE_S = 0.2


class Hearing:
    """Counts the frames of a session and notes when it becomes loud."""

    def __init__(self) -> None:
        self.frames = 0
        self.onsets: list[int] = []
        self._quiet = 0

    def take(self, pcm: bytes) -> None:
        self.frames += 1
        if max(memoryview(pcm).cast("h")[::40]) > LOUD:
            if self._quiet > 10:
                self.onsets.append(time.monotonic_ns())
            self._quiet = 0
        else:
            self._quiet += 1

    def forget(self) -> None:
        self.frames = 0
        self.onsets.clear()


class Listener:
    """Hears for a peer of ours."""

    def __init__(self, hearing: Hearing) -> None:
        self.heard = hearing.take

    def connected(self) -> None: ...

    def opened(self) -> None: ...

    def shut(self) -> None: ...

    def told(self, text: str) -> None: ...

    def played(self, tag: str) -> None: ...

    def closed(self, reason: CloseReason) -> None: ...


async def answer_ours(offer: str, hearing: Hearing, group: asyncio.TaskGroup) -> str:
    """A peer of ours that is given its speech in pieces of 200 ms, as an upstream sends it."""
    peer = AiortcPeer(PeerSettings(loopback=True))
    answer = await peer.answer(offer, Listener(hearing))
    group.create_task(peer.run())
    group.create_task(_feed(peer))
    return answer


async def _feed(peer: AiortcPeer) -> None:
    loop = asyncio.get_running_loop()
    pieces = [SPOKEN[at : at + int(RATE * PIECE_S)].tobytes() for at in range(0, RATE, int(RATE * PIECE_S))]
    number, start = 0, loop.time()
    while True:
        peer.play(pieces[number % len(pieces)], "item")
        number += 1
        # one piece ahead of what is spoken
        await asyncio.sleep(start + (number - 1) * PIECE_S - loop.time())


class Spoken(MediaStreamTrack):
    """Paced and framed as aiortc's own AudioStreamTrack is."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._at = 0
        self._start = 0.0

    async def recv(self) -> AudioFrame:
        if self._at:
            await asyncio.sleep(self._start + self._at / RATE - time.time())
        else:
            self._start = time.time()
        begin = self._at % RATE
        frame = AudioFrame.from_ndarray(SPOKEN[begin : begin + FRAME].reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._at, Fraction(1, RATE)
        self._at += FRAME
        return frame


async def answer_documented(offer: str, hearing: Hearing, group: asyncio.TaskGroup) -> str:
    """RTCPeerConnection, a track that gives frames, ``recv`` in a loop and a resampler."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.on("track", lambda track: group.create_task(_hear(track, hearing)))
    connection.addTrack(Spoken())
    await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    return str(connection.localDescription.sdp)


async def _hear(track: MediaStreamTrack, hearing: Hearing) -> None:
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    try:
        while True:
            frame = await track.recv()
            assert isinstance(frame, AudioFrame)
            for ready in resampler.resample(frame):
                hearing.take(ready.to_ndarray().astype(np.int16).tobytes())
    except MediaStreamError:
        return


def longest_stall_ms() -> float:
    """Hostile offers are refused on the loop: the processor time of the worst of them, so long it stands still."""
    longest = 0.0
    for offer in HOSTILE.values():
        before = time.thread_time()
        try:
            parse(offer, private=False)
        except NegotiationFailed:
            longest = max(longest, time.thread_time() - before)
    return longest * 1000


async def main(kind: str) -> None:
    """Answer until the input ends."""
    reader = asyncio.StreamReader(limit=1 << 22)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    answer: Callable[..., Any] = answer_ours if kind.startswith("ours") else answer_documented
    sessions: list[Hearing] = []
    begin = spent = 0.0
    async with asyncio.TaskGroup() as group:
        while line := await reader.readline():
            order = json.loads(line)
            said: dict[str, Any] = {}
            if "offer" in order:
                sessions.append(Hearing())
                said["answer"] = await answer(order["offer"], sessions[-1], group)
            elif "begin" in order:
                spare_the_collector()
                begin, spent = time.monotonic(), time.process_time()
                for hearing in sessions:
                    hearing.forget()
            elif "hostile" in order:
                said["stall_ms"] = longest_stall_ms()
            else:
                said["seconds"], said["cpu_s"] = time.monotonic() - begin, time.process_time() - spent
                said["heard"] = [{"frames": hearing.frames, "onsets": hearing.onsets} for hearing in sessions]
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    chosen = sys.argv[1]
    (uvloop.run if chosen == "ours" else asyncio.run)(main(chosen))
