"""The configuration of a session: defaults, updates, and what it means for the model."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from realtime.mock.refusal import Refused
from realtime.mock.shapes import SESSION
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
_SEMANTIC_SILENCE_MS = {"low": 1000, "medium": 500, "auto": 500, "high": 300}
_MERGED = frozenset({("audio",), ("audio", "input"), ("audio", "output")})
"""Objects whose members an update changes one by one; all others are replaced as wholes."""


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """Voice detection as configured."""

    threshold: float
    prefix_ms: int
    silence_ms: int
    create_response: bool
    interrupt_response: bool


class Configuration:
    """The full effective configuration of one session."""

    def __init__(self, session_id: str, model: str, expires_at: int) -> None:
        self._identity: JsonObject = {"id": session_id, "expires_at": expires_at}
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
        return {**self._identity, **copy.deepcopy(self._values)}

    def update(self, patch: JsonObject) -> None:
        """Merge an update; raises ``Refused`` and then changes nothing."""
        SESSION(patch, "session")
        values = self._values
        if patch["type"] != self.kind:
            transcription = patch["type"] == "transcription"
            values = _transcription_defaults() if transcription else _realtime_defaults(self._model)
        merged = _merge(values, {name: value for name, value in patch.items() if name != "model"}, ())
        self._check_voice(merged)
        _fill(merged["audio"]["input"])
        self._values = merged

    def fix_voice(self) -> None:
        """The model has spoken: its voice stays."""
        self._voice_fixed = True

    @property
    def instructions(self) -> str:
        """The session's instructions."""
        return str(self._values.get("instructions") or "")

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
        )

    def _check_voice(self, merged: JsonObject) -> None:
        if not self._voice_fixed or self.kind != "realtime" or merged["type"] != "realtime":
            return
        if merged["audio"]["output"]["voice"] != self._values["audio"]["output"]["voice"]:
            raise Refused(
                "cannot_update_voice",
                "Cannot update a conversation's voice if assistant audio is present.",
                param="session.audio.output.voice",
            )


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


def _fill(audio_input: JsonObject) -> None:
    """What an update leaves out of objects that it replaces has its default."""
    if (detection := audio_input["turn_detection"]) is not None:
        defaults = _SERVER_VAD if detection["type"] == "server_vad" else _SEMANTIC_VAD
        given = {name: value for name, value in detection.items() if value is not None}
        audio_input["turn_detection"] = {**defaults, **given}
    audio_input["format"] = {**_PCM, **audio_input["format"]}
