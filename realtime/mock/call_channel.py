"""The data channel of a call as a connection's carrier; the sound beside it goes straight to the session."""

from __future__ import annotations

import asyncio

from realtime.mock.live import LiveSession
from realtime.protocol.short_forms import fitting
from transports.errors import LinkClosed
from transports.peer import CloseReason, MediaPeer

_MOST_UNREAD = 1024
_CHANNEL = "m=application"


class CallChannel:
    """Listens to a peer and carries the session's events over its data channel.

    What is sent before the channel is open waits for it; nothing waits where the offer has none.
    """

    def __init__(self, peer: MediaPeer, offer: str) -> None:
        self._peer = peer
        self._session: LiveSession | None = None
        self._early: list[str] | None = [] if _CHANNEL in offer else None
        self._open = False
        self._over = False
        self._inbox: asyncio.Queue[str | None] = asyncio.Queue()

    def attach(self, session: LiveSession) -> None:
        """Bring it sound from now on."""
        self._session = session

    # -- a carrier -----------------------------------------------------------------------------

    async def send(self, text: str) -> None:
        """Send when the channel is open."""
        if self._over:
            raise LinkClosed("the call is over", clean=True)
        if self._open:
            self._pass_on(text)
        elif self._early is not None:
            self._early.append(text)

    async def receive(self) -> str | bytes:
        """The next message."""
        text = None if self._over else await self._inbox.get()
        if text is None:
            raise LinkClosed("the call is over", clean=True)
        return text

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End the call."""
        del code, reason
        await self._peer.close()

    async def abort(self, *, reset: bool) -> None:
        """End the call: a peer always says goodbye."""
        del reset
        await self._peer.close()

    def _pass_on(self, text: str) -> None:
        if not self._peer.send(fitting(text, self._peer.carries)) and self._open:
            raise LinkClosed("the client does not read its data channel")

    # -- a peer's listener ---------------------------------------------------------------------

    def connected(self) -> None:
        """Sound can come."""

    def heard(self, pcm: bytes) -> None:
        """20 ms of the microphone."""
        if self._session is not None:
            self._session.hear(pcm)

    def opened(self) -> None:
        """The data channel is there."""
        self._open = True
        early, self._early = self._early, None
        for text in early or ():
            self._pass_on(text)

    def shut(self) -> None:
        """The data channel is not there any more: nothing waits for it."""
        self._open = False

    def told(self, text: str) -> None:
        """A message came."""
        if self._inbox.qsize() < _MOST_UNREAD:
            self._inbox.put_nowait(text)
        else:
            self._end()

    def played(self, tag: str) -> None:
        """All sound of an item was sent."""
        if self._session is not None:
            self._session.played(tag)

    def closed(self, reason: CloseReason) -> None:
        """The peer is over."""
        del reason
        self._end()

    def _end(self) -> None:
        self._over = True
        self._inbox.put_nowait(None)
