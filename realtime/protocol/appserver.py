"""What clients use: the app-server vocabulary of threads, turns, items and ``thread/realtime/*``.

Params are pydantic models with the wire's camelCase names; what leaves is a ``Notification``. A record
is a notification with a ``seq``: see ``docs/interfaces.md``, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from realtime.protocol.ids import CallId, ItemId, ResponseId, Seq, ThreadId, TurnId
from realtime.protocol.json import JsonObject

V1_VOICES = ("juniper", "maple", "spruce", "ember", "vale", "breeze", "arbor", "sol", "cove")
V2_VOICES = (
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
)
DEFAULT_VOICE = {"v1": "cove", "v2": "marin"}
VOICES = {"v1": V1_VOICES, "v2": V2_VOICES}

Version = Literal["v1", "v2"]
Modality = Literal["text", "audio"]
TextRole = Literal["user", "assistant", "developer"]

MAX_TEXT = 1_000_000
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]


class Params(BaseModel):
    """Params of a call; unknown members are ignored, as the app-server does."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


def _left_out_when_null(*names: str) -> Any:
    """The app-server takes null in an optional member for one that was left out: so the default stands."""

    def default(model: type[Params], value: object, info: ValidationInfo) -> object:
        return model.model_fields[str(info.field_name)].default if value is None else value

    return field_validator(*names, mode="before")(classmethod(default))


class ThreadParams(Params):
    thread_id: ThreadId


class InitializeParams(Params):
    client_info: JsonObject
    capabilities: JsonObject | None = None


class ThreadStartParams(Params):
    name: Annotated[str, StringConstraints(max_length=500)] | None = None


class ThreadReadParams(ThreadParams):
    include_turns: bool = True

    _nulls = _left_out_when_null("include_turns")


class ThreadListParams(Params):
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=500)
    archived: bool = False

    _nulls = _left_out_when_null("limit", "archived")


class ThreadResumeParams(ThreadParams):
    after_seq: int | None = Field(default=None, ge=0)
    epoch: str | None = None
    audio: bool = False

    _nulls = _left_out_when_null("audio")


Unsubscribed = Literal["unsubscribed", "notSubscribed", "notLoaded"]
"""What a connection that unsubscribes had been; ``notLoaded``: nothing goes on there that anybody could hear of."""


class TextInput(Params):
    type: Literal["text"]
    text: Text


class TurnStartParams(ThreadParams):
    input: list[TextInput] = Field(min_length=1)
    client_metadata: dict[str, str] | None = None

    @property
    def text(self) -> str:
        """All inputs, a line each."""
        return "\n".join(part.text for part in self.input)


class TurnSteerParams(ThreadParams):
    """``expected_turn_id`` is the app-server's name, ``turn_id`` that of ``turn/interrupt``."""

    input: list[TextInput] = Field(min_length=1)
    expected_turn_id: TurnId | None = None
    turn_id: TurnId | None = None

    @property
    def text(self) -> str:
        """All inputs, a line each."""
        return "\n".join(part.text for part in self.input)


class TurnInterruptParams(ThreadParams):
    turn_id: TurnId | None = None


MAX_OFFER = 65_536
"""Bytes of an SDP offer."""


class Transport(Params):
    """How the client's sound travels: ``sdp`` goes with ``webrtc``, ``call_id`` with ``existingCall``."""

    type: Literal["websocket", "webrtc", "existingCall"] = "websocket"
    sdp: Annotated[str, StringConstraints(max_length=MAX_OFFER)] | None = None
    answered_by: Literal["upstream", "gateway"] | None = None
    call_id: Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[!-~]+$")] | None = None


class RealtimeStartParams(ThreadParams):
    output_modality: Modality
    prompt: Text | None = None
    session_id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    realtime_session_id: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    transport: Transport | None = None
    voice: str | None = None
    model: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    version: Version | None = None
    include_startup_context: bool | None = None
    turn_detection: JsonObject | None = None

    @property
    def has_prompt(self) -> bool:
        """False only when the member was left out (then the default prompt is meant)."""
        return "prompt" in self.model_fields_set

    @property
    def has_turn_detection(self) -> bool:
        """True when the client said something about it; null means push to talk."""
        return "turn_detection" in self.model_fields_set


class AudioParams(Params):
    data: str
    sample_rate: int = Field(ge=8_000, le=96_000)
    num_channels: int = Field(ge=1, le=8)
    samples_per_channel: int | None = Field(default=None, ge=0)
    item_id: ItemId | None = None


class AppendAudioParams(ThreadParams):
    audio: AudioParams


class AppendTextParams(ThreadParams):
    text: Text
    role: TextRole = "user"
    respond: bool | None = None

    _nulls = _left_out_when_null("role")


class AppendSpeechParams(ThreadParams):
    text: Text


class PlayedParams(ThreadParams):
    item_id: ItemId
    played_ms: int = Field(ge=0, le=86_400_000)


class NoParams(Params):
    pass


