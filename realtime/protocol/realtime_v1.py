"""Version 1 of the realtime protocol as a codec to and from v2 events: the core knows v2 only.

v1 hands work over by an event of its own and is told what the agent said by another; it has no function
outputs, no ``response.create``, no truncation.
"""

from __future__ import annotations

from realtime.protocol import json
from realtime.protocol import realtime as v2
from realtime.protocol.json import JsonObject

_PASSED = (
    v2.InputTranscriptDone,
    v2.OutputTextDone,
    v2.ItemAdded,
    v2.ErrorEvent,
    v2.SessionShown,
    v2.Malformed,
)
_AGENT_MESSAGE = '"Agent Final Message":\n\n'
_NO_HANDOFF = "voxgate"


class V2Codec:
    """Events as they are."""

    def decode(self, text: str | bytes) -> v2.ServerEvent:
        """One message of the upstream; never raises."""
        return v2.decode(text)

    def encode(self, event: v2.ClientEvent) -> str | None:
        """One event to the upstream."""
        return v2.encode(event)


class V1Codec:
    """Remembers the newest hand-off: what the agent says is addressed to it."""

    def __init__(self) -> None:
        self._handoff = _NO_HANDOFF

    def decode(self, text: str | bytes) -> v2.ServerEvent:
        """One message of the upstream as a v2 event; ``Unknown`` for what v1 does not have."""
        try:
            value = json.decode_object(text)
        except ValueError as error:
            return v2.Malformed(reason=str(error))
        match value.get("type"):
            case "conversation.output_audio.delta":
                return _audio(value)
            case "conversation.input_transcript.delta":
                return _renamed(value, "conversation.item.input_audio_transcription.delta")
            case "conversation.output_transcript.delta":
                return _renamed(value, "response.output_audio_transcript.delta")
            case "conversation.handoff.requested":
                return self._requested(value)
            case _:
                event = v2.decode_value(value)
                return event if isinstance(event, _PASSED) else v2.Unknown(type=event.type)

    def encode(self, event: v2.ClientEvent) -> str | None:
        """One event to the upstream, or None for what v1 cannot be told."""
        if isinstance(event, v2.ItemCreate):
            return self._encode_item(event.item)
        if isinstance(event, v2.SessionUpdate | v2.AudioAppend | v2.AudioCommit | v2.AudioClear):
            return v2.encode(event)
        return None

    def _requested(self, value: JsonObject) -> v2.ServerEvent:
        handoff = value.get("handoff_id") or value.get("item_id")
        if not isinstance(handoff, str):
            return v2.Malformed(reason="conversation.handoff.requested: no handoff_id")
        self._handoff = handoff
        arguments = json.encode({"input_transcript": value.get("input_transcript") or ""})
        item = {
            "type": "function_call",
            "id": value.get("item_id"),
            "call_id": handoff,
            "name": "background_agent",
            "arguments": arguments if value.get("input_transcript") else "",
        }
        return v2.decode_value({"type": "conversation.item.done", "item": item})

    def _encode_item(self, item: JsonObject) -> str | None:
        if item.get("type") != "message":
            return None
        text = "".join(part.get("text", "") for part in item["content"])
        if text.startswith("[BACKEND] "):
            words = _AGENT_MESSAGE + text.removeprefix("[BACKEND] ")
            body = {"type": "conversation.handoff.append", "handoff_id": self._handoff, "output_text": words}
            return json.encode(body)
        content = [{"type": "text", "text": text.removeprefix("[USER] ")}]
        return json.encode({"type": "conversation.item.create", "item": {**item, "content": content}})


Codec = V1Codec | V2Codec


def codec_for(version: str) -> Codec:
    """A codec for one connection."""
    return V1Codec() if version == "v1" else V2Codec()


def _renamed(value: JsonObject, name: str) -> v2.ServerEvent:
    return v2.decode_value({**value, "type": name})


def _audio(value: JsonObject) -> v2.ServerEvent:
    channels = value.get("channels") or value.get("num_channels")
    if value.get("sample_rate") is None or channels is None:
        return v2.Malformed(reason="conversation.output_audio.delta: sample_rate and channels are required")
    delta = value.get("delta") or value.get("data")
    return v2.decode_value({**value, "type": "response.output_audio.delta", "delta": delta, "channels": channels})
