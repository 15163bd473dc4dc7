"""Where the call's audio goes and comes from: the contract of a media port, and chunks to a client.

The other body is ``peer_audio.PeerAudio``. In a call whose media the upstream carries the port is a client's too:
for the audio that may still come by the sideband.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from realtime.core.actions import Loss
from realtime.lanes import Sink, ThreadLane
from realtime.protocol.appserver import Notification, Shed
from realtime.protocol.audio import AudioChunk
from realtime.protocol.ids import ItemId
from realtime.protocol.json import JsonObject

Append = Callable[[str, float], object]
"""Takes base64 of the session's own format and its duration in ms; never waits."""


@dataclass(frozen=True, slots=True)
class Position:
    """What has been played: ``ms`` of this item, all before it, nothing after it; item None: nothing at all."""

    item_id: ItemId | None
    ms: int


class MediaPort(Protocol):
    """The way to a person's ear, and from the mouth where the port has a microphone of its own."""

    def play(self, chunk: AudioChunk) -> None:
        """Take a chunk; never waits."""
        ...

    def flush(self, item_id: ItemId | None) -> None:
        """Drop what is not played yet."""
        ...

    def position(self) -> Position | None:
        """How far it has played; None where the port does not know."""
        ...

    async def run(self, append: Append) -> Loss | None:
        """Carry the call's sound, the microphone to ``append``; returns why no more comes, None when it never does."""
        ...

    def status(self) -> JsonObject:
        """Figures for humans."""
        ...

    async def close(self) -> None:
        """Free everything; idempotent."""
        ...


class ClientAudio:
    """Chunks to the client that owns the call's audio; to nobody while there is none."""

    def __init__(self, lane: ThreadLane, owner: Sink | None) -> None:
        self._lane = lane
        self.owner = owner

    def play(self, chunk: AudioChunk) -> None:
        """``thread/realtime/outputAudio/delta`` to the owner."""
        if self.owner is None:
            return
        audio = {
            "data": chunk.data,
            "sampleRate": chunk.sample_rate,
            "numChannels": chunk.num_channels,
            "samplesPerChannel": chunk.samples_per_channel,
            "itemId": chunk.item_id,
        }
        params = {"threadId": self._lane.thread.id, "audio": audio}
        note = Notification("thread/realtime/outputAudio/delta", params)
        self._lane.live(note, shed=Shed.AUDIO, to=self.owner)

    def flush(self, item_id: ItemId | None) -> None:
        """``thread/realtime/outputAudio/flush`` to all who watch, behind the audio that it drops.

        Whoever had the audio until another took it over may still play it.
        """
        params = {"threadId": self._lane.thread.id, **({"itemId": item_id} if item_id else {})}
        self._lane.live(Notification("thread/realtime/outputAudio/flush", params))

    def position(self) -> Position | None:
        """The client's clock reports by ``thread/realtime/played``."""
        return None

    async def run(self, append: Append) -> Loss | None:
        """The microphone comes by calls of the client's."""
        return None

    def status(self) -> JsonObject:
        """Nothing to tell."""
        return {}

    async def close(self) -> None:
        """Nothing to free."""
