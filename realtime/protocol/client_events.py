"""The Realtime API's v2 events that a client sends, and the items in them; source as of ``realtime.py``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from realtime.protocol import json
from realtime.protocol.ids import CallId, ItemId, ResponseId
from realtime.protocol.json import JsonObject

Role = Literal["user", "assistant", "system", "developer"]


class ClientEvent(BaseModel):
    """An event to the upstream; members that are None are left out."""

    model_config = ConfigDict(frozen=True)

    type: str
    event_id: str | None = None


class SessionUpdate(ClientEvent):
    type: Literal["session.update"] = "session.update"
    session: JsonObject


class AudioAppend(ClientEvent):
    type: Literal["input_audio_buffer.append"] = "input_audio_buffer.append"
    audio: str


class AudioCommit(ClientEvent):
    type: Literal["input_audio_buffer.commit"] = "input_audio_buffer.commit"


class AudioClear(ClientEvent):
    type: Literal["input_audio_buffer.clear"] = "input_audio_buffer.clear"


class ItemCreate(ClientEvent):
    type: Literal["conversation.item.create"] = "conversation.item.create"
    item: JsonObject
    previous_item_id: ItemId | None = None


class ItemTruncate(ClientEvent):
    type: Literal["conversation.item.truncate"] = "conversation.item.truncate"
    item_id: ItemId
    content_index: int = 0
    audio_end_ms: int


class ItemRetrieve(ClientEvent):
    type: Literal["conversation.item.retrieve"] = "conversation.item.retrieve"
    item_id: ItemId


class ItemDelete(ClientEvent):
    type: Literal["conversation.item.delete"] = "conversation.item.delete"
    item_id: ItemId


class OutputBufferClear(ClientEvent):
    """In a WebRTC call: drop what the upstream has not played yet. Goes behind the ``response.cancel``."""

    type: Literal["output_audio_buffer.clear"] = "output_audio_buffer.clear"


class ResponseCreate(ClientEvent):
    type: Literal["response.create"] = "response.create"
    response: JsonObject | None = None


class ResponseCancel(ClientEvent):
    type: Literal["response.cancel"] = "response.cancel"
    response_id: ResponseId | None = None


def encode(event: ClientEvent) -> str:
    """One client event as the text of a message."""
    return json.encode(event.model_dump(exclude_none=True))


def message_item(role: Role, text: str, *, item_id: ItemId | None = None) -> JsonObject:
    """A message item with one text part, of the content type that its role asks for."""
    kind = "output_text" if role == "assistant" else "input_text"
    item: JsonObject = {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
    return {"id": item_id, **item} if item_id is not None else item


def output_item(call_id: CallId, output: str) -> JsonObject:
    """The answer to a function call."""
    return {"type": "function_call_output", "call_id": call_id, "output": output}
