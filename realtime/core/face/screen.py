"""What clients see of the conversation.

Law: what is ours is never shown (function calls of our tools, what answers them, items that tell the voice
what the agent said, and items that a new upstream is told again), and nothing that is shown refers to it.
A response begins to be shown with the first thing in it that is not ours; each one that was begun to be
shown ends once. Ids are the client's: an item that an upstream knows by another id is shown by its first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from realtime.core.face.order import Order
from realtime.core.handoffs import BACKGROUND_AGENT
from realtime.core.recent import Recent
from realtime.core.responses import METADATA_KEY
from realtime.protocol.json import JsonObject
from realtime.protocol.short_forms import light

KEPT = 4096
"""Hidden items and items that were shown, remembered by id."""
UNDER_WAY = 256
"""Responses remembered; an upstream that ends none has as many at most."""
_ITEM_EVENTS = frozenset({"conversation.item.added", "conversation.item.done", "conversation.item.created"})


@dataclass(slots=True)
class ShownResponse:
    """A response under way. ``held`` are its first events while nothing of it is shown."""

    held: list[JsonObject]
    in_conversation: bool = True
    asked: bool = False
    own_indexes: list[int] = field(default_factory=list)
    delegated: bool = False
    body: JsonObject = field(default_factory=dict)
    open_items: dict[str, JsonObject] = field(default_factory=dict)
    """Items that were begun and not ended, as shown, with ``output_index``, the ``part`` that is open and its words."""
    output: list[JsonObject] = field(default_factory=list)
    """Items that were shown to their end."""


class Screen:
    """``is_own`` tells our tools by name; ``owe`` is called when a client's ask is answered later."""

    def __init__(self, is_own: Callable[[str | None], bool], owe: Callable[[], None]) -> None:
        self._is_own = is_own
        self._owe = owe
        self._hidden = Recent[str, None](KEPT)
        self._client_ids: dict[str, str] = {}
        self._upstream_ids: dict[str, str] = {}
        self._conversation_id: str | None = None
        self._ended = Recent[str, None](UNDER_WAY)
        self.responses = Recent[str, ShownResponse](UNDER_WAY)
        self.known = Recent[str, JsonObject](KEPT)
        """Items that were shown, as they were shown last, by id."""
        self.order = Order(lambda item_id: item_id not in self._hidden)
        self.clients = Recent[str, None](KEPT)
        """Ids of items that clients created: never taken for ours."""

    # -- ids -------------------------------------------------------------------------------------

    def hide(self, item_id: str) -> None:
        """The item is ours."""
        self._hidden[item_id] = None

    def is_hidden(self, item_id: object) -> bool:
        """True for an item of ours."""
        return item_id in self._hidden

    def alias(self, item_id: str, upstream_id: str) -> None:
        """From now on the upstream knows the item by another id."""
        self._upstream_ids[item_id] = upstream_id
        self._client_ids[upstream_id] = item_id

    def forget_aliases(self) -> None:
        """A new upstream knows every item by its first id."""
        self._upstream_ids.clear()
        self._client_ids.clear()

    def upstream_id(self, item_id: str) -> str:
        """What the upstream calls the item."""
        return self._upstream_ids.get(item_id, item_id)

    def client_id(self, item_id: str) -> str:
        """What clients call the item."""
        return self._client_ids.get(item_id, item_id)

    # -- events ----------------------------------------------------------------------------------

    def begin(self, event: JsonObject, *, asked: bool) -> list[JsonObject]:
        """``response.created``: held back until there is something to show, unless it stands for itself."""
        body = self._response(event["response"])
        shown = {**event, "response": body}
        apart = "conversation_id" in body and body["conversation_id"] is None
        response = ShownResponse([] if apart else [shown], in_conversation=not apart, asked=asked, body=body)
        self.responses[str(body.get("id"))] = response
        self._ended.pop(str(body.get("id")), None)
        return [shown] if apart else []

    def cancelled(self, event: JsonObject, response_id: str | None) -> JsonObject:
        """``response.cancelled``, which the API has not, as the ``response.done`` that clients wait for."""
        response = self.responses.get(response_id or "")
        body = {**(response.body if response is not None else {}), **(event.get("response") or {})}
        return {**event, "type": "response.done", "response": {**body, "id": response_id, "status": "cancelled"}}

    def show(self, event: JsonObject) -> list[JsonObject]:
        """Any other event as clients see it: nothing, the event, or what was held back and the event."""
        kind = event["type"]
        if kind == "response.done":
            return self._done(event)
        if kind == "rate_limits.updated":
            return self._beside(event)
        if "previous_item_id" in event:
            event = {**event, "previous_item_id": self._placed(event)}
        if kind == "conversation.item.deleted":
            self.forget(self.client_id(event["item_id"]))
        item = event.get("item")
        if isinstance(item, dict) and not self._admit(event, item):
            return []
        item_id = event.get("item_id")
        if isinstance(item_id, str):
            if item_id in self._hidden:
                return []
            if item_id in self._client_ids:
                event = {**event, "item_id": self._client_ids[item_id]}
        response = self.responses.get(event.get("response_id") or "")
        return [event] if response is None else self._of_response(response, event)

    def _beside(self, event: JsonObject) -> list[JsonObject]:
        """What is told at the beginning of a response, though it bears no id."""
        begun = next(reversed(self.responses.values()), None)
        if begun is None or not begun.held:
            return [event]
        begun.held.append(event)
        return []

    def remember(self, event: JsonObject) -> JsonObject:
        """An event that was made for clients; the item in it is known as it shows it."""
        if event["type"] in _ITEM_EVENTS:
            self.known[event["item"]["id"]] = event["item"]
        return event

    def _placed(self, event: JsonObject) -> str | None:
        """Take the place of the event's item, and tell what clients see before it."""
        previous = event["previous_item_id"]
        previous = self.client_id(previous) if isinstance(previous, str) else None
        item_id = (event.get("item") or {}).get("id")
        if not isinstance(item_id, str):
            return self.order.behind(previous)
        self.order.add(self.client_id(item_id), previous)
        return self.order.before(self.client_id(item_id))

    def forget(self, item_id: str) -> None:
        """The item is no more."""
        self.known.pop(item_id, None)
        self.order.remove(item_id)

    def _admit(self, event: JsonObject, item: JsonObject) -> bool:
        """Whether the item is shown; what is shown of it is remembered."""
        item_id = item.get("id")
        if not isinstance(item_id, str):
            return True
        if self._is_own_call(item, item_id) or item_id in self._hidden:
            self.hide(item_id)
            self._note_own(event, item)
            return False
        if item_id in self._client_ids:
            item_id = self._client_ids[item_id]
            event["item"] = item = {**item, "id": item_id}
        if event["type"] in _ITEM_EVENTS:
            self.known.pop(item_id, None)
            self.known[item_id] = light(item)
        return True

    def _is_own_call(self, item: JsonObject, item_id: str) -> bool:
        return item.get("type") == "function_call" and self._is_own(item.get("name")) and item_id not in self.clients

    def _note_own(self, event: JsonObject, item: JsonObject) -> None:
        response = self.responses.get(event.get("response_id") or "")
        if response is not None and event["type"] == "response.output_item.added":
            response.own_indexes.append(event.get("output_index") or 0)
            response.delegated |= item.get("name") == BACKGROUND_AGENT

    def _of_response(self, response: ShownResponse, event: JsonObject) -> list[JsonObject]:
        index = event.get("output_index")
        if response.own_indexes and isinstance(index, int):
            event = {**event, "output_index": index - sum(own < index for own in response.own_indexes)}
        _follow(response, event)
        held, response.held = response.held, []
        return [*held, event]

    def _done(self, event: JsonObject) -> list[JsonObject]:
        body = self._response(event["response"])
        output = [item for item in body.get("output") or [] if item.get("id") not in self._hidden]
        shown = {**event, "response": {**body, "output": output} if "output" in body else body}
        response_id = str(body.get("id"))
        response = self.responses.pop(response_id, None)
        if response is None and response_id in self._ended:
            return []
        self._ended[response_id] = None
        if response is None or not response.held:
            return [shown]
        if response.own_indexes and not output and body.get("status") == "completed":
            if response.delegated and response.asked:
                self._owe()
            if response.delegated or not response.asked:
                return []
        return [*response.held, shown]

    def _response(self, body: JsonObject) -> JsonObject:
        """The response without our mark in its metadata; the conversation keeps its first id."""
        body = dict(body)
        metadata = body.get("metadata")
        if isinstance(metadata, dict) and METADATA_KEY in metadata:
            body["metadata"] = {name: value for name, value in metadata.items() if name != METADATA_KEY} or None
        if isinstance(body.get("conversation_id"), str):
            self._conversation_id = self._conversation_id or body["conversation_id"]
            body["conversation_id"] = self._conversation_id
        return body


def _follow(response: ShownResponse, event: JsonObject) -> None:
    """Keep what is needed to end the response, should its upstream be lost."""
    match event["type"]:
        case "response.output_item.added":
            item = dict(event["item"])
            index = event.get("output_index", 0)
            response.open_items[str(item.get("id"))] = {"item": item, "output_index": index, "said": ""}
        case "response.output_item.done":
            response.open_items.pop(str(event["item"].get("id")), None)
            response.output.append(light(event["item"]))
        case "response.output_text.delta" | "response.output_audio_transcript.delta":
            if event.get("item_id") in response.open_items:
                response.open_items[event["item_id"]]["said"] += event.get("delta") or ""
        case "response.content_part.added" if event.get("item_id") in response.open_items:
            response.open_items[event["item_id"]]["part"] = event["part"].get("type")
