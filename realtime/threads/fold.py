"""Folding: a thread's records, read as the conversation they tell.

An item stands where its first record stands, corrected by ``previousItemId``: an item that names a known
one stands right after it. Between the two stay only items that name no known one and that none names
(a hand-off, a line the upstream never took): they keep the place where they were recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from realtime.protocol.appserver import Record
from realtime.protocol.json import JsonObject


@dataclass(frozen=True, slots=True)
class FoldedThread:
    """Items in spoken order and turns in order of their start, each in its latest state, as on the wire."""

    items: list[JsonObject]
    turns: list[JsonObject]


def fold(records: Iterable[Record]) -> FoldedThread:
    """Fold records given in order of their ``seq``."""
    items: dict[str, JsonObject] = {}
    turns: dict[str, JsonObject] = {}
    for record in records:
        if (item := record.params.get("item")) is not None:
            items[record.key] = _latest(items.get(record.key), item)
        elif (turn := record.params.get("turn")) is not None:
            turns[record.key] = turn
    return FoldedThread([items[key] for key in _spoken_order(items)], list(turns.values()))


def _latest(before: JsonObject | None, item: JsonObject) -> JsonObject:
    """The newer state; it keeps what places the item: when it began, and after what."""
    if before is None:
        return item
    kept = {name: before[name] for name in ("previousItemId", "createdAt") if before.get(name)}
    if item.get("previousItemId"):
        kept.pop("previousItemId", None)
    return {**item, **kept}


def _spoken_order(items: Mapping[str, JsonObject]) -> list[str]:
    previous = {key: _known(item.get("previousItemId"), key, items) for key, item in items.items()}
    order = _Order(previous)
    for key in items:
        for step in _unplaced_chain(key, previous, order):
            order.place(step)
    return order.keys()


def _known(named: object, key: str, items: Mapping[str, JsonObject]) -> str | None:
    return named if isinstance(named, str) and named in items and named != key else None


def _unplaced_chain(key: str, previous: Mapping[str, str | None], order: _Order) -> list[str]:
    """The item after all it follows that has no place yet; a circle is cut where it would close."""
    chain: dict[str, None] = {}
    step: str | None = key
    while step is not None and step not in order and step not in chain:
        chain[step] = None
        step = previous[step]
    return list(reversed(chain))


class _Order:
    """A linked list of keys: placing one after another costs the same anywhere."""

    def __init__(self, previous: Mapping[str, str | None]) -> None:
        self._previous = previous
        self._followed = set(previous.values())
        self._next: dict[str | None, str | None] = {None: None}
        self._last: str | None = None

    def __contains__(self, key: str) -> bool:
        return key in self._next

    def place(self, key: str) -> None:
        """After what it names, past what floats there; at the end when it names nothing that has a place."""
        named = self._previous[key]
        after = self._last if named is None or named not in self._next else self._past_floating(named)
        self._next[key] = self._next[after]
        self._next[after] = key
        if after == self._last:
            self._last = key

    def keys(self) -> list[str]:
        found: list[str] = []
        key = self._next[None]
        while key is not None:
            found.append(key)
            key = self._next[key]
        return found

    def _past_floating(self, key: str) -> str:
        following = self._next[key]
        while following is not None and self._previous[following] is None and following not in self._followed:
            key, following = following, self._next[following]
        return key
