"""The items of a conversation: their order, and how a script sees them."""

from __future__ import annotations

from realtime.mock.item import Item
from realtime.mock.refusal import Refused
from realtime.mock.reply import Line
from realtime.mock.schema import wrong_value
from realtime.protocol.json import JsonObject


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
