"""The Realtime API's v2 events: those of the server, and by the same names those of the client (``client_events``).

Server events are frozen models that keep unknown members; every member that a real or imitated
upstream has been seen to leave out is optional here, since what is missing must not end a call.
``decode`` never raises: garbage is the value ``Malformed``. Source: the Realtime API reference, by
event name.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from realtime.protocol import json
from realtime.protocol.audio import SAMPLE_RATE
from realtime.protocol.client_events import (
    AudioAppend,
    AudioClear,
    AudioCommit,
    ClientEvent,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    OutputBufferClear,
    ResponseCancel,
    ResponseCreate,
    Role,
    SessionUpdate,
    encode,
    message_item,
    output_item,
)
from realtime.protocol.ids import CallId, ItemId, ResponseId
from realtime.protocol.json import JsonObject

__all__ = [  # what the client sends goes by this module's name as well
    "AudioAppend",
    "AudioClear",
    "AudioCommit",
    "ClientEvent",
    "ItemCreate",
    "ItemDelete",
    "ItemRetrieve",
    "ItemTruncate",
    "OutputBufferClear",
    "ResponseCancel",
    "ResponseCreate",
    "Role",
    "SessionUpdate",
    "encode",
    "message_item",
    "output_item",
]


class Event(BaseModel):
    """What all events share."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    type: str
    event_id: str | None = None


class Item(BaseModel):
    """A conversation item as the upstream shows it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str | None = None
    id: ItemId | None = None
    role: str | None = None
    status: str | None = None
    name: str | None = None
    call_id: CallId | None = None
    arguments: str | None = None
    output: str | None = None
    content: list[JsonObject] | None = None

    def text(self) -> str:
        """All text and transcripts of the content, joined."""
        parts = (part.get("text") or part.get("transcript") or "" for part in self.content or [])
        return "".join(part for part in parts if isinstance(part, str))


class Response(BaseModel):
    """A response as ``response.created`` and ``response.done`` show it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: ResponseId | None = None
    status: str | None = None
    status_details: JsonObject | None = None
    metadata: JsonObject | None = None
    conversation_id: str | None = None
    output: list[JsonObject] | None = None
    usage: JsonObject | None = None

    @property
    def is_out_of_band(self) -> bool:
        """True when it says that it stands outside the default conversation."""
        return "conversation_id" in self.model_fields_set and self.conversation_id is None


class ErrorDetail(BaseModel):
    """The ``error`` member of an error event or of a failed transcription."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    event_id: str | None = None


# -- server events -------------------------------------------------------------------------


class ServerEvent(Event):
    """An event from the upstream; ``types`` are the wire names of its class."""

    types: ClassVar[tuple[str, ...]] = ()


class SessionShown(ServerEvent):
    """The session's effective configuration."""

    types: ClassVar[tuple[str, ...]] = ("session.created", "session.updated")
    session: JsonObject = Field(default_factory=dict)


class ItemAdded(ServerEvent):
    """``conversation.item.created`` is the older name of the same event."""

    types: ClassVar[tuple[str, ...]] = ("conversation.item.added", "conversation.item.created")
    item: Item
    previous_item_id: ItemId | None = None


