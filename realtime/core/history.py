"""What a new upstream must be told: the conversation so far, as items, bounded.

Law: an item keeps the place where it began, whenever its words come; an output never goes without its
call, and no call that waits for its output is left out. What has no words yet is not told.
"""

from __future__ import annotations

from realtime.protocol.ids import CallId, ItemId
from realtime.protocol.json import JsonObject

KEPT = 1024
"""Places remembered, far above what a replay takes."""


class History:
    """``items`` and ``chars`` bound a replay, the newest winning."""

    def __init__(self, *, items: int, chars: int) -> None:
        self._max_items = items
        self._max_chars = chars
        self._order: list[str] = []
        self._bodies: dict[str, JsonObject | None] = {}

    def place(self, item_id: ItemId, *, after: ItemId | None = None) -> None:
        """Keep a place: behind ``after`` where that is known, else at the end."""
        if item_id in self._bodies:
            return
        if after is not None and after in self._bodies:
            self._order.insert(self._order.index(after) + 1, item_id)
        else:
            self._order.append(item_id)
        self._bodies[item_id] = None
        while len(self._order) > KEPT:
            del self._bodies[self._order.pop(0)]

    def put(self, item_id: ItemId, body: JsonObject) -> None:
        """Fill the place (or take one at the end) with the item as it would be created."""
        self.place(item_id)
        self._bodies[item_id] = body

    def remove(self, item_id: ItemId) -> None:
        """The item was never heard, or is gone."""
        if item_id in self._bodies:
            del self._bodies[item_id]
            self._order.remove(item_id)

    def body(self, item_id: ItemId) -> JsonObject | None:
        """The item as a new upstream would be told it."""
        return self._bodies.get(item_id)

    def before(self, item_id: ItemId) -> ItemId | None:
        """The nearest item before this one that a new upstream would be told of."""
        if item_id not in self._bodies:
            return None
        earlier = reversed(self._order[: self._order.index(item_id)])
        return next((ItemId(known) for known in earlier if self._bodies[known] is not None), None)

    def __contains__(self, item_id: ItemId) -> bool:
        return item_id in self._bodies

    @property
    def unanswered(self) -> bool:
        """True when it ends with words, or a result, that no answer has followed."""
        told = (body for key in reversed(self._order) if (body := self._bodies[key]) is not None)
        last = next(told, {})
        return last.get("role") == "user" or bool(last.get("output"))

    def replay(self) -> list[JsonObject]:
        """The newest items within the bounds, oldest first, and every call that waits for its answer.

        One item gets half of the characters at most, lest a long text be all that is told, or keep all from being told.
        """
        chosen: list[JsonObject] = []
        answered: set[CallId] = set()
        count = chars = 0
        for key in reversed(self._order):
            whole = self._bodies[key]
            body = _cut(whole, self._max_chars // 2) if whole is not None else None
            if body is None:
                continue
            count, chars = count + 1, chars + _weight(body)
            fits = count <= self._max_items and chars <= self._max_chars
            if body["type"] == "function_call_output":
                answered.add(body["call_id"])
            if fits or (body["type"] == "function_call" and body["call_id"] not in answered):
                chosen.append(body)
        chosen.reverse()
        return _without_orphans(chosen)


def _weight(body: JsonObject) -> int:
    parts = body.get("content") or ()
    words = sum(len(str(part.get("text", ""))) for part in parts)
    return words + len(str(body.get("arguments", ""))) + len(str(body.get("output", "")))


def _cut(body: JsonObject, room: int) -> JsonObject | None:
    """The item, or the beginning of its words; None when that is nothing."""
    if _weight(body) <= room or body["type"] == "function_call":
        return body
    if body["type"] == "function_call_output":
        return {**body, "output": str(body.get("output", ""))[:room]}
    content = []
    for part in body.get("content") or ():
        text = str(part.get("text", ""))[:room]
        room -= len(text)
        if text:
            content.append({**part, "text": text})
    return {**body, "content": content} if content else None


def _without_orphans(bodies: list[JsonObject]) -> list[JsonObject]:
    calls: set[CallId] = set()
    kept = []
    for body in bodies:
        if body["type"] == "function_call":
            calls.add(body["call_id"])
        elif body["type"] == "function_call_output" and body["call_id"] not in calls:
            continue
        kept.append(body)
    return kept
