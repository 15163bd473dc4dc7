"""All of a session's configuration that the core sees, every word it may say included."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from realtime.protocol.appserver import Modality, Version
from realtime.protocol.ids import SessionId, ThreadId
from realtime.protocol.json import JsonObject


@dataclass(frozen=True, slots=True)
class Words:
    """What the voice model is told as function outputs."""

    steered: str
    result_pointer: str
    no_result: str
    failed: str
    cancelled: str
    empty_request: str
    unknown_tool: str


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """How a lost upstream is sought. Delays double from ``base_s`` to ``cap_s``; jitter is the session's."""

    enabled: bool = True
    first_retries: int = 2
    base_s: float = 0.2
    cap_s: float = 10.0
    give_up_s: float = 60.0

    def delay(self, attempt: int, *, at_least_s: float = 0.0) -> float:
        """Seconds to wait before the attempt of this number, counted from 1; jitter takes up to half of them away."""
        growing = min(self.cap_s, self.base_s * 2.0 ** min(attempt - 1, 16))
        return max(growing, 2.0 * min(at_least_s, self.give_up_s))


Lock = Literal["instructions", "tools", "voice", "model"]


@dataclass(frozen=True, slots=True)
class FaceConfig:
    """What a client that speaks the Realtime API itself is shown and may change.

    ``instructions`` are shown, ``context`` stands behind them for the voice alone; ``tools`` are ours, and
    ``transcription`` what the thread has its words from. ``strict``: a second response is refused, not queued.
    ``opening`` is a client's update that the session begins with, locks or not.
    """

    session_id: SessionId
    thread_id: ThreadId
    model: str
    instructions: str
    context: str = ""
    tools: tuple[JsonObject, ...] = ()
    transcription: JsonObject | None = None
    locks: frozenset[Lock] = frozenset()
    strict: bool = False
    opening: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """One call, frozen when it starts.

    ``session`` is the body of ``session.update``; ``item_prefix`` makes the ids of our own items unique
    in the thread; ``transcribes`` says what ``session`` asks of the upstream; ``barge_in``: we cut answers off when
    the person speaks (a client of the Realtime API may do so itself); ``face`` is there for such clients;
    ``clock_offset_ms`` is Unix milliseconds at time 0 of the clock that is passed in; ``join_s`` is how long
    the sideband of a new call is sought.
    """

    thread_id: ThreadId
    session_id: SessionId
    item_prefix: str
    words: Words
    session: JsonObject
    version: Version = "v2"
    modality: Modality = "audio"
    transcribes: bool = True
    barge_in: bool = True
    speak_progress: bool = False
    reconnect: ReconnectPolicy = field(default_factory=ReconnectPolicy)
    session_limit_s: float = 3600.0
    clock_offset_ms: int = 0
    response_s: float = 60.0
    transcription_s: float = 20.0
    history_items: int = 200
    history_chars: int = 60_000
    call: Literal["made", "joined"] | None = None
    """A WebRTC call between the client and the upstream, made with the client's offer, or by the client itself;
    None: the upstream's audio comes and goes by the control connection."""
    join_s: float = 5.0
    face: FaceConfig | None = None
