"""The contract of a message link, and a pair of links joined in memory."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from transports.errors import LinkClosed


class MessageLink(Protocol):
    """An ordered, reliable two-way carrier of text messages. One task sends, one receives."""

    async def send(self, text: str) -> None:
        """Send one message, waiting while the carrier is full; raises ``LinkClosed``."""
        ...

    async def receive(self) -> str | bytes:
        """The next message (bytes only when the other side sent a binary one); raises ``LinkClosed``."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End the link with a close handshake; idempotent, never raises."""
        ...


class _Channel:
    """One direction of a pair: a bounded line of messages with an end."""

    def __init__(self, capacity: int) -> None:
        self._messages: deque[str] = deque()
        self._capacity = capacity
        self._changed = asyncio.Condition()
        self._closed: LinkClosed | None = None

    async def put(self, text: str) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or len(self._messages) < self._capacity)
            if self._closed:
                raise self._closed
            self._messages.append(text)
            self._changed.notify_all()

    async def get(self) -> str:
        async with self._changed:
            while not self._messages:
                if self._closed is not None:
                    raise self._closed
                await self._changed.wait()
            text = self._messages.popleft()
            self._changed.notify_all()
            return text

    async def close(self, code: int, reason: str) -> None:
        async with self._changed:
            if self._closed is None:
                self._closed = LinkClosed(reason or "closed", code=code, clean=True)
            self._changed.notify_all()


class _MemoryLink:
    """One end of a pair."""

    def __init__(self, outgoing: _Channel, incoming: _Channel) -> None:
        self._outgoing = outgoing
        self._incoming = incoming

    async def send(self, text: str) -> None:
        await self._outgoing.put(text)

    async def receive(self) -> str | bytes:
        return await self._incoming.get()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._outgoing.close(code, reason)
        await self._incoming.close(code, reason)


def memory_pair(capacity: int = 1024) -> tuple[MessageLink, MessageLink]:
    """Two joined ends; each direction holds ``capacity`` messages, then ``send`` waits."""
    forth, back = _Channel(capacity), _Channel(capacity)
    return _MemoryLink(forth, back), _MemoryLink(back, forth)
