"""Deltas to finished lines, by item, and what an agent has not been told yet.

Law: a line ends once, and nothing is added to it after that. An upstream that gives no item ids gets ids
of ours: words of the same speaker join until the line ends or the other one speaks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from realtime.core.actions import Line
from realtime.core.recent import Recent
from realtime.protocol.ids import ItemId

KEPT = 512
"""Lines remembered; older ones are done with."""
MAX_LINE = 1_000_000
"""Characters after which a line that never ends gets no more words."""


@dataclass(slots=True)
class _Entry:
    role: str
    text: str = ""
    done: bool = False
    told: int = 0
    anonymous: bool = False


class Transcript:
    """The lines of one call, in the order in which they began."""

    def __init__(self, new_id: Callable[[], ItemId]) -> None:
        self._entries = Recent[ItemId, _Entry](KEPT)
        self._new_id = new_id

    def item_of(self, item_id: ItemId | None, role: str) -> ItemId:
        """The id that words of this speaker belong to; one is made up where the upstream gave none."""
        if item_id is not None:
            return item_id
        last = next(reversed(self._entries), None)
        if last is not None:
            entry = self._entries[last]
            if entry.anonymous and entry.role == role and not entry.done:
                return last
        made = self._new_id()
        self._open(made, role).anonymous = True
        return made

    def delta(self, item_id: ItemId, role: str, text: str) -> bool:
        """Add words; False when the line had ended already."""
        entry = self._entries.get(item_id) or self._open(item_id, role)
        if entry.done or len(entry.text) > MAX_LINE:
            return False
        entry.text += text
        return True

    def done(self, item_id: ItemId, role: str, text: str) -> bool:
        """End the line with its full text; False when it had ended already."""
        entry = self._entries.get(item_id) or self._open(item_id, role)
        if entry.done:
            return False
        entry.text, entry.done = text, True
        return True

    def text(self, item_id: ItemId) -> str:
        """What is known of the line so far."""
        entry = self._entries.get(item_id)
        return entry.text if entry else ""

    def untold(self) -> list[Line]:
        """What was said since the last call of this method, in order."""
        lines = []
        for entry in self._entries.values():
            text = entry.text[entry.told :].strip()
            entry.told = len(entry.text)
            if text:
                lines.append(Line(entry.role, text))
        return lines

    def _open(self, item_id: ItemId, role: str) -> _Entry:
        entry = self._entries[item_id] = _Entry(role)
        return entry
