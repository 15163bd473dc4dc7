"""A naive client: what an afternoon with the guide and ``websockets`` gives, mistakes included, none on purpose.

It asks when no response is active, plays what comes, truncates by the clock, does its work where it stands,
and takes an error for an error.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection


class NaiveClient:
    """``lines`` are what a page would show, ``sound`` what a loudspeaker would get."""

    def __init__(self, socket: ClientConnection, work: Callable[[], str]) -> None:
        self.socket, self.work = socket, work
        self.active = self.wanted = False
        self.lines, self.sound = list[tuple[str, str]](), b""

    async def send(self, kind: str, **members: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **members}))

    async def add(self, **item: Any) -> None:
        await self.send("conversation.item.create", item=item)
        await self.respond()

    async def respond(self) -> None:
        self.wanted = self.active
        if not self.active:
            await self.send("response.create")

    async def run(self) -> None:
        async for message in self.socket:
            match json.loads(message):
                case {"type": "error", "error": {"message": told}}:
                    raise RuntimeError(told)
                case {"type": "response.created"}:
                    self.active, began = True, time.monotonic()
                case {"type": "response.output_audio.delta", "item_id": item_id, "delta": delta}:
                    self.sound += b64decode(delta)
                case {"type": "input_audio_buffer.speech_started"} if self.active:
                    where = {"item_id": item_id, "audio_end_ms": int((time.monotonic() - began) * 1000)}
                    await self.send("conversation.item.truncate", content_index=0, **where)
                case {"type": "conversation.item.input_audio_transcription.completed", "transcript": heard}:
                    self.lines.append(("user", heard))
                case {"type": "response.output_item.done", "item": {"name": "background_agent", "call_id": call_id}}:
                    await self.add(type="function_call_output", call_id=call_id, output=self.work())
                case {"type": "response.done", "response": {"output": output}}:
                    parts = [part for item in output for part in item.get("content", ())]
                    self.lines.append(("assistant", " ".join(part.get("transcript", "") for part in parts)))
                    self.active = False
                    if self.wanted:
                        await self.respond()
