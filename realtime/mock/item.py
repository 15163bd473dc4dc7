"""One item of a conversation, with its sound."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

from realtime.mock.hearings import Hearing
from realtime.mock.schema import wrong_value
from realtime.mock.sound import PCM, AudioFormat, decode_audio
from realtime.protocol.json import JsonObject

UNKNOWN = ""
"""What a transcript or an MCP call's output is as long as nobody knows it: no item holds null, and the published
``@openai/agents-realtime`` breaks down on items that lack these two."""
SOUND_PARTS = ("input_audio", "output_audio")
_ANSWERS = ("function_call", "mcp_call", "mcp_approval_request")
_NEW_IDS = {"mcp_call": "mcp", "mcp_approval_request": "mcpr", "mcp_approval_response": "mcpa"}


def identity(kind: str, status: str, new_id: Callable[[str], str]) -> JsonObject:
    """How a new item begins; those about MCP have an id alone."""
    if kind in _NEW_IDS:
        return {"id": new_id(_NEW_IDS[kind])}
    return {"id": new_id("item"), "object": "realtime.item", "status": status}


@dataclass(slots=True)
class Item:
    """``body`` is its wire form without audio; ``sounds`` the audio of its content parts, in ``format``.

    ``heard`` is what the model understood of a spoken turn, whether or not the client is told; ``fresh``
    means that no response has answered the item; a ``truncated`` one grows no more; one that is
    ``dropped`` is kept and shown, but no response goes by it any more. ``hearing``: it is understood outside.
    """

    body: JsonObject
    sounds: dict[int, bytearray] = field(default_factory=dict)
    format: AudioFormat = PCM
    heard: str = ""
    hearing: Hearing | None = None
    fresh: bool = True
    truncated: bool = False
    dropped: bool = False

    @property
    def id(self) -> str:
        """The item's id."""
        return str(self.body["id"])

    @property
    def kind(self) -> str:
        """The item's type."""
        return str(self.body["type"])

    @property
    def role(self) -> str | None:
        """The role of a message."""
        return self.body.get("role")

    @property
    def is_answer(self) -> bool:
        """Something that the model said or called."""
        return self.role == "assistant" or self.kind in _ANSWERS

    @property
    def audio_ms(self) -> int:
        """Length of all its audio."""
        return sum(self.format.duration_ms(sound) for sound in self.sounds.values())

    @property
    def words(self) -> str:
        """All text of a message."""
        parts = (part.get("text") or part.get("transcript") or "" for part in self.body.get("content", ()))
        return self.heard or " ".join(part for part in parts if part)

    def understand(self) -> None:
        """Take over what was understood outside by now."""
        if self.hearing is not None:
            self.heard = self.hearing.text

    def pcm(self) -> bytes:
        """All its audio as the recogniser wants it."""
        return b"".join(self.format.to_pcm(bytes(sound)) for sound in self.sounds.values())

    def wire(self, *, audio: bool = False) -> JsonObject:
        """The item as events show it; the audio only where it is asked for."""
        body = dict(self.body)
        if "content" in body:
            body["content"] = [dict(part) for part in body["content"]]
            for index, sound in self.sounds.items() if audio else ():
                body["content"][index]["audio"] = base64.b64encode(sound).decode()
        return body


def new_item(given: JsonObject, new_id: Callable[[str], str], sound_format: AudioFormat, path: str = "item") -> Item:
    """An item of a client's wire form, already checked for shape; raises ``Refused`` for audio that is none."""
    body = identity(given["type"], "completed", (lambda kind: given["id"]) if given.get("id") else new_id)
    if given["type"] == "function_call" and not given.get("call_id"):
        body["call_id"] = new_id("call")
    told = {name: value for name, value in given.items() if value is not None and (name != "id" or value)}
    item = Item(body | told, format=sound_format)
    if item.kind != "message":
        return item
    parts = [{name: value for name, value in part.items() if value is not None} for part in given["content"]]
    for index, part in enumerate(parts):
        if part["type"] == "input_audio":
            item.sounds[index] = bytearray(decode_audio(part.pop("audio"), f"{path}.content[{index}].audio"))
            part.setdefault("transcript", UNKNOWN)
    item.body["content"] = parts
    return item


def truncate(item: Item, content_index: int, audio_end_ms: int) -> None:
    """Cut what the model said to what was heard of it; its transcript goes."""
    content = item.body["content"] if item.role == "assistant" else []
    spoken = [index for index, part in enumerate(content) if part["type"] == "output_audio"]
    if not spoken or not (item.audio_ms or item.truncated):
        raise wrong_value("item_id", "Only model output audio messages can be truncated.")
    if content_index not in spoken:
        raise wrong_value("content_index", f"Invalid 'content_index': the item has no content part {content_index}.")
    sound = item.sounds[content_index]
    length_ms = item.format.duration_ms(sound)
    if audio_end_ms > length_ms:
        message = f"Audio content of {length_ms}ms is already shorter than {audio_end_ms}ms"
        raise wrong_value("audio_end_ms", message)
    item.truncated = True
    del sound[audio_end_ms * item.format.bytes_per_ms :]
    content[content_index].pop("transcript", None)


def age(items: list[Item]) -> None:
    """What stands before the last thing that the model said or called has been answered."""
    last = max((index for index, item in enumerate(items) if item.is_answer), default=-1)
    for item in items[: last + 1]:
        item.fresh = False
