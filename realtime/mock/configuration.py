"""The configuration of a session: defaults, updates, and what it means for the model."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from realtime.mock.mcp import without_secrets
from realtime.mock.refusal import Refused
from realtime.mock.schema import wrong_value
from realtime.mock.shapes import SESSION
from realtime.mock.sound import FORMATS, AudioFormat
from realtime.mock.tokens import MOST_INSTRUCTION_TOKENS, instruction_tokens, is_large
from realtime.protocol.json import JsonObject

_PCM: JsonObject = {"type": "audio/pcm", "rate": 24_000}
_INSTRUCTIONS = "You are a helpful voice assistant. Answer briefly and speak plainly."
_SERVER_VAD: JsonObject = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
_SEMANTIC_VAD: JsonObject = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
_REASONING = ("reasoning", "parallel_tool_calls")
_ANSWERING = ("create_response", "interrupt_response", "idle_timeout_ms")
"""What voice detection has only where somebody answers."""
_SEMANTIC_SILENCE_MS = {"low": 1000, "medium": 500, "auto": 500, "high": 300}
_MERGED = frozenset({("audio",), ("audio", "input"), ("audio", "output")})
"""Objects whose members an update changes one by one; all others are replaced as wholes."""


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """Voice detection as configured. ``idle_ms`` of quiet after an answer make the model speak by itself."""

    threshold: float
    prefix_ms: int
    silence_ms: int
    create_response: bool
    interrupt_response: bool
    idle_ms: int | None = None


class Configuration:
    """The full effective configuration of one session."""

    def __init__(self, session_id: str, model: str) -> None:
        self._id = session_id
        self.expires_at = 0
        """Unix seconds."""
        self._model = model
        self._values = _realtime_defaults(model)
        self._voice_fixed = False

    @property
    def kind(self) -> str:
        """``realtime``, ``transcription`` or ``quicksilver``."""
        return str(self._values["type"])

    @property
    def values(self) -> JsonObject:
        """What ``session.created`` and ``session.updated`` show; the caller's own copy."""
        values = copy.deepcopy(self._values)
        if "tools" in values:
            values["tools"] = without_secrets(values["tools"])
        detection = values["audio"]["input"].get("turn_detection")
        if self.kind == "transcription" and detection is not None:
            for name in _ANSWERING:
                detection.pop(name, None)
        return {"id": self._id, "expires_at": self.expires_at, **values}

    @property
    def tools(self) -> list[JsonObject]:
        """The session's tools, with what nobody is shown."""
        tools: list[JsonObject] = self._values.get("tools", [])
        return tools

    def update(self, patch: JsonObject, *, fixed_speed: float | None = None) -> None:
        """Merge an update; raises ``Refused`` and then changes nothing.

        ``fixed_speed`` is that of a response that is being spoken.
        """
        SESSION(patch, "session")
        self.check_reasoning(patch, "session")
        values = self._values
        if patch["type"] != self.kind:
            transcription = patch["type"] == "transcription"
            values = _transcription_defaults() if transcription else _realtime_defaults(self._model)
        merged = _merge(values, {name: value for name, value in patch.items() if name != "model"}, ())
        _fill(merged["audio"])
        self._check_voice(merged)
        _check_tools(merged, self._model)
        if values.get("tracing") is not None and merged.get("tracing") != values["tracing"]:
            raise wrong_value("session.tracing", "Cannot update the tracing configuration once tracing is enabled.")
        if fixed_speed is not None and merged["audio"].get("output", {}).get("speed") != fixed_speed:
            message = "The speed cannot be changed while a response is in progress."
            raise wrong_value("session.audio.output.speed", message)
        self._values = merged

    def fix_voice(self, voice: str | JsonObject) -> None:
        """The model has spoken with this voice: it stays, were it not the session's before."""
        if not self._voice_fixed:
            self._voice_fixed = True
            self._values["audio"]["output"]["voice"] = voice

    @property
    def instructions(self) -> str:
        """The session's instructions."""
        return str(self._values.get("instructions") or "")

    @property
    def input_format(self) -> AudioFormat:
        """What the client's audio comes in."""
        return FORMATS[self._values["audio"]["input"]["format"]["type"]]

    @property
    def truncation(self) -> str | JsonObject:
        """What is done about a conversation that has grown too long."""
        truncation: str | JsonObject = self._values.get("truncation", "auto")
        return truncation

    @property
    def logprobs(self) -> bool:
        """Whether transcripts come with the probabilities of their words."""
        return bool(self._values.get("include"))

    @property
    def speed(self) -> float | None:
        """How fast the model speaks; None where it does not."""
        speed: float | None = self._values["audio"].get("output", {}).get("speed")
        return speed

    @property
    def transcribes(self) -> bool:
        """Whether what the user says is transcribed for the client."""
        return self._values["audio"]["input"].get("transcription") is not None

    @property
    def turn_detection(self) -> TurnDetection | None:
        """None means push to talk."""
        given = self._values["audio"]["input"].get("turn_detection")
        if given is None:
            return None
        eagerness = given.get("eagerness", "auto")
        return TurnDetection(
            threshold=given.get("threshold", 0.5),
            prefix_ms=given.get("prefix_padding_ms", 300),
            silence_ms=given.get("silence_duration_ms", _SEMANTIC_SILENCE_MS[eagerness]),
            create_response=given["create_response"],
            interrupt_response=given["interrupt_response"],
            idle_ms=given.get("idle_timeout_ms"),
        )

    def check_voice(self, voice: object, path: str) -> None:
        """Raises ``Refused`` for another voice than the one that was heard."""
        if self._voice_fixed and self.kind == "realtime" and voice != self._values["audio"]["output"]["voice"]:
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise Refused("cannot_update_voice", message, param=path)

    def check_reasoning(self, given: JsonObject, path: str) -> None:
        """Raises ``Refused`` for what only models that reason know, where the model is none."""
        for name in _REASONING:
            if given.get(name) is not None and not is_large(self._model):
                where = f"{path}.{name}"
                message = f"Unknown parameter: '{where}'. It is for models that reason, as '{self._model}' does not."
                raise Refused("unknown_parameter", message, param=where)

    def _check_voice(self, merged: JsonObject) -> None:
        if merged["type"] == "realtime":
            self.check_voice(merged["audio"]["output"]["voice"], "session.audio.output.voice")


