"""The configuration of a call whose client speaks the Realtime API itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from realtime.core.config import FaceConfig, Lock, SessionConfig
from realtime.core.face.configuration import Configuration
from realtime.core.face.shape import check_session
from realtime.errors import InvalidRequest
from realtime.protocol.appserver import RealtimeStartParams, Transport
from realtime.protocol.complaint import Complaint
from realtime.protocol.ids import ThreadId, new_session_id
from realtime.protocol.json import JsonObject
from realtime.session.config import SessionBuilder, ThreadDigest


@dataclass(frozen=True, slots=True)
class FaceParams:
    """What such a client, and its operator, ask for.

    ``opening`` is a session that was settled beforehand, with a client secret or an offer; ``locks`` are what
    nobody can change, ``settled`` what a client cannot change of its opening.
    """

    thread_id: ThreadId
    model: str | None = None
    opening: JsonObject | None = None
    locks: frozenset[Lock] = frozenset()
    settled: frozenset[Lock] = frozenset()
    strict: bool = False
    transport: Transport | None = None

    def start(self) -> RealtimeStartParams:
        """The same as the other doors ask it."""
        return RealtimeStartParams(
            thread_id=self.thread_id,
            output_modality="audio",
            model=self.model,
            realtime_session_id=new_session_id(),
            transport=self.transport,
        )


def with_face(
    built: SessionConfig, builder: SessionBuilder, params: FaceParams, start: RealtimeStartParams, digest: ThreadDigest
) -> SessionConfig:
    """The configuration with a face for such a client; raises ``InvalidRequest``.

    By WebSocket the client cuts answers off itself, since it alone knows what it has played.
    """
    if built.version != "v2":
        raise InvalidRequest("the Realtime API is served over an upstream of version v2 only")
    face = FaceConfig(
        session_id=built.session_id,
        thread_id=built.thread_id,
        model=builder.model(start),
        instructions=builder.prompt(start),
        context=builder.startup_context(start, digest),
        tools=tuple(built.session.get("tools", ())),
        transcription=built.session["audio"]["input"].get("transcription"),
        locks=params.locks | ({"instructions"} if builder.prompt_is_operators else frozenset()),
        strict=params.strict,
    )
    configuration = Configuration(face, built.session)
    if params.opening is not None:
        _check(params.opening)
        update = configuration.update(params.opening)
        if update.refused:
            path = f"session.{update.refused[0]}"
            raise InvalidRequest(f"'{path}' is set by the operator of this gateway and cannot be changed.", field=path)
        configuration.accept(update)
        built = replace(built, session=configuration.body, transcribes=configuration.transcribes)
    face = replace(face, locks=face.locks | params.settled, opening=params.opening)
    barge_in = built.barge_in and builder.medium(start) == "gateway"
    return replace(built, barge_in=barge_in, face=face)


def _check(opening: JsonObject) -> None:
    try:
        check_session(opening)
    except Complaint as complaint:
        raise InvalidRequest(complaint.message, field=complaint.param) from None
