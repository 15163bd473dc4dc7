"""A Responses API on a loopback port that answers as a test says and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.loopback import listening

Write = Callable[[dict[str, Any] | str], Awaitable[None]]
"""Writes an event, or a line as it is."""
Script = Callable[[int, Write], Awaitable[None]]


class Service:
    """``script`` writes the stream of the nth request; a number instead refuses with that status."""

    def __init__(self, script: Script | int) -> None:
        self._script = script
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    @property
    def inputs(self) -> list[list[tuple[str, str]]]:
        """The role and text of each input, by request."""
        return [
            [(item["role"], "".join(part["text"] for part in item["content"])) for item in request["input"]]
            for request in self.requests
        ]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        self.headers.append(dict(request.headers))
        if isinstance(self._script, int):
            return web.json_response({"error": {"message": "secret words of the service"}}, status=self._script)
        stream = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await stream.prepare(request)

        async def write(event: dict[str, Any] | str) -> None:
            data = event if isinstance(event, str) else json.dumps(event)
            await stream.write(f"data: {data}\n\n".encode())

        await self._script(len(self.requests) - 1, write)
        return stream


@asynccontextmanager
async def serving(script: Script | int) -> AsyncIterator[Service]:
    service = Service(script)
    application = web.Application()
    application.router.add_post("/v1/responses", service.answer)
    async with listening(application) as address:
        service.url = f"{address}/v1"
        yield service


def message(text: str, phase: str | None = None) -> dict[str, Any]:
    """A finished message, as bare as servers send it."""
    item: dict[str, Any] = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    return {"type": "response.output_item.done", "item": item | ({"phase": phase} if phase else {})}


CREATED = {"type": "response.created", "response": {"id": "resp_1"}}
COMPLETED = {"type": "response.completed", "response": {"id": "resp_1", "usage": {"total_tokens": 0}}}


def saying(*texts: str) -> Script:
    """Each request is answered with these messages."""

    async def script(number: int, write: Write) -> None:
        for event in (CREATED, *(message(text) for text in texts), COMPLETED):
            await write(event)

    return script


async def talk_until_gone(write: Write, gone: asyncio.Event) -> None:
    """Go on talking until nobody listens any more, and say so."""
    try:
        while True:
            await write({"type": "response.output_text.delta", "delta": "x"})
            await asyncio.sleep(0.01)  # the pace of a service that goes on talking
    except ConnectionError:
        gone.set()
