"""An upstream that answers WebRTC offers as a scenario wants, without a peer: the call, its sidebands, its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.loopback import listening
from tests.replay.upstream import WAIT_S, Upstream

OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-ufrag:abcd\r\n"
ANSWER = "v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
LOCATION = "/v1/realtime/calls/rtc_1"


@dataclass(slots=True)
class Reply:
    """How a request to make a call is answered. ``gate`` holds the answer back."""

    status: int = 201
    body: str | bytes = ANSWER
    location: str | None = LOCATION
    gate: asyncio.Event | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    content_type: str
    body: bytes


class CallsUpstream(Upstream):
    """``replies`` are used in turn, the last one for good; ``sidebands`` the same with statuses (101: welcome)."""

    def __init__(self) -> None:
        super().__init__()
        self.replies: list[Reply] = [Reply()]
        self.sidebands: list[int] = [101]
        self.asked: list[Asked] = []
        self.hung_up: list[str] = []
        self._news = asyncio.Event()

    async def make(self, request: web.Request) -> web.StreamResponse:
        """``POST …/realtime/calls``."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(str(request.rel_url), headers, request.headers.get("Content-Type", ""), body))
        self._news.set()
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply.gate is not None:
            await reply.gate.wait()
        data = reply.body.encode() if isinstance(reply.body, str) else reply.body
        headers = dict(reply.headers)
        if reply.location is not None:
            headers["Location"] = reply.location
        return web.Response(status=reply.status, body=data, content_type="application/sdp", headers=headers)

    async def hang_up(self, request: web.Request) -> web.StreamResponse:
        """``POST …/calls/{id}/hangup``."""
        self.hung_up.append(request.match_info["call"])
        self._news.set()
        return web.Response(status=200)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """A sideband."""
        status = self.sidebands.pop(0) if len(self.sidebands) > 1 else self.sidebands[0]
        if status != 101:
            self.refused += 1
            self._news.set()
            return web.Response(status=status)
        return await super().handle(request)

    async def until(self, condition: Any) -> None:
        """Wait until it holds; looked at whenever a request has come."""
        async with asyncio.timeout(WAIT_S):
            while not condition(self):
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def answering() -> AsyncIterator[CallsUpstream]:
    """An upstream on a free port."""
    upstream = CallsUpstream()
    application = web.Application()
    application.router.add_post("/v1/realtime/calls", upstream.make)
    application.router.add_post("/v1/realtime/calls/{call}/hangup", upstream.hang_up)
    application.router.add_get("/{path:.*}", upstream.handle)
    async with listening(application) as address:
        upstream.base_url = f"{address}/v1"
        yield upstream
