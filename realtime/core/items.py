"""The thread's items of one call: begun once, ended once, amended when later knowledge corrects them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from realtime.protocol.appserver import Draft, Item, item_completed, item_started
from realtime.protocol.ids import ItemId

KEPT = 256
"""Ended items remembered for amendments."""


class ThreadItems:
    """What has been recorded of each item."""

    def __init__(self) -> None:
        self._items: dict[ItemId, Item] = {}

    def get(self, item_id: ItemId) -> Item | None:
        """The item as last recorded."""
        return self._items.get(item_id)

    def is_open(self, item_id: ItemId) -> bool:
        """True between begin and end."""
        item = self._items.get(item_id)
        return item is not None and item.status == "inProgress"

    def begin(self, item: Item) -> Draft | None:
        """Take the item's place; None when it was begun before."""
        if item.id in self._items:
            return None
        self._keep(replace(item, status="inProgress"))
        return item_started(self._items[item.id])

    def note(self, item_id: ItemId, **known: Any) -> None:
        """Learn something about an open item; it is recorded with the item's end."""
        item = self._items.get(item_id)
        if item is not None and item.status == "inProgress":
            self._items[item_id] = replace(item, **known)

    def add(self, item: Item) -> Draft:
        """An item that is complete at once."""
        self._keep(item)
        return item_completed(item)

    def end(self, item_id: ItemId, **known: Any) -> Draft | None:
        """Fill the item's place; None when it is not open."""
        return self._record(item_id, known) if self.is_open(item_id) else None

    def amend(self, item_id: ItemId, **known: Any) -> Draft | None:
        """Correct an ended item; an open one only learns it."""
        if self.is_open(item_id):
            self.note(item_id, **known)
            return None
        return self._record(item_id, known) if item_id in self._items else None

    def open_items(self) -> list[Item]:
        """What has begun and not ended, in order."""
        return [item for item in self._items.values() if item.status == "inProgress"]

    def _record(self, item_id: ItemId, known: dict[str, Any]) -> Draft:
        self._items[item_id] = replace(self._items[item_id], **known)
        return item_completed(self._items[item_id])

    def _keep(self, item: Item) -> None:
        self._items[item.id] = item
        if len(self._items) > KEPT:
            ended = (known for known, kept in self._items.items() if kept.status != "inProgress")
            oldest = next(ended, None)
            if oldest is not None:
                del self._items[oldest]
