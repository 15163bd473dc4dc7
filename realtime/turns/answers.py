"""Which of the agent's words answer which request.

Law: the request that began the turn is answered by the agent's first output, one that joined by whatever the agent
said next after it had read it. Requests are read in the order in which they came.
"""

from __future__ import annotations

from collections import deque

from realtime.protocol.ids import ItemId


class Answers:
    """``first`` is the item that began the turn."""

    def __init__(self, first: ItemId) -> None:
        self._first = first
        self._unread: deque[ItemId] = deque()
        self._read: list[ItemId] = []
        self._known: dict[ItemId, str] = {}

    def join(self, item_id: ItemId) -> None:
        """One more request waits to be read."""
        self._unread.append(item_id)

    def read(self) -> None:
        """The agent takes the next one."""
        self._read.append(self._unread.popleft())

    def said(self, text: str, *, final: bool) -> None:
        """The agent speaks; ``final``: it is an output."""
        self._known |= dict.fromkeys(self._read, text)
        self._read.clear()
        if final:
            self._known.setdefault(self._first, text)

    def to(self, item_id: ItemId) -> str | None:
        """None where nothing was said to it apart."""
        return self._known.get(item_id)
