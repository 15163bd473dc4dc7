"""A page that calls the mock, with aiortc in the browser's place and otherwise as the guide to WebRTC has it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np
import numpy.typing as npt
from aiortc import MediaStreamTrack, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from realtime.mock.server import MockServer
from realtime.protocol.json import JsonObject
from tests.mock.order import OrderChecker
from tests.mock.sdk_types import check
from tests.transports.caller import Tongue, caller_connection

PATIENCE_S = 30.0
SDP = "application/sdp"
Samples = npt.NDArray[np.int16]


@dataclass
class Page:
    """A call from the caller's side. Events are checked for shape and order as they come."""

    connection: RTCPeerConnection
    channel: RTCDataChannel
    location: str | None
    events: list[JsonObject] = field(default_factory=list)
    sound: list[Samples] = field(default_factory=list)
    """What is heard, 48 kHz."""
    over: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _order: OrderChecker = field(default_factory=OrderChecker)
    _problem: BaseException | None = None

    @property
    def call_id(self) -> str:
        """As clients read it from the header."""
        assert self.location is not None
        return self.location.rpartition("/")[2]

    @property
    def heard(self) -> Samples:
        """All that was heard, without the silence around it."""
        samples = np.concatenate([np.zeros(0, np.int16), *self.sound])
        (loud,) = np.nonzero(np.abs(samples) > 500)
        return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]

    def send(self, kind: str, **members: Any) -> None:
        """Send an event by the data channel."""
        self.channel.send(json.dumps({"type": kind, **members}))

    def ask(self, text: str) -> None:
        """Type, and want an answer."""
        content = [{"type": "input_text", "text": text}]
        self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        self.send("response.create")

    async def until(self, kind: str, count: int = 1) -> JsonObject:
        """Wait for the ``count``-th event of a type."""
        await self.see(lambda: self.kinds().count(kind) >= count)
        return [event for event in self.events if event["type"] == kind][count - 1]

    async def see(self, condition: Callable[[], bool]) -> None:
        """Wait for what comes by the call to make it true."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                if self._problem is not None:
                    raise self._problem
                self._changed.clear()
                await self._changed.wait()

    def kinds(self) -> list[str]:
        """The types of all that came."""
        return [event["type"] for event in self.events]

    def told(self, text: str) -> None:
        """A message came."""
        event = json.loads(text)
        try:
            check(event)
            self._order.see(event)
        except (AssertionError, ValueError) as problem:
            self._problem = problem
        self.events.append(event)
        self._changed.set()

    def ended(self) -> None:
        """The channel has been closed from the other side."""
        self.over = True
        self._changed.set()

    async def listen(self, track: MediaStreamTrack) -> None:
        """Hear until the call is over."""
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                self.sound.append(frame.to_ndarray().reshape(-1, 2)[:, 0].astype(np.int16))
                self._changed.set()
        except MediaStreamError:
            return


@asynccontextmanager
async def offering() -> AsyncIterator[str]:
    """A right offer that nobody goes on with."""
    connection = caller_connection()
    connection.addTransceiver("audio")
    connection.createDataChannel("oai-events")
    await connection.setLocalDescription(await connection.createOffer())
    yield connection.localDescription.sdp
    await connection.close()


async def post(
    server: MockServer, offer: str, *, headers: Mapping[str, str] | None = None, query: str = "?model=gpt-realtime"
) -> tuple[int, str, Mapping[str, str]]:
    """Post an offer as it is; returns status, body and headers of the answer."""
    address = f"{server.base_url}/realtime/calls{query}"
    given = {"Content-Type": SDP, **(headers or {})}
    async with aiohttp.ClientSession() as http, http.post(address, data=offer.encode(), headers=given) as answer:
        return answer.status, await answer.text(), answer.headers


@asynccontextmanager
async def calling(
    server: MockServer,
    *,
    says: Samples | None = None,
    by: Callable[[MockServer, str], Any] = post,
) -> AsyncIterator[Page]:
    """A call whose data channel is open; ``by`` posts the offer. The page leaves at the end."""
    connection = caller_connection()
    connection.addTrack(Tongue(np.zeros(0, np.int16) if says is None else says))
    channel = connection.createDataChannel("oai-events")
    try:
        await connection.setLocalDescription(await connection.createOffer())
        status, answer, headers = await by(server, connection.localDescription.sdp)
        assert status == 201, answer
        page = Page(connection, channel, headers.get("Location"))
        channel.on("message", page.told)
        channel.on("close", page.ended)
        async with asyncio.TaskGroup() as group:
            connection.on("track", lambda track: group.create_task(page.listen(track)))
            await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            try:
                assert (await page.until("session.created")) == page.events[0]
                yield page
            finally:
                await connection.close()
    finally:
        await connection.close()
