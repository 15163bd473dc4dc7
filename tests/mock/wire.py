"""A client of the mock over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

from realtime.mock.server import MockServer
from realtime.protocol.json import JsonObject
from tests.mock.order import OrderChecker
from tests.mock.sdk_types import check

PATIENCE_S = 10.0


class Client:
    """Sends and receives events; each is checked for shape and order unless ``lenient``."""

    def __init__(self, socket: ClientConnection, *, lenient: bool) -> None:
        self.socket = socket
        self.events: list[JsonObject] = []
        self._lenient = lenient
        self._order = OrderChecker()

    async def send(self, kind: str, **members: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **members}))

    async def receive(self) -> JsonObject:
        async with asyncio.timeout(PATIENCE_S):
            event: JsonObject = json.loads(await self.socket.recv())
        if not self._lenient:
            check(event)
            self._order.see(event)
        self.events.append(event)
        return event

    async def until(self, kind: str) -> JsonObject:
        while (event := await self.receive())["type"] != kind:
            pass
        return event

    async def type(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        await self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})

    async def ask(self, text: str) -> JsonObject:
        await self.type(text)
        await self.send("response.create")
        response: JsonObject = (await self.until("response.done"))["response"]
        return response

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]


def address(server: MockServer, query: str = "?model=gpt-realtime") -> str:
    return f"ws://127.0.0.1:{server.port}/v1/realtime{query}"


@asynccontextmanager
async def connected(server: MockServer, *, lenient: bool = False, **options: Any) -> AsyncIterator[Client]:
    async with websockets.connect(address(server), max_size=None, **options) as socket:
        client = Client(socket, lenient=lenient)
        assert (await client.receive())["type"] == "session.created"
        yield client
