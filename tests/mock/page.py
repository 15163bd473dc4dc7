"""A page that calls the mock, with aiortc in the browser's place and otherwise as the guide to WebRTC has it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np

from realtime.mock.server import MockServer
from realtime.protocol.json import JsonObject
from tests.mock.order import OrderChecker
from tests.mock.sdk_types import check
from tests.transports.line import NOTHING, Line, Samples, Tongue, caller_connection

SDP = "application/sdp"


class Page(Line):
    """A call from the caller's side. Events are checked for shape and order as they come."""

    def __init__(self, says: Samples) -> None:
        super().__init__(Tongue(says))
        self.location: str | None = None
        self.events: list[JsonObject] = []
        self._order = OrderChecker()
        self._problem: BaseException | None = None

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
        """Wait for what comes by the call to make it true; raises what is wrong with an event."""
        await super().see(lambda: self._problem is not None or condition())
        if self._problem is not None:
            raise self._problem

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
        self.changed.set()


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
    says: Samples = NOTHING,
    by: Callable[[MockServer, str], Any] = post,
) -> AsyncIterator[Page]:
    """A call whose data channel is open; ``by`` posts the offer. The page leaves at the end."""
    page = Page(says)

    async def answered(offer: str) -> str:
        status, answer, headers = await by(server, offer)
        assert status == 201, answer
        page.location = headers.get("Location")
        return str(answer)

    async with page.up(answered):
        assert (await page.until("session.created")) == page.events[0]
        yield page
