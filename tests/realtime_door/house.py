"""A gateway before a mock, in the test's own process, and stock clients of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent

from realtime.configuration import load
from realtime.gateway import Gateway
from realtime.mock.server import MockServer
from realtime.protocol.appserver import Record
from realtime.protocol.ids import ThreadId
from realtime.protocol.json import JsonObject
from realtime.server.app import serving
from tests.mock import sdk_types
from tests.mock.order import OrderChecker

PATIENCE_S = 15.0


@dataclass(frozen=True, slots=True)
class House:
    """``url`` is what SDKs take as base URL."""

    url: str
    gateway: Gateway
    mock: MockServer
    journal: Path

    def client(self, key: str = "any", **headers: str) -> AsyncOpenAI:
        """The official SDK, put before the gateway by address and key alone."""
        return AsyncOpenAI(base_url=self.url, api_key=key, max_retries=0, default_headers=headers or None)

    def sent_upstream(self) -> list[JsonObject]:
        """All that the mock got."""
        entries = map(json.loads, self.journal.read_text().splitlines())
        return [entry["event"] for entry in entries if entry["dir"] == "client"]

    async def records(self, thread_id: str) -> list[Record]:
        """All that the thread holds, once its call is over."""
        await self.gateway.calls.end(ThreadId(thread_id))
        await (await self.gateway.threads.lane(ThreadId(thread_id))).record()
        page = await self.gateway.library.records(ThreadId(thread_id), after=0, limit=500)
        return list(page.records)

    async def lines(self, thread_id: str) -> list[tuple[str, str]]:
        """(type, text) of the items that ended, in the order they ended."""
        items = [each.params["item"] for each in await self.records(thread_id) if each.method == "item/completed"]
        return [(item["type"], item["text"]) for item in items]


@asynccontextmanager
async def house(data: Path, mock: MockServer, **sections: Mapping[str, Any]) -> AsyncIterator[House]:
    """A gateway before this mock; ``sections`` are those of the settings."""
    flags: dict[str, Any] = {"data": data, "upstream": {"base_url": mock.base_url}, "server": {}, **sections}
    flags["server"] = {"port": 0, **flags["server"]}
    settings = load(flags=flags)
    gateway = Gateway(settings)
    doors = serving(gateway, settings.server, settings.limits, gateway.telemetry)
    async with gateway.running(), doors as address:
        yield House(f"{address}v1", gateway, mock, data / "mock.log")


def check(event: JsonObject) -> None:
    """By the SDK's types; the thread is named beside what they list."""
    session = event.get("session")
    if isinstance(session, dict):
        assert session.pop("voxgate")["thread_id"]
    sdk_types.check(event)


class Talk:
    """A connection of the SDK; every event that comes is checked for shape and order."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.events: list[RealtimeServerEvent] = []
        self.raw: list[JsonObject] = []
        self.thread_id = ""
        self._order = OrderChecker()

    async def receive(self) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            raw = await self.connection.recv_bytes()
        values = json.loads(raw)
        self.raw.append(json.loads(raw))
        if values["type"] == "session.created":
            self.thread_id = values["session"]["voxgate"]["thread_id"]
        check(values)
        if values["type"] == "response.done" and values["response"]["usage"] is None:
            # what a lost upstream would have billed, nobody knows
            values["response"]["usage"] = dict.fromkeys(("total_tokens", "input_tokens", "output_tokens"), 0)
        self._order.see(values)
        event = self.connection.parse_event(raw)
        self.events.append(event)
        return event

    async def until(self, kind: str, count: int = 1) -> Any:
        """The next event of this type, or the one so many further."""
        for _ in range(count):
            while (event := await self.receive()).type != kind:
                pass
        return event

    async def say(self, text: str) -> None:
        await self.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        )

    async def ask(self, text: str) -> Any:
        """Say it, ask for a response, and wait for its end."""
        await self.say(text)
        await self.connection.response.create()
        return (await self.until("response.done")).response

    def kinds(self) -> list[str]:
        return [event.type for event in self.events]

    def told(self) -> str:
        """All that came, but for the session's configuration."""
        return json.dumps([event for event in self.raw if not event["type"].startswith("session.")])

    def errors(self) -> list[JsonObject]:
        return [event["error"] for event in self.raw if event["type"] == "error"]


@asynccontextmanager
async def talking(client: AsyncOpenAI, *, thread_id: str | None = None, text: bool = True) -> AsyncIterator[Talk]:
    """The SDK connected, and told that the session began."""
    query = {"thread_id": thread_id} if thread_id else {}
    async with client.realtime.connect(model="gpt-realtime", extra_query=query) as connection:
        talk = Talk(connection)
        assert (await talk.receive()).type == "session.created"
        if text:
            await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
            await talk.until("session.updated")
        yield talk


def words(response: Any) -> str:
    """All text of a response's messages."""
    parts = [part for item in response.output or [] if item.type == "message" for part in item.content or []]
    return "".join(part.text or part.transcript or "" for part in parts)
