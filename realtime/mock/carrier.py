"""What a connection of the mock runs on."""

from __future__ import annotations

from typing import Protocol

from transports.link import MessageLink


class Carrier(MessageLink, Protocol):
    """A message link that can also break."""

    async def abort(self, *, reset: bool) -> None:
        """End it without a close handshake, by RST if asked for."""
        ...


class MemoryCarrier:
    """A plain link as a carrier: it cannot break, only end."""

    def __init__(self, link: MessageLink) -> None:
        self._link = link

    async def send(self, text: str) -> None:
        """Pass it on."""
        await self._link.send(text)

    async def receive(self) -> str | bytes:
        """Pass it on."""
        return await self._link.receive()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Pass it on."""
        await self._link.close(code, reason)

    async def abort(self, *, reset: bool) -> None:
        """End the link; what ends in memory leaves no trace of how."""
        del reset
        await self._link.close(1006, "aborted")
