"""The sound that a call plays: the model owns its buffer, so it knows what was heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from realtime.mock.conversation import Conversation
from realtime.mock.item import truncate
from realtime.protocol.json import JsonObject


class Playback(Protocol):
    """What plays: it takes sound faster than it plays it. ``transports.peer.MediaPeer`` is one."""

    def play(self, pcm: bytes, tag: str) -> bool:
        """Queue sound behind what waits; False: there is no room, nothing was taken."""
        ...

    def flush(self, tag: str | None = None) -> None:
        """Drop what was not played yet."""
        ...

    def position(self) -> tuple[str, int] | None:
        """The tag that was played last, and how many milliseconds of it in all."""
        ...


@dataclass(slots=True)
class _Playing:
    """A response that is heard: the items whose sound waits, and whether no more will come."""

    waiting: set[str] = field(default_factory=set)
    said: bool = False


class Loudspeaker:
    """Plays responses, and says so.

    Law: a response with sound is ``started``, and then either ``stopped``, once it is done and has been played to
    the end, or ``cleared``, never both. What is cleared is truncated to what was heard.
    """

    def __init__(self, playback: Playback, conversation: Conversation) -> None:
        self._playback = playback
        self._conversation = conversation
        self._playing: dict[str, _Playing] = {}
        self._muted: set[str] = set()

    def play(self, response_id: str, item_id: str, pcm: bytes) -> Iterator[JsonObject]:
        """Some more of an item; nothing of a response that was cleared while it was still being said."""
        if response_id in self._muted:
            return
        playing = self._playing.get(response_id)
        if playing is None:
            playing = self._playing[response_id] = _Playing()
            yield {"type": "output_audio_buffer.started", "response_id": response_id}
        if self._playback.play(pcm, item_id):
            playing.waiting.add(item_id)

    def said(self, response_id: str) -> Iterator[JsonObject]:
        """The response is done: no more sound of it comes."""
        self._muted.discard(response_id)
        if (playing := self._playing.get(response_id)) is not None:
            playing.said = True
            yield from self._stopped()

    def played(self, item_id: str) -> Iterator[JsonObject]:
        """All of an item was played, as far as it was given."""
        for playing in self._playing.values():
            playing.waiting.discard(item_id)
        yield from self._stopped()

    def clear(self) -> Iterator[JsonObject]:
        """Be silent at once."""
        if not self._playing:
            return
        heard = self._playback.position()
        self._playback.flush()
        cleared, self._playing = self._playing, {}
        for response_id, playing in cleared.items():
            if not playing.said:
                self._muted.add(response_id)
            yield {"type": "output_audio_buffer.cleared", "response_id": response_id}
            for item_id in sorted(playing.waiting):
                yield from self._truncated(item_id, heard[1] if heard is not None and heard[0] == item_id else 0)

    def _stopped(self) -> Iterator[JsonObject]:
        over = [response_id for response_id, each in self._playing.items() if each.said and not each.waiting]
        for response_id in over:
            del self._playing[response_id]
            yield {"type": "output_audio_buffer.stopped", "response_id": response_id}

    def _truncated(self, item_id: str, heard_ms: int) -> Iterator[JsonObject]:
        item = self._conversation.get(item_id)
        if item is not None:
            end_ms = min(heard_ms, item.audio_ms)
            truncate(item, 0, end_ms)
            where = {"item_id": item_id, "content_index": 0, "audio_end_ms": end_ms}
            yield {"type": "conversation.item.truncated", **where}