class ItemDone(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("conversation.item.done",)
    item: Item
    previous_item_id: ItemId | None = None


class ItemChanged(ServerEvent):
    """What we asked for has been done."""

    types: ClassVar[tuple[str, ...]] = ("conversation.item.deleted",)


class ItemRetrieved(ServerEvent):
    """An item as it is now, whole."""

    types: ClassVar[tuple[str, ...]] = ("conversation.item.retrieved",)
    item: Item


class ItemTruncated(ServerEvent):
    """An answer was cut: because we asked, or, in a WebRTC call, by the upstream itself."""

    types: ClassVar[tuple[str, ...]] = ("conversation.item.truncated",)
    item_id: ItemId | None = None
    audio_end_ms: int | None = Field(default=None, ge=0, le=86_400_000)


class InputTranscriptDelta(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("conversation.item.input_audio_transcription.delta",)
    item_id: ItemId | None = None
    delta: str | None = None


class InputTranscriptDone(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("conversation.item.input_audio_transcription.completed",)
    item_id: ItemId | None = None
    transcript: str | None = None


class InputTranscriptFailed(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("conversation.item.input_audio_transcription.failed",)
    item_id: ItemId | None = None
    error: ErrorDetail | None = None


class SpeechStarted(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("input_audio_buffer.speech_started",)
    item_id: ItemId | None = None


class SpeechStopped(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("input_audio_buffer.speech_stopped",)
    item_id: ItemId | None = None


class AudioCommitted(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("input_audio_buffer.committed",)
    item_id: ItemId | None = None
    previous_item_id: ItemId | None = None


class AudioCleared(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("input_audio_buffer.cleared",)


class AudioTimeout(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("input_audio_buffer.timeout_triggered",)
    item_id: ItemId | None = None


class OutputBuffer(ServerEvent):
    types: ClassVar[tuple[str, ...]] = (
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
        "output_audio_buffer.cleared",
    )
    response_id: ResponseId | None = None


class ResponseCreated(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("response.created",)
    response: Response = Field(default_factory=Response)


class ResponseDone(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("response.done",)
    response: Response = Field(default_factory=Response)


class ResponseCancelled(ServerEvent):
    """Not of the GA reference (there a cancelled response ends by ``response.done``), but seen in the field."""

    types: ClassVar[tuple[str, ...]] = ("response.cancelled",)
    response: Response = Field(default_factory=Response)
    response_id: ResponseId | None = None

    @property
    def id(self) -> ResponseId | None:
        """The response's id, by whichever member names it."""
        return self.response.id or self.response_id


class OutputItem(ServerEvent):
    """What ``conversation.item.added`` and ``.done`` say too; only a function call that is over is taken from here."""

    types: ClassVar[tuple[str, ...]] = ("response.output_item.added", "response.output_item.done")
    item: Item
    response_id: ResponseId | None = None


class ContentPart(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("response.content_part.added", "response.content_part.done")


class OutputAudioDelta(ServerEvent):
    """Audio of the answer; ``response.audio.delta`` is the older name."""

    types: ClassVar[tuple[str, ...]] = ("response.output_audio.delta", "response.audio.delta")
    delta: str | None = None
    item_id: ItemId | None = None
    response_id: ResponseId | None = None
    sample_rate: int = Field(default=SAMPLE_RATE, gt=0, le=384_000)
    channels: int | None = Field(default=None, gt=0, le=64)
    num_channels: int | None = Field(default=None, gt=0, le=64)
    # Bounded, since it is counted with and said to others: JSON has no integers beyond 64 bits.
    samples_per_channel: int | None = Field(default=None, ge=0, le=100_000_000)


class OutputAudioDone(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("response.output_audio.done", "response.audio.done")
    item_id: ItemId | None = None
    response_id: ResponseId | None = None


class OutputTextDelta(ServerEvent):
    """Words of the answer, spoken or written."""

    types: ClassVar[tuple[str, ...]] = (
        "response.output_audio_transcript.delta",
        "response.audio_transcript.delta",
        "response.output_text.delta",
        "response.text.delta",
    )
    delta: str | None = None
    item_id: ItemId | None = None
    response_id: ResponseId | None = None


class OutputTextDone(ServerEvent):
    """All words of one content part of the answer."""

    types: ClassVar[tuple[str, ...]] = (
        "response.output_audio_transcript.done",
        "response.audio_transcript.done",
        "response.output_text.done",
        "response.text.done",
    )
    text: str | None = Field(default=None)
    transcript: str | None = None
    item_id: ItemId | None = None
    response_id: ResponseId | None = None

    @property
    def words(self) -> str | None:
        """``transcript`` of spoken, ``text`` of written words."""
        return self.transcript if self.transcript is not None else self.text


class FunctionArguments(ServerEvent):
    types: ClassVar[tuple[str, ...]] = (
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
    )
    item_id: ItemId | None = None
    call_id: CallId | None = None


class RateLimitsUpdated(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("rate_limits.updated",)


class ErrorEvent(ServerEvent):
    types: ClassVar[tuple[str, ...]] = ("error",)
    error: ErrorDetail = Field(default_factory=ErrorDetail)
    message: str | None = None

    @property
    def text(self) -> str:
        """The best message there is."""
        return self.message or self.error.message or "the upstream reported an error"


class Unknown(ServerEvent):
    """An event type nobody here knows: ignored by rule."""


class Malformed(ServerEvent):
    """A message that is no event: ``reason`` says why. The call lives on."""

    type: str = "malformed"
    reason: str


_MODELS: dict[str, type[ServerEvent]] = {name: model for model in ServerEvent.__subclasses__() for name in model.types}
SERVER_EVENT_TYPES = frozenset(_MODELS)


def decode(text: str | bytes) -> ServerEvent:
    """One message of the upstream as an event; ``Malformed`` for what is none."""
    try:
        value = json.decode_object(text)
    except ValueError as error:
        return Malformed(reason=str(error))
    return decode_value(value)


def decode_value(value: JsonObject) -> ServerEvent:
    """The same for a parsed message."""
    name = value.get("type")
    if not isinstance(name, str):
        return Malformed(reason="the member 'type' is missing or no string")
    try:
        return _MODELS.get(name, Unknown).model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(step) for step in first["loc"])
        return Malformed(reason=f"{name[:80]!r}: {path}: {first['msg']}")
