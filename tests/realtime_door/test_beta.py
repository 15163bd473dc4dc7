"""A client of the 2024 beta, written by hand with the names of its public documentation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

from realtime.mock.server import MockServer
from realtime.protocol.json import JsonObject
from tests.realtime_door.house import PATIENCE_S, House
from tests.realtime_door.house import house as opened

KNOWN = {
    "session.created",
    "session.updated",
    "conversation.item.created",
    "response.created",
    "response.output_item.added",
    "response.content_part.added",
    "response.text.delta",
    "response.text.done",
    "response.audio.delta",
    "response.audio.done",
    "response.audio_transcript.delta",
    "response.audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
    "error",
}
"""What such a client knows of what may come here."""


class BetaClient:
    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.events: list[JsonObject] = []

    async def send(self, kind: str, **members: Any) -> None:
        await self._socket.send(json.dumps({"type": kind, **members}))

    async def until(self, kind: str) -> JsonObject:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event: JsonObject = json.loads(await self._socket.recv())
                assert event["type"] in KNOWN, event
                self.events.append(event)
                if event["type"] == kind:
                    return event

    async def ask(self, text: str, **response: Any) -> JsonObject:
        content = [{"type": "input_text", "text": text}]
        await self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await self.send("response.create", **({"response": response} if response else {}))
        done: JsonObject = (await self.until("response.done"))["response"]
        return done

    def joined(self, kind: str) -> str:
        return "".join(event["delta"] for event in self.events if event["type"] == kind)


@asynccontextmanager
async def connected(house: House) -> AsyncIterator[BetaClient]:
    url = f"{house.url.replace('http', 'ws', 1)}/realtime?model=gpt-4o-realtime-preview"
    headers = {"Authorization": "Bearer any", "OpenAI-Beta": "realtime=v1"}
    async with websockets.connect(url, additional_headers=headers, max_size=None) as socket:
        yield BetaClient(socket)


async def test_it_holds_a_text_turn(house: House) -> None:
    async with connected(house) as client:
        created = (await client.until("session.created"))["session"]
        assert created["modalities"] == ["audio", "text"]
        assert (created["input_audio_format"], created["voice"]) == ("pcm16", "marin")
        await client.send(
            "session.update", session={"modalities": ["text"], "instructions": "Be brief.", "temperature": 0.7}
        )
        updated = (await client.until("session.updated"))["session"]
        assert (updated["modalities"], updated["instructions"]) == (["text"], "Be brief.")
        assert updated["temperature"] == 0.7
        response = await client.ask("hello from the beta")
        assert client.joined("response.text.delta") == "hello from the beta"
        (item,) = response["output"]
        assert item["content"] == [{"type": "text", "text": "hello from the beta"}]
        assert response["modalities"] == ["text"]


async def test_it_is_spoken_to(house: House) -> None:
    async with connected(house) as client:
        await client.send("session.update", session={"voice": "alloy", "output_audio_format": "g711_ulaw"})
        updated = (await client.until("session.updated"))["session"]
        assert (updated["voice"], updated["output_audio_format"]) == ("alloy", "g711_ulaw")
        response = await client.ask("good day", modalities=["audio", "text"])
        assert client.joined("response.audio_transcript.delta") == "good day"
        assert any(event["type"] == "response.audio.delta" for event in client.events)
        assert response["output"][0]["content"][0]["type"] == "audio"
        assert response["output_audio_format"] == "g711_ulaw"


async def test_what_cannot_be_translated_is_said(house: House) -> None:
    async with connected(house) as client:
        await client.send("session.update", session={"turn_server": 1}, event_id="odd")
        error = (await client.until("error"))["error"]
        assert (error["code"], error["param"], error["event_id"]) == (
            "beta_untranslatable",
            "session.turn_server",
            "odd",
        )
        await client.send("session.update", session={"input_audio_format": "mp3"})
        assert (await client.until("error"))["error"]["param"] == "session.input_audio_format"


async def test_it_can_be_switched_off(tmp_path: Path, mock: MockServer) -> None:
    async with opened(tmp_path, mock, server={"realtime_beta": False}) as house, connected(house) as client:
        assert (await client.until("error"))["error"]["code"] == "beta_api_shape_disabled"
