"""The items of a conversation: their order, and what a client may do to them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from realtime.mock.refusal import Refused
from realtime.mock.reply import Line
from realtime.mock.schema import wrong_value
from realtime.mock.sound import decode_audio
from realtime.mock.speech.contracts import BYTES_PER_MS
from realtime.protocol.json import JsonObject


@dataclass(slots=True)
class Item:
    """One item. ``body`` is its wire form without audio; ``pcm`` the audio of its first content part.

    ``heard`` is what the model understood of a spoken turn, whether or not the client is told; ``fresh``
    means that no response has answered the item; a ``truncated`` one grows no more.
    """

    body: JsonObject
    pcm: bytearray = field(default_factory=bytearray)
    heard: str = ""
    fresh: bool = True
    truncated: bool = False

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
        return self.role == "assistant" or self.kind == "function_call"

    @property
    def audio_ms(self) -> int:
        """Length of its audio."""
        return len(self.pcm) // BYTES_PER_MS

    @property
    def words(self) -> str:
        """All text of a message."""
        parts = (part.get("text") or part.get("transcript") or "" for part in self.body.get("content", ()))
        return self.heard or " ".join(part for part in parts if part)

    def wire(self, *, audio: bool = False) -> JsonObject:
        """The item as events show it; the audio only where it is asked for."""
        body = dict(self.body)
        if "content" in body:
            body["content"] = [dict(part) for part in body["content"]]
            if audio and self.pcm:
                sound = next(part for part in body["content"] if part["type"] in ("input_audio", "output_audio"))
                sound["audio"] = base64.b64encode(self.pcm).decode()
        return body


class Conversation:
    """Items in their order. Every item but the first has a predecessor, told as ``previous_item_id``."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._order: list[str] = []

    @property
    def items(self) -> list[Item]:
        """All of them, in order."""
        return [self._items[item_id] for item_id in self._order]

    @property
    def last_id(self) -> str | None:
        """The id of the last item."""
        return self._order[-1] if self._order else None

    def __contains__(self, item: Item) -> bool:
        return self._items.get(item.id) is item

    def add(self, item: Item, after: str | None = None) -> None:
        """Put an item after another one, first (``root``), or last (None)."""
        if item.id in self._items:
            message = f"Error adding item: an item with id '{item.id}' already exists in the conversation."
            raise Refused("item_create_duplicate_item_id", message, param="item.id")
        position = self._position(after)
        if item.kind == "function_call_output":
            self._check_call(str(item.body["call_id"]))
        self._items[item.id] = item
        self._order.insert(position, item.id)

    def find(self, item_id: str, action: str, verb: str) -> Item:
        """The item, or the refusal of an action (``delete``, "deleting") on one that is not there."""
        item = self._items.get(item_id)
        if item is None:
            message = f"Error {verb} item: the item with id '{item_id}' does not exist."
            raise Refused(f"item_{action}_invalid_item_id", message, param="item_id")
        return item

    def get(self, item_id: str) -> Item | None:
        """The item, if it is there."""
        return self._items.get(item_id)

    def delete(self, item: Item) -> None:
        """Take an item out."""
        del self._items[item.id]
        self._order.remove(item.id)

    def added(self, item: Item) -> JsonObject:
        """The event that says an item stands in the conversation."""
        return {"type": "conversation.item.added", "previous_item_id": self.previous_id(item), "item": item.wire()}

    def done(self, item: Item) -> JsonObject:
        """The event that says an item is complete."""
        return {"type": "conversation.item.done", "previous_item_id": self.previous_id(item), "item": item.wire()}

    def previous_id(self, item: Item) -> str | None:
        """The id of the item before."""
        index = self._order.index(item.id)
        return self._order[index - 1] if index else None

    def _position(self, after: str | None) -> int:
        if after is None:
            return len(self._order)
        if after == "root":
            return 0
        if after not in self._items:
            message = f"Error adding item: the previous item with id '{after}' does not exist."
            raise wrong_value("previous_item_id", message)
        return self._order.index(after) + 1

    def _check_call(self, call_id: str) -> None:
        calls = (item.body["call_id"] for item in self._items.values() if item.kind == "function_call")
        if call_id not in calls:
            message = f"Tool call ID '{call_id}' not found in conversation."
            raise Refused("invalid_tool_call_id", message, param="item.call_id")


def truncate(item: Item, content_index: int, audio_end_ms: int) -> None:
    """Cut what the model said to what was heard of it; its transcript goes."""
    part = item.body["content"][0] if item.role == "assistant" and item.body["content"] else {}
    if part.get("type") != "output_audio" or not (item.pcm or item.truncated):
        raise wrong_value("item_id", "Only model output audio messages can be truncated.")
    if content_index != 0:
        raise wrong_value("content_index", f"Invalid 'content_index': the item has no content part {content_index}.")
    if audio_end_ms > item.audio_ms:
        message = f"Audio content of {item.audio_ms}ms is already shorter than {audio_end_ms}ms"
        raise wrong_value("audio_end_ms", message)
    item.truncated = True
    del item.pcm[audio_end_ms * BYTES_PER_MS :]
    part.pop("transcript", None)


def new_item(item_id: str, given: JsonObject) -> Item:
    """An item of a client's wire form, already checked for shape; raises ``Refused`` for audio that is none."""
    body = {"id": item_id, "object": "realtime.item", "status": "completed"}
    item = Item(body | {name: value for name, value in given.items() if value is not None})
    if item.kind != "message":
        return item
    parts = [{name: value for name, value in part.items() if value is not None} for part in given["content"]]
    for index, part in enumerate(parts):
        if part["type"] == "input_audio":
            item.pcm = bytearray(decode_audio(part.pop("audio"), f"item.content[{index}].audio"))
    item.body["content"] = parts
    return item


def age(items: list[Item]) -> None:
    """What stands before the last thing that the model said or called has been answered."""
    last = max((index for index, item in enumerate(items) if item.is_answer), default=-1)
    for item in items[: last + 1]:
        item.fresh = False


def lines(items: list[Item]) -> tuple[Line, ...]:
    """The items as a script sees them."""
    names = {item.body["call_id"]: item.body["name"] for item in items if item.kind == "function_call"}
    return tuple(_line(item, names) for item in items)


def _line(item: Item, names: dict[str, str]) -> Line:
    if item.kind == "function_call":
        return Line("call", item.body["arguments"], item.body["name"], item.fresh)
    if item.kind == "function_call_output":
        return Line("output", item.body["output"], names.get(item.body["call_id"]), item.fresh)
    if item.role == "user":
        return Line("user", item.words, fresh=item.fresh)
    return Line("assistant" if item.role == "assistant" else "system", item.words, fresh=item.fresh)
