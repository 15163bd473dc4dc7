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
        if item.kind == "mcp_approval_response":
            self._check_request(str(item.body["approval_request_id"]))
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

    def _check_request(self, request_id: str) -> None:
        request = self._items.get(request_id)
        if request is None or request.kind != "mcp_approval_request":
            message = f"The approval request with id '{request_id}' does not exist."
            raise wrong_value("item.approval_request_id", message)
        if any(item.body.get("approval_request_id") == request_id for item in self._items.values()):
            message = f"The approval request with id '{request_id}' has been answered already."
            raise wrong_value("item.approval_request_id", message)


def approved(items: list[Item]) -> list[Item]:
    """The requests that the client has approved and nothing has called yet, in order."""
    requests = {item.id: item for item in items if item.kind == "mcp_approval_request"}
    called = {item.body.get("approval_request_id") for item in items if item.kind == "mcp_call"}
    answers = (item.body for item in items if item.kind == "mcp_approval_response")
    granted = [answer["approval_request_id"] for answer in answers if answer["approve"]]
    return [requests[each] for each in granted if each in requests and each not in called]


def lines(items: list[Item]) -> tuple[Line, ...]:
    """The items as a script sees them."""
    names = {item.body["call_id"]: item.body["name"] for item in items if item.kind == "function_call"}
    names |= {item.id: item.body["name"] for item in items if item.kind == "mcp_approval_request"}
    return tuple(_line(item, names) for item in items if not _is_beside(item))


def _is_beside(item: Item) -> bool:
    """True for what tells a script nothing: what servers have, and an approval, which becomes a call."""
    return item.kind == "mcp_list_tools" or (item.kind == "mcp_approval_response" and item.body["approve"])


def _line(item: Item, names: dict[str, str]) -> Line:
    if item.kind in ("function_call", "mcp_approval_request"):
        return Line("call", item.body["arguments"], item.body["name"], item.fresh)
    if item.kind == "function_call_output":
        return Line("output", item.body["output"], names.get(item.body["call_id"]), item.fresh)
    if item.kind == "mcp_call":
        return Line("output", _outcome(item.body), item.body["name"], item.fresh)
    if item.kind == "mcp_approval_response":
        told = f"Not approved: {item.body['reason']}" if item.body.get("reason") else "Not approved."
        return Line("output", told, names.get(item.body["approval_request_id"]), item.fresh)
    if item.role == "user":
        return Line("user", item.words, fresh=item.fresh)
    return Line("assistant" if item.role == "assistant" else "system", item.words, fresh=item.fresh)


def _outcome(body: JsonObject) -> str:
    """What an MCP call came to, in words."""
    return str(body["error"]["message"]) if "error" in body else str(body["output"])
