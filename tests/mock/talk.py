"""A session with the model under an invented clock."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from realtime.mock.loudspeaker import Playback
from realtime.mock.magic import DefaultScript
from realtime.mock.model import Close, Effect, MockModel, ModelSettings
from realtime.mock.reply import Script
from realtime.mock.script import load_script
from realtime.mock.speech.contracts import Report, Speech
from realtime.protocol.json import JsonObject
from tests.mock.order import OrderChecker
from tests.mock.sdk_types import check

RATE = 24_000


class Talk:
    """Sends events, lets time pass, keeps what came; each event is checked for shape and order as it comes."""

    def __init__(
        self,
        script: Script | None = None,
        *,
        speech: Speech | None = None,
        playback: Playback | None = None,
        **settings: Any,
    ) -> None:
        self.model = MockModel(
            script or DefaultScript(), seed="talk", settings=ModelSettings(**settings), speech=speech, playback=playback
        )
        self.now = 1000.0
        self.events: list[JsonObject] = []
        self.times: list[float] = []
        self.close: Close | None = None
        self.order = OrderChecker(live_words=self.model.hears_outside)
        self._take(self.model.opened(self.now))

    def send(self, kind: str, **members: Any) -> list[JsonObject]:
        """Send an event; returns what came at once."""
        return self._take(self.model.receive({"type": kind, **members}, self.now))

    def speak(self, *pieces: bytes) -> list[JsonObject]:
        """Let a call bring sound, 20 ms at a time; returns what came meanwhile."""
        pcm, came = b"".join(pieces), []
        for start in range(0, len(pcm), 960):
            came += self._take(self.model.hear(pcm[start : start + 960], self.now))
            came += self.wait(0.02)
        return came

    def played(self, item_id: str) -> list[JsonObject]:
        """Let a call have played all of an item; returns what came at once."""
        return self._take(self.model.played(item_id, self.now))

    def told(self, report: Report) -> list[JsonObject]:
        """Let engines outside report; returns what came at once."""
        return self._take(self.model.told(report, self.now))

    def wait(self, seconds: float) -> list[JsonObject]:
        """Let time pass, deadline by deadline; returns what came."""
        end = self.now + seconds
        came: list[JsonObject] = []
        while (deadline := self.model.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            came += self._take(self.model.tick(self.now))
        self.now = end
        return came

    def until(self, kind: str, seconds: float = 30.0) -> JsonObject:
        """Let time pass until an event of this type comes."""
        end = self.now + seconds
        while (deadline := self.model.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            for event in self._take(self.model.tick(self.now)):
                if event["type"] == kind:
                    return event
        raise AssertionError(f"no {kind} within {seconds} s: {self.kinds()[-10:]}")

    # -- what tests do often ---------------------------------------------------------------

    def configure(self, **session: Any) -> JsonObject:
        """Update the session; returns the effective configuration."""
        (event,) = self.send("session.update", session={"type": "realtime", **session})
        assert event["type"] == "session.updated", event
        effective: JsonObject = event["session"]
        return effective

    def type(self, text: str, **members: Any) -> str:
        """Add a user message; returns its id."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        events = self.send("conversation.item.create", item=item, **members)
        assert [event["type"] for event in events] == ["conversation.item.added", "conversation.item.done"], events
        return str(events[0]["item"]["id"])

    def begin(self, text: str, seconds: float = 0.0) -> None:
        """Type and want an answer; its first ``seconds`` come."""
        self.type(text)
        self.send("response.create")
        if seconds:
            self.wait(seconds)

    def ask(self, text: str) -> JsonObject:
        """Type, and have it answered; returns the finished response."""
        self.type(text)
        return self.respond()

    def respond(self, **response: Any) -> JsonObject:
        """Create a response and let it finish."""
        self.send("response.create", response=response)
        finished: JsonObject = self.until("response.done")["response"]
        return finished

    def output(self, call_id: str, text: str) -> None:
        """Answer a function call."""
        item = {"type": "function_call_output", "call_id": call_id, "output": text}
        self.send("conversation.item.create", item=item)

    def hear(self, *pieces: bytes, step_ms: int = 20) -> list[JsonObject]:
        """Send sound in chunks, each when its time has come; returns what came meanwhile."""
        pcm, size = b"".join(pieces), step_ms * RATE * 2 // 1000
        came: list[JsonObject] = []
        for start in range(0, len(pcm), size):
            came += self.send("input_audio_buffer.append", audio=base64_of(pcm[start : start + size]))
            came += self.wait(step_ms / 1000)
        return came

    def refused(self, kind: str, **members: Any) -> JsonObject:
        """Send an event that must be refused; returns the error."""
        events = self.send(kind, **members)
        assert [event["type"] for event in events] == ["error"], events
        error: JsonObject = events[0]["error"]
        return error

    def kinds(self) -> list[str]:
        """The types of all that came."""
        return [event["type"] for event in self.events]

    def all(self, kind: str) -> list[JsonObject]:
        """All events of a type."""
        return [event for event in self.events if event["type"] == kind]

    def last(self, kind: str) -> JsonObject:
        """The last event of a type."""
        return self.all(kind)[-1]

    def _take(self, effects: list[Effect]) -> list[JsonObject]:
        came: list[JsonObject] = []
        for effect in effects:
            assert self.close is None, effect
            if isinstance(effect, Close):
                self.close = effect
                continue
            check(effect)
            self.order.see(effect)
            came.append(effect)
            self.times.append(self.now)
        self.events += came
        return came


def said(response: JsonObject) -> str:
    """All that a response said, spoken or written."""
    parts = [part for item in response["output"] for part in item.get("content", [])]
    return " ".join(part.get("transcript", part.get("text", "")) for part in parts)


def calls(response: JsonObject) -> list[tuple[str, str]]:
    """Names and arguments of the calls in a response."""
    return [(item["name"], item["arguments"]) for item in response["output"] if item["type"] == "function_call"]


def tone(ms: int, amplitude: int = 8000, pitch: float = 440.0) -> bytes:
    """A tone as PCM16."""
    phase = np.arange(ms * RATE // 1000) * (2 * math.pi * pitch / RATE)
    return bytes((amplitude * np.sin(phase)).astype("<i2").tobytes())


def silence(ms: int) -> bytes:
    """Silence as PCM16."""
    return bytes(ms * RATE // 1000 * 2)


def base64_of(pcm: bytes) -> str:
    """As events carry it."""
    return base64.b64encode(pcm).decode()


def function(name: str, *required: str) -> JsonObject:
    """A function tool with required string parameters."""
    properties = {each: {"type": "string"} for each in required}
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "name": name, "description": name, "parameters": parameters}


def server(label: str, **members: Any) -> JsonObject:
    """An MCP server as a tool."""
    return {"type": "mcp", "server_label": label, "server_url": f"https://{label}.example/mcp", **members}


AGENT = function("background_agent", "prompt")
SILENT: dict[str, Any] = {
    "type": "function",
    "name": "remain_silent",
    "parameters": {"type": "object", "properties": {}},
}


def talk_with(script: str, *tools: dict[str, Any]) -> Talk:
    talk = Talk(load_script(script))
    talk.configure(tools=list(tools), output_modalities=["text"])
    return talk
