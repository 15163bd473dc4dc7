"""Calls by WebRTC: sessions that a peer speaks and listens for, controlled over its data channel and by sidebands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from realtime.mock.call_channel import CallChannel
from realtime.mock.host import MockHost
from realtime.mock.live import LiveSession
from realtime.protocol.json import JsonObject
from transports.errors import NegotiationFailed
from transports.peer import MediaPeer, PeerSettings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PLAY_BUFFER_S = 600.0
"""A model speaks faster than it is heard: so much of it waits."""


def peers_for(host: str) -> Callable[[], MediaPeer]:
    """What makes peers for a mock that listens on this address. The media library is loaded by the first call."""
    settings = PeerSettings(loopback=host in _LOOPBACK, play_buffer_s=_PLAY_BUFFER_S)

    def make() -> MediaPeer:
        from transports.webrtc import AiortcPeer  # only mocks that are called pay for it

        return AiortcPeer(settings)

    return make


class Calls:
    """``async with`` it: calls live from enter to exit.

    Law: a call is over when its peer is, and its peer when the session is.
    """

    def __init__(self, host: MockHost) -> None:
        self._host = host
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)

    async def answer(self, offer: str, model: str, opening: JsonObject | None) -> tuple[str, str]:
        """Begin a call; returns its id and the answer. Raises ``NegotiationFailed``.

        ``opening`` is an update, already found right, that the session begins with.
        """
        if self._host.peers is None:
            raise NegotiationFailed("this mock has no media")
        peer = self._host.peers()
        channel = CallChannel(peer, offer)
        answer = await peer.answer(offer, channel)
        call_id = self._host.new_call_id()
        session = self._host.open(model, opening=opening, call_id=call_id, playback=peer)
        channel.attach(session)
        session.peer = peer
        task = self._group.create_task(self._carry(session, peer, channel))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return call_id, answer

    async def _carry(self, session: LiveSession, peer: MediaPeer, channel: CallChannel) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                media = group.create_task(peer.run())
                media.add_done_callback(lambda _: session.hang_up())
                await self._host.run(session, channel)
                await peer.close()
        finally:
            await peer.close()
