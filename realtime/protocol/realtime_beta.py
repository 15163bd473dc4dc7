"""The beta shape of the Realtime API (``OpenAI-Beta: realtime=v1``) as a codec to and from the GA shape.

The beta had flat sessions (``modalities``, ``voice``, ``input_audio_format``), other names for the deltas of
answers (``response.audio.delta``), one event ``conversation.item.created`` where GA has two, and content
types ``text`` and ``audio`` in the assistant's items. Source: the beta's API reference, by event name.
"""

from __future__ import annotations

from realtime.protocol.complaint import Complaint
from realtime.protocol.json import JsonObject

_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_OLD_FORMATS = {new: old for old, new in _FORMATS.items()}
_NAMES = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
}
_CONTENTS = {"output_text": "text", "output_audio": "audio"}
_SAME = ("instructions", "tools", "tool_choice", "tracing", "prompt", "metadata", "conversation")
_PLACES = {
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "max_response_output_tokens": ("max_output_tokens",),
    "max_output_tokens": ("max_output_tokens",),
    "model": ("model",),
    "input": ("input",),
}
_TEMPERATURE = 0.8


class BetaCodec:
    """For one client. ``temperature``, which GA has not, is remembered and shown, and has no effect."""

    def __init__(self) -> None:
        self._temperature: object = _TEMPERATURE

    # -- from the client -------------------------------------------------------------------------------

    def from_client(self, event: JsonObject) -> JsonObject:
        """The event in the GA shape; raises ``Complaint`` for what cannot be said there."""
        match event.get("type"):
            case "session.update" if isinstance(event.get("session"), dict):
                session = self._flat(event["session"], "session")
                return {**event, "session": {"type": "realtime", **session}}
            case "response.create" if isinstance(event.get("response"), dict):
                response = self._flat(event["response"], "response")
                if isinstance(response.get("input"), list):
                    response["input"] = [_item_from(item) for item in response["input"]]
                return {**event, "response": response}
            case "conversation.item.create" if isinstance(event.get("item"), dict):
                return {**event, "item": _item_from(event["item"])}
            case "transcription_session.update":
                raise Complaint("beta_untranslatable", "Transcription sessions of the beta are not served.", "type")
        return event

    def _flat(self, values: JsonObject, path: str) -> JsonObject:
        result: JsonObject = {}
        for name, value in values.items():
            if name == "temperature":
                self._temperature = value
            elif name == "modalities":
                result["output_modalities"] = _modalities_from(value, f"{path}.modalities")
            elif name in ("input_audio_format", "output_audio_format"):
                side = "input" if name.startswith("input") else "output"
                _set(result, ("audio", side, "format"), _format_from(value, f"{path}.{name}"))
            elif name in _PLACES:
                _set(result, _PLACES[name], value)
            elif name in _SAME:
                result[name] = value
            else:
                message = f"'{path}.{name}' is no member of the beta's shape, or has no like in the GA shape."
                raise Complaint("beta_untranslatable", message, f"{path}.{name}")
        return result

    # -- to the client ---------------------------------------------------------------------------------

    def to_client(self, event: JsonObject) -> list[JsonObject]:
        """The event as the beta had it; nothing for what it had not."""
        kind = event["type"]
        if kind == "conversation.item.done":
            return []  # its beginning was told; the ends of answers are told by response.output_item.done
        event = {**event, "type": _NAMES.get(kind, kind)}
        if isinstance(event.get("item"), dict):
            event["item"] = _item_to(event["item"])
        if isinstance(event.get("session"), dict):
            event["session"] = self._session_to(event["session"])
        if isinstance(event.get("response"), dict):
            event["response"] = self._response_to(event["response"])
        return [event]

    def _session_to(self, session: JsonObject) -> JsonObject:
        heard, said = _side(session, "input"), _side(session, "output")
        return {
            "id": session.get("id"),
            "object": "realtime.session",
            "model": session.get("model"),
            "modalities": _modalities_to(session.get("output_modalities")),
            "instructions": session.get("instructions", ""),
            "voice": said.get("voice"),
            "input_audio_format": _format_to(heard.get("format")),
            "output_audio_format": _format_to(said.get("format")),
            "input_audio_transcription": heard.get("transcription"),
            "input_audio_noise_reduction": heard.get("noise_reduction"),
            "turn_detection": heard.get("turn_detection"),
            "tools": session.get("tools", []),
            "tool_choice": session.get("tool_choice", "auto"),
            "temperature": self._temperature,
            "max_response_output_tokens": session.get("max_output_tokens", "inf"),
            "voxgate": session.get("voxgate"),
        }

    def _response_to(self, response: JsonObject) -> JsonObject:
        said = _side(response, "output")
        kept = {name: value for name, value in response.items() if name not in ("audio", "output_modalities")}
        output = [_item_to(item) for item in response.get("output") or []]
        return {
            **kept,
            "output": output,
            "modalities": _modalities_to(response.get("output_modalities")),
            "voice": said.get("voice"),
            "output_audio_format": _format_to(said.get("format")),
            "temperature": self._temperature,
        }


def _modalities_from(value: object, path: str) -> list[str]:
    """``["text"]``, or audio, which always came with its text."""
    if value == ["text"]:
        return ["text"]
    if value in (["audio"], ["audio", "text"], ["text", "audio"]):
        return ["audio"]
    raise Complaint("invalid_value", f"Invalid '{path}'. Supported are ['text'] and ['audio', 'text'].", path)


def _modalities_to(value: object) -> list[str]:
    return ["text"] if value == ["text"] else ["audio", "text"]


def _format_from(value: object, path: str) -> JsonObject:
    if not isinstance(value, str) or value not in _FORMATS:
        supported = ", ".join(f"'{name}'" for name in _FORMATS)
        raise Complaint("invalid_value", f"Invalid '{path}'. Supported values are: {supported}.", path)
    return {"type": _FORMATS[value], "rate": 24_000} if value == "pcm16" else {"type": _FORMATS[value]}


def _format_to(value: object) -> str:
    return _OLD_FORMATS.get(value.get("type", ""), "pcm16") if isinstance(value, dict) else "pcm16"


def _item_from(item: object) -> object:
    if not isinstance(item, dict) or item.get("role") != "assistant" or not isinstance(item.get("content"), list):
        return item
    new = {"text": "output_text", "audio": "output_audio"}
    content = [
        {**part, "type": new.get(str(part.get("type")), part.get("type"))} if isinstance(part, dict) else part
        for part in item["content"]
    ]
    return {**item, "content": content}


def _item_to(item: JsonObject) -> JsonObject:
    if not isinstance(item.get("content"), list):
        return item
    content = [{**part, "type": _CONTENTS.get(part.get("type"), part.get("type"))} for part in item["content"]]
    return {**item, "content": content}


def _side(values: JsonObject, side: str) -> JsonObject:
    part = (values.get("audio") or {}).get(side)
    return part if isinstance(part, dict) else {}


def _set(values: JsonObject, path: tuple[str, ...], value: object) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value
