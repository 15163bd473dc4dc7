"""The configuration of a call whose client speaks the Realtime API itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from realtime.core.config import FaceConfig, Lock, SessionConfig
from realtime.errors import InvalidRequest
from realtime.protocol.appserver import RealtimeStartParams
from realtime.protocol.ids import ThreadId, new_session_id
from realtime.protocol.json import JsonObject
from realtime.session.config import SessionBuilder, ThreadDigest


@dataclass(frozen=True, slots=True)
class FaceParams:
    """What such a client, and its operator, ask for.

    ``opening`` is a session that was settled beforehand, with a client secret; ``locks`` are what the
    client cannot change of it.
    """

    thread_id: ThreadId
    model: str | None = None
    opening: JsonObject | None = None
    locks: frozenset[Lock] = frozenset()
    strict: bool = False


def build(builder: SessionBuilder, params: FaceParams, digest: ThreadDigest, *, clock_offset_ms: int) -> SessionConfig:
    """The configuration; raises ``InvalidRequest``.

    The voice is told of this thread alone: what was said on others is not for whoever holds a key.
    Answers are cut off by the client, which alone knows what it has played.
    """
    start = start_params(params)
    if builder.upstream.version != "v2":
        raise InvalidRequest("the Realtime API is served over an upstream of version v2 only")
    digest = ThreadDigest(digest.lines)
    built = builder.build(start, digest, clock_offset_ms=clock_offset_ms)
    heard = built.session["audio"]["input"]
    face = FaceConfig(
        session_id=built.session_id,
        thread_id=built.thread_id,
        model=builder.model(start),
        instructions=builder.prompt(start),
        context=builder.startup_context(start, digest),
        tools=tuple(built.session.get("tools", ())),
        transcription=heard.get("transcription"),
        locks=params.locks | ({"instructions"} if builder.prompt_is_operators else frozenset()),
        strict=params.strict,
        opening=params.opening,
    )
    return replace(built, barge_in=False, face=face)


def start_params(params: FaceParams) -> RealtimeStartParams:
    """The same as the other doors name it."""
    return RealtimeStartParams(
        thread_id=params.thread_id,
        output_modality="audio",
        model=params.model,
        realtime_session_id=new_session_id(),
    )
