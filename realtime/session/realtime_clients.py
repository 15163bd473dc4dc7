"""The clients of a call that speak the Realtime API: who they are, and what goes to them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from realtime.core.actions import ClientJoined, ClientSent, CloseReason, Interrupt, Relay
from realtime.core.conversation import Conversation
from realtime.protocol import json
from realtime.protocol.appserver import Shed
from realtime.protocol.audio import base64_length
from realtime.protocol.json import JsonObject
from realtime.queues import UpstreamOutbox
from realtime.session.inbox import Commit, Delivery, Message


class RealtimeSink(Protocol):
    """One of them, by whatever carries its events."""

    def relay(self, text: str, shed: Shed) -> None:
        """Queue a server event; never waits, never raises."""
        ...

    def ended(self, reason: CloseReason) -> None:
        """The call is over; nothing follows."""
        ...


class RealtimeClients:
    """All of them, by the number that each gets when it joins.

    ``post`` puts into the owner's inbox; it raises ``Overloaded``, or ``SessionNotFound`` when the call is
    over, and so do the methods that use it. ``append`` queues sound; see ``Session.append_audio``.
    """

    def __init__(
        self,
        conversation: Conversation,
        outbox: UpstreamOutbox,
        post: Callable[[Message], None],
        append: Callable[[str, float], int],
    ) -> None:
        self._conversation = conversation
        self._outbox = outbox
        self._post = post
        self._append = append
        self._sinks: dict[int, RealtimeSink] = {}
        self._number = 0
        self._on_the_way: deque[Relay] = deque()
        self.has_peer = False
        """Sound goes by a WebRTC peer of ours, and so to no client; ``output_audio_buffer.*`` is for all of them."""

    def __len__(self) -> int:
        return len(self._sinks)

    # -- from a client -----------------------------------------------------------------------------

    def join(self, sink: RealtimeSink) -> int:
        """One more; returns its number."""
        self._number += 1
        self._post(ClientJoined(self._number))
        self._sinks[self._number] = sink
        return self._number

    def leave(self, number: int) -> None:
        """It has gone; the call goes on."""
        self._sinks.pop(number, None)

    async def take(self, event: JsonObject, number: int) -> None:
        """An event of a client's; done when the call has taken it, so that what follows stays behind it."""
        if self.has_peer and event.get("type") == "output_audio_buffer.clear":
            self._post(Interrupt())
            return
        taken: asyncio.Future[Commit | None] = asyncio.get_running_loop().create_future()
        self._post(Delivery(ClientSent(event, number), taken))
        await taken

    async def append_audio(self, data: str) -> int:
        """Hot path: queue base64 audio of the session's own format; returns chunks that were dropped for it.

        Clients may send faster than they speak: it waits for room, and nothing is dropped, but while the
        upstream is lost.
        """
        duration_ms = base64_length(data) / self._conversation.heard_bytes_per_ms
        await self._outbox.room(duration_ms)
        return self._append(data, duration_ms)

    # -- to them -----------------------------------------------------------------------------------

    def relay(self, action: Relay) -> None:
        """To one, or to all, serialised once. What a sink relays as it is told stands behind that for everybody."""
        if not self._sinks or (self.has_peer and action.shed is Shed.AUDIO):
            return
        self._on_the_way.append(action)
        if len(self._on_the_way) > 1:
            return
        while self._on_the_way:
            self._send(self._on_the_way[0])
            self._on_the_way.popleft()

    def _send(self, action: Relay) -> None:
        text = json.encode(action.event)
        for number, sink in list(self._sinks.items()):
            if action.to in (None, number):
                sink.relay(text, action.shed)

    def end(self, reason: CloseReason) -> None:
        """The call is over."""
        sinks, self._sinks = list(self._sinks.values()), {}
        for sink in sinks:
            sink.ended(reason)