# -- what leaves ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Notification:
    """A method and its params, not yet serialised."""

    method: str
    params: JsonObject


class Shed(Enum):
    """How dear a message to a client is: what may be dropped first when it is slow."""

    AUDIO = "audio"
    DELTA = "delta"
    NEVER = "never"


ItemType = Literal["userMessage", "assistantMessage", "handoff", "session"]
ItemStatus = Literal["inProgress", "completed", "interrupted", "failed"]
TurnStatus = Literal["inProgress", "completed", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a thread. ``created_at`` is Unix milliseconds, set by whoever has a clock (0: not yet).

    ``text`` is what was said, typed or asked; ``output`` of a handoff is the agent's answer;
    ``heard_ms`` of an interrupted answer is how much of ``audio_ms`` the person heard.
    """

    id: ItemId
    type: ItemType
    text: str = ""
    status: ItemStatus = "completed"
    role: TextRole | None = None
    previous_item_id: ItemId | None = None
    response_id: ResponseId | None = None
    audio_ms: int | None = None
    heard_ms: int | None = None
    error: str | None = None
    call_id: CallId | None = None
    turn_id: TurnId | None = None
    output: str | None = None
    created_at: int = 0

    def to_json(self) -> JsonObject:
        """The wire's shape; members that are None are left out."""
        values: JsonObject = {"id": self.id, "type": self.type, "text": self.text, "status": self.status}
        for name, value in (
            ("role", self.role),
            ("previousItemId", self.previous_item_id),
            ("responseId", self.response_id),
            ("audioMs", self.audio_ms),
            ("heardMs", self.heard_ms),
            ("error", self.error),
            ("callId", self.call_id),
            ("turnId", self.turn_id),
            ("output", self.output),
        ):
            if value is not None:
                values[name] = value
        values["createdAt"] = self.created_at
        return values

    def at(self, unix_ms: int) -> Item:
        """The same with a time, unless it has one."""
        return self if self.created_at else replace(self, created_at=unix_ms)


@dataclass(frozen=True, slots=True)
class Turn:
    """A run of the background agent. Times are Unix milliseconds.

    ``messages`` is the exchange with the agent, ``{role, text}`` each, once the turn has ended.
    """

    id: TurnId
    thread_id: ThreadId
    status: TurnStatus
    input: str = ""
    output: str | None = None
    error: str | None = None
    source: Literal["typed", "handoff"] = "typed"
    started_at: int = 0
    completed_at: int | None = None
    messages: tuple[JsonObject, ...] = ()

    def to_json(self) -> JsonObject:
        """The wire's shape."""
        values: JsonObject = {
            "id": self.id,
            "status": self.status,
            "input": [{"type": "text", "text": self.input}],
            "output": self.output,
            "error": {"message": self.error} if self.error is not None else None,
            "source": self.source,
            "startedAt": self.started_at,
            "completedAt": self.completed_at,
        }
        if self.messages:
            values["messages"] = list(self.messages)
        return values


@dataclass(frozen=True, slots=True)
class Draft:
    """A record that has no number yet. ``key`` is the id of its item or turn."""

    method: Literal["item/started", "item/completed", "turn/started", "turn/completed"]
    key: str
    body: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """A stored notification. ``params`` carries ``threadId``, ``seq`` and ``item`` or ``turn``."""

    seq: Seq
    method: str
    key: str
    params: JsonObject

    def to_json(self) -> JsonObject:
        """As the HTTP door lists it."""
        return {"seq": self.seq, "method": self.method, "params": self.params}


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation that outlives its connections. Times are Unix milliseconds.

    ``epoch`` changes only when the store lost data; ``seq`` is the number of its last record.
    """

    id: ThreadId
    epoch: str
    seq: Seq
    created_at: int
    updated_at: int
    name: str | None = None
    archived: bool = False

    def to_json(self) -> JsonObject:
        """The wire's shape."""
        return {
            "id": self.id,
            "epoch": self.epoch,
            "seq": self.seq,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "name": self.name,
            "archived": self.archived,
        }


def item_started(item: Item) -> Draft:
    """The placeholder that takes an item's place."""
    return Draft("item/started", item.id, {"item": item.to_json()})


def item_completed(item: Item) -> Draft:
    """What fills the place."""
    return Draft("item/completed", item.id, {"item": item.to_json()})


def turn_started(turn: Turn) -> Draft:
    """A turn has begun."""
    return Draft("turn/started", turn.id, {"turn": turn.to_json()})


def turn_completed(turn: Turn) -> Draft:
    """A turn has ended, one way or another."""
    return Draft("turn/completed", turn.id, {"turn": turn.to_json()})


def turn_failed(turn: Turn) -> Notification:
    """The app-server's ``error``: live, beside the record of the turn's end."""
    said = {"message": turn.error, "codexErrorInfo": None}
    return Notification("error", {"threadId": turn.thread_id, "turnId": turn.id, "error": said, "willRetry": False})
