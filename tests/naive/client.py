"""A naive client: what an afternoon with the guide and ``websockets`` gives, mistakes included, none on purpose.

It asks when no response is active, plays what comes, truncates by the clock, does its work where it stands,
and takes an error for an error.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection


class NaiveClient:
    """``lines`` are what a page would show, ``sound`` what a loudspeaker would get."""

    def __init__(self, socket: ClientConnection, work: Callable[[], str]) -> None:
        self.socket, self.work = socket, work
        self.lines: list[tuple[str, str]] = []
        self.sound = bytearray()
        self.words = ""
        self.active = self.wanted = False
        self.item_id, self.began = "", 0.0

    async def send(self, kind: str, **members: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **members}))

    async def ask(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        await self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await self.respond()

    async def respond(self) -> None:
        self.wanted = self.active
        if not self.active:
            await self.send("response.create")

    async def speak(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 960):
            await self.send("input_audio_buffer.append", audio=base64.b64encode(pcm[start : start + 960]).decode())
            await asyncio.sleep(0.02)

    async def run(self) -> None:
        async for message in self.socket:
            event = json.loads(message)
            if event["type"] == "error":
                raise RuntimeError(event["error"]["message"])
            await self.receive(event)

    async def receive(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "response.created":
                self.active, self.words = True, ""
            case "response.output_audio.delta":
                if event["item_id"] != self.item_id:
                    self.item_id, self.began = event["item_id"], time.monotonic()
                self.sound += base64.b64decode(event["delta"])
            case "response.output_audio_transcript.delta":
                self.words += event["delta"]
            case "input_audio_buffer.speech_started" if self.active:
                heard = int((time.monotonic() - self.began) * 1000)
                await self.send("conversation.item.truncate", item_id=self.item_id, content_index=0, audio_end_ms=heard)
            case "conversation.item.input_audio_transcription.completed":
                self.lines.append(("user", event["transcript"]))
            case "response.output_item.done" if event["item"].get("name") == "background_agent":
                item = {"type": "function_call_output", "call_id": event["item"]["call_id"], "output": self.work()}
                await self.send("conversation.item.create", item=item)
                await self.respond()
            case "response.done":
                self.active = False
                self.lines.append(("assistant", self.words))
                if self.wanted:
                    await self.respond()
