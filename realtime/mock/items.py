"""What a client does with the items of a conversation."""

from __future__ import annotations

from collections.abc import Iterator

from realtime.mock.item import age, new_item, truncate
from realtime.mock.shapes import ITEM, OLDER_ITEM
from realtime.mock.state import SessionState
from realtime.protocol.json import JsonObject


class ItemEvents:
    """Creates, shows, deletes and truncates; what cannot be done raises ``Refused`` and changes nothing."""

    def __init__(self, state: SessionState) -> None:
        self._state = state

    def create(self, event: JsonObject) -> Iterator[JsonObject]:
        """Take an item of the client's."""
        state, given = self._state, event["item"]
        shape = OLDER_ITEM if state.configuration.kind == "quicksilver" and _is_older(given) else ITEM
        shape(given, "item")
        item = new_item(given, state.ids.new, state.configuration.input_format)
        state.conversation.add(item, event.get("previous_item_id"))
        state.listen(item)
        if item.is_answer:
            age(state.conversation.items)
        yield state.conversation.added(item)
        yield state.conversation.done(item)

    def retrieve(self, event: JsonObject) -> Iterator[JsonObject]:
        """Show an item with its audio."""
        item = self._state.conversation.find(event["item_id"], "retrieve", "retrieving")
        yield {"type": "conversation.item.retrieved", "item": item.wire(audio=True)}

    def delete(self, event: JsonObject) -> Iterator[JsonObject]:
        """Take an item out."""
        item = self._state.conversation.find(event["item_id"], "delete", "deleting")
        self._state.conversation.delete(item)
        yield {"type": "conversation.item.deleted", "item_id": item.id}

    def truncate(self, event: JsonObject) -> Iterator[JsonObject]:
        """Cut an answer to what was heard of it."""
        item = self._state.conversation.find(event["item_id"], "truncate", "truncating")
        where = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
        truncate(item, where["content_index"], where["audio_end_ms"])
        yield {"type": "conversation.item.truncated", **where}


def _is_older(item: JsonObject) -> bool:
    """True for an item whose content is of the type that the older sessions have."""
    content = item.get("content")
    first = content[0] if isinstance(content, list) and content else None
    return isinstance(first, dict) and first.get("type") == "text"
