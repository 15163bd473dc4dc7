"""Params + settings + prompts → ``SessionConfig``: instructions, modality, voice, tools, in one place.

Precedence for the prompt: the operator's if not blank, else the client's (null or "" mean empty
instructions), else the core default. For everything else: the client's params, then settings, then default.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prompts import render
from realtime.core.config import ReconnectPolicy, SessionConfig, Words
from realtime.errors import InvalidRequest
from realtime.protocol.appserver import DEFAULT_VOICE, VOICES, RealtimeStartParams, Version
from realtime.protocol.ids import SessionId
from realtime.protocol.json import JsonObject
from realtime.session.medium import Medium, medium
from realtime.settings import LimitsSettings, SessionSettings, UpstreamSettings

PCM = {"type": "audio/pcm", "rate": 24_000}
_CALLS: dict[Medium, Literal["made", "joined"]] = {"upstream": "made", "existing": "joined"}
CHARS_PER_TOKEN = 4
"""A cautious estimate for budgets."""


@dataclass(frozen=True, slots=True)
class ThreadDigest:
    """What there is to tell, oldest first: (role, text) of this thread, (title, text) of recent others."""

    lines: tuple[tuple[str, str], ...] = ()
    recent: tuple[tuple[str, str], ...] = ()


class SessionBuilder:
    """Builds the configuration of a call from what the client asked and the operator set."""

    def __init__(self, upstream: UpstreamSettings, session: SessionSettings, limits: LimitsSettings) -> None:
        self.upstream = upstream
        """May be exchanged: calls that begin from then on use the other."""
        self._session = session
        self._limits = limits

    def version(self, params: RealtimeStartParams) -> Version:
        """The protocol version of the call."""
        return params.version or self.upstream.version

    def model(self, params: RealtimeStartParams) -> str:
        """The voice model of the call."""
        return params.model or self.upstream.model

    def medium(self, params: RealtimeStartParams) -> Medium:
        """How the sound of the call travels; raises ``InvalidRequest``."""
        return medium(params, self.upstream, self._session)

    def check(self, params: RealtimeStartParams) -> None:
        """Refuse what this version cannot do; raises ``InvalidRequest`` with a text for the client."""
        version = self.version(params)
        if version == "v1" and params.output_modality == "text":
            raise InvalidRequest("text output requires realtime v2", field="outputModality")
        voice = params.voice or self._session.voice
        other = VOICES["v2" if version == "v1" else "v1"]
        if voice is not None and voice in other:
            allowed = ", ".join(VOICES[version])
            raise InvalidRequest(
                f"voice `{voice}` is not supported by realtime {version}; supported: {allowed}", field="voice"
            )

    def build(self, params: RealtimeStartParams, digest: ThreadDigest, *, clock_offset_ms: int) -> SessionConfig:
        """The configuration of one call; raises ``InvalidRequest``."""
        self.check(params)
        version = self.version(params)
        session = self._session_body(params, version, digest)
        turn_detection = session.get("audio", {}).get("input", {}).get("turn_detection") or {}
        transcription = session.get("audio", {}).get("input", {}).get("transcription")
        return SessionConfig(
            thread_id=params.thread_id,
            session_id=SessionId(params.realtime_session_id or params.session_id or params.thread_id),
            item_prefix=f"vg{secrets.token_hex(6)}",
            words=words(),
            session=session,
            version=version,
            modality=params.output_modality,
            transcribes=version == "v1" or bool(transcription),
            barge_in=bool(turn_detection.get("interrupt_response", True)) and bool(turn_detection),
            speak_progress=self._session.speak_progress,
            reconnect=ReconnectPolicy(
                enabled=self.upstream.reconnect,
                first_retries=self.upstream.retries,
                give_up_s=self._limits.reconnect_s,
            ),
            session_limit_s=self.upstream.session_limit_s,
            clock_offset_ms=clock_offset_ms,
            response_s=self._limits.response_s,
            transcription_s=self._limits.transcription_s,
            history_items=self._limits.history_items,
            history_chars=self._limits.history_chars,
            call=_CALLS.get(self.medium(params)),
            join_s=self._limits.join_s,
        )

    def _session_body(self, params: RealtimeStartParams, version: Version, digest: ThreadDigest) -> JsonObject:
        transcription = {"model": self.upstream.transcription_model} if self.upstream.transcription_model else None
        if self._session.type == "transcription":
            return {"type": "transcription", "audio": {"input": {"format": PCM, "transcription": transcription}}}
        instructions = self._instructions(params, digest)
        voice = params.voice or self._session.voice or DEFAULT_VOICE[version]
        if version == "v1":
            audio: JsonObject = {"input": {"format": PCM}, "output": {"voice": voice}}
            return {"type": "quicksilver", "instructions": instructions, "audio": audio}
        heard = {
            "format": PCM,
            "noise_reduction": {"type": "near_field"},
            "transcription": transcription,
            "turn_detection": _turn_detection(params),
        }
        return {
            "type": "realtime",
            "instructions": instructions,
            "output_modalities": [params.output_modality],
            "audio": {"input": heard, "output": {"format": PCM, "voice": voice}},
            "tools": tools(),
            "tool_choice": "auto",
        }

    def _instructions(self, params: RealtimeStartParams, digest: ThreadDigest) -> str:
        parts = (self.prompt(params), self.startup_context(params, digest))
        return "\n\n".join(part for part in parts if part)

    def prompt(self, params: RealtimeStartParams) -> str:
        """What the voice is told to be."""
        if self.prompt_is_operators:
            return self._session.prompt or ""
        if params.has_prompt:
            return params.prompt or ""
        return render("core", user_first_name=self._session.user_first_name)

    @property
    def prompt_is_operators(self) -> bool:
        """The operator's prompt is not blank: no client has another."""
        return bool((self._session.prompt or "").strip())

    def startup_context(self, params: RealtimeStartParams, digest: ThreadDigest) -> str:
        """What it is told of the thread, and of what was said before; "" for nothing."""
        given = self._session.startup_context
        if params.include_startup_context is False or given == "":
            return ""
        budget = self._session.startup_context_tokens * CHARS_PER_TOKEN
        if given is not None:
            return f"<startup_context>\n{given[:budget]}\n</startup_context>"
        if not digest.lines and not digest.recent:
            return ""
        # The thread's own lines come first: three quarters of the budget, the rest for other threads.
        lines = newest_within(digest.lines, budget * 3 // 4)
        recent = newest_within(digest.recent, budget - _length(lines))
        return render("startup_context", lines=lines, threads=recent, note=render("startup_note"))


def newest_within(lines: Sequence[tuple[str, str]], chars: int) -> list[tuple[str, str]]:
    """The newest lines that fit, oldest first; the newest is cut rather than left out."""
    kept: list[tuple[str, str]] = []
    for head, text in reversed(lines):
        room = chars - _length(kept) - len(head) - 3
        if room < len(text):
            if not kept and room > 0:
                kept.append((head, text[:room]))
            break
        kept.append((head, text))
    return kept[::-1]


def _length(lines: Sequence[tuple[str, str]]) -> int:
    return sum(len(head) + len(text) + 3 for head, text in lines)


def tools() -> list[JsonObject]:
    """The two tools of the voice, with the words from ``prompts/``."""
    prompt = {"type": "string", "description": render("background_agent_prompt")}
    delegate = {
        "type": "object",
        "properties": {"prompt": prompt},
        "required": ["prompt"],
        "additionalProperties": False,
    }
    nothing: JsonObject = {"type": "object", "properties": {}, "additionalProperties": False}
    return [_tool("background_agent", delegate), _tool("remain_silent", nothing)]


def words() -> Words:
    """What function calls are answered with."""
    return Words(
        steered=render("steer_acknowledged"),
        result_pointer=render("result_pointer"),
        no_result=render("no_result"),
        failed=render("handoff_failed"),
        cancelled=render("handoff_cancelled"),
        empty_request=render("handoff_empty"),
        unknown_tool=render("unknown_tool"),
    )


def _tool(name: str, parameters: JsonObject) -> JsonObject:
    return {"type": "function", "name": name, "description": render(name), "parameters": parameters}


def _turn_detection(params: RealtimeStartParams) -> JsonObject | None:
    if params.has_turn_detection:
        return params.turn_detection
    return {
        "type": "server_vad",
        "interrupt_response": True,
        "create_response": True,
        "silence_duration_ms": 500,
    }
