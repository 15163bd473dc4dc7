"""The items of the conversation in their order, those that are ours included, as clients have to be told of it.

Law: an item is told to stand behind the nearest one before it that clients see. What a new upstream was not
told keeps its place: it stands behind what it stood behind, and what comes new comes after it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

KEPT = 4096
"""Items whose order is remembered."""


class Order:
    """By the ids that clients know. ``is_shown`` tells what clients see."""

    def __init__(self, is_shown: Callable[[str], bool]) -> None:
        self._is_shown = is_shown
        self._ids: list[str] = []
        self._absent: set[str] = set()

    def add(self, item_id: str, previous: str | None) -> None:
        """The upstream has put the item behind this one; None: at the beginning."""
        if item_id in self._ids:
            return
        self._ids.insert(self._place(previous), item_id)
        if len(self._ids) > KEPT:
            self._absent.discard(self._ids.pop(0))

    def remove(self, item_id: str) -> None:
        """It is no more."""
        if item_id in self._ids:
            self._ids.remove(item_id)
            self._absent.discard(item_id)

    def renew(self, told: Collection[str]) -> None:
        """A new upstream, which was told these."""
        self._absent = {known for known in self._ids if known not in told}

    def before(self, item_id: str) -> str | None:
        """What clients see before the item."""
        return self._shown_before(self._ids.index(item_id)) if item_id in self._ids else None

    def behind(self, previous: str | None) -> str | None:
        """What clients see before an item that the upstream will put behind this one."""
        return self._shown_before(self._place(previous))

    def _place(self, previous: str | None) -> int:
        place = 0 if previous is None else len(self._ids)
        if previous in self._ids:
            place = self._ids.index(previous) + 1
        while place < len(self._ids) and self._ids[place] in self._absent:
            place += 1
        return place

    def _shown_before(self, place: int) -> str | None:
        return next((known for known in reversed(self._ids[:place]) if self._is_shown(known)), None)