def _realtime_defaults(model: str) -> JsonObject:
    return {
        "type": "realtime",
        "object": "realtime.session",
        "model": model,
        "output_modalities": ["audio"],
        "instructions": _INSTRUCTIONS,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "include": None,
        "audio": {
            "input": _input_defaults(),
            "output": {"format": dict(_PCM), "voice": "marin", "speed": 1.0},
        },
    }


def _transcription_defaults() -> JsonObject:
    return {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "include": None,
        "audio": {"input": _input_defaults()},
    }


def _input_defaults() -> JsonObject:
    return {
        "format": dict(_PCM),
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": dict(_SERVER_VAD),
    }


def _merge(values: JsonObject, patch: JsonObject, path: tuple[str, ...]) -> JsonObject:
    merged = dict(values)
    for name, value in patch.items():
        where = (*path, name)
        if where in _MERGED and isinstance(value, dict):
            merged[name] = _merge(values.get(name) or {}, value, where)
        else:
            merged[name] = copy.deepcopy(value)
    return merged


def _fill(audio: JsonObject) -> None:
    """What an update leaves out of objects that it replaces has its default."""
    if (detection := audio["input"]["turn_detection"]) is not None:
        defaults = _SERVER_VAD if detection["type"] == "server_vad" else _SEMANTIC_VAD
        given = {name: value for name, value in detection.items() if value is not None}
        audio["input"]["turn_detection"] = {**defaults, **given}
    for side in audio.values():
        if side.get("format", {}).get("type") == "audio/pcm":
            side["format"] = {**_PCM, **side["format"]}


def _check_tools(merged: JsonObject, model: str) -> None:
    tools = merged.get("tools") or []
    check_choice(merged.get("tool_choice"), tools, "session.tool_choice")
    worth = instruction_tokens(merged.get("instructions") or "", tools)
    if worth > MOST_INSTRUCTION_TOKENS and not is_large(model):
        message = f"Invalid 'session.instructions': with the tools, more than {MOST_INSTRUCTION_TOKENS} tokens."
        raise wrong_value("session.instructions", message)


def check_choice(choice: object, tools: list[JsonObject], path: str) -> None:
    """Raises ``Refused`` for the choice of a function or an MCP server that is not among the tools."""
    if not isinstance(choice, dict):
        return
    if choice["type"] == "mcp":
        if choice["server_label"] not in [tool.get("server_label") for tool in tools]:
            label = choice["server_label"]
            raise wrong_value(path, f"Invalid '{path}': there is no MCP server '{label}' among the tools.")
    elif choice["name"] not in [tool.get("name") for tool in tools]:
        raise wrong_value(path, f"Invalid '{path}': there is no function '{choice['name']}' among the tools.")
