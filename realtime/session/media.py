"""Where the call's audio goes: the media ports."""

from __future__ import annotations

from typing import Protocol

from realtime.lanes import Sink, ThreadLane
from realtime.protocol.appserver import Notification, Shed
from realtime.protocol.audio import AudioChunk
from realtime.protocol.ids import ItemId


class MediaPort(Protocol):
    """The way to a person's ear."""

    def play(self, chunk: AudioChunk) -> None:
        """Take a chunk; never waits."""
        ...

    def flush(self, item_id: ItemId | None) -> None:
        """Drop what is not played yet."""
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
        """``thread/realtime/outputAudio/flush`` to the owner, behind the audio that it drops."""
        params = {"threadId": self._lane.thread.id, **({"itemId": item_id} if item_id else {})}
        self._lane.live(Notification("thread/realtime/outputAudio/flush", params))
