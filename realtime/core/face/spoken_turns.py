"""The person's turns that clients saw begin, and that a lost upstream can tell no more of: each is ended."""

from __future__ import annotations

from collections.abc import Iterator

from realtime.core.face.screen import Screen
from realtime.protocol import realtime as ev
from realtime.protocol.json import JsonObject

LOST = {"type": "server_error", "code": "upstream_lost", "message": "The transcription was lost."}


TRANSCRIPTION = "conversation.item.input_audio_transcription."


def without_words(event: JsonObject) -> JsonObject | None:
    """The event as a client sees it that wants no transcription; None where it is nothing else."""
    if event["type"].startswith(TRANSCRIPTION):
        return None
    item = event.get("item")
    content = item.get("content") if item is not None else None
    if item is None or not isinstance(content, list):
        return event
    parts = [_wordless(part) for part in content]
    return {**event, "item": {**item, "content": parts}}


def _wordless(part: object) -> object:
    """Upstreams may send anything: what is no part of an item is passed on as it is."""
    if not isinstance(part, dict) or part.get("type") != "input_audio":
        return part
    return {name: value for name, value in part.items() if name != "transcript"}


class SpokenTurns:
    """Speech that goes on, and turns whose words are awaited."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._speech: str | None = None
        self._transcribing: dict[str, None] = {}

    def follow(self, event: ev.ServerEvent, *, transcribes: bool) -> None:
        """An event of the upstream; ``transcribes``: the words of a turn are to come."""
        match event:
            case ev.SpeechStarted():
                self._speech = event.item_id
            case ev.SpeechStopped():
                self._speech = None
            case ev.AudioCommitted() if event.item_id is not None and transcribes:
                self._transcribing[event.item_id] = None
            case ev.InputTranscriptDone() | ev.InputTranscriptFailed():
                self._transcribing.pop(event.item_id or "", None)
            case _:
                pass

    def end(self, *, transcripts: bool) -> Iterator[JsonObject]:
        """The events that end them; ``transcripts``: clients are shown transcriptions."""
        if self._speech is not None:
            yield {"type": "input_audio_buffer.speech_stopped", "item_id": self._speech, "audio_end_ms": 0}
            self._speech = None
        for item_id in self._transcribing:
            if transcripts and item_id in self._screen.known:
                yield {"type": f"{TRANSCRIPTION}failed", "item_id": item_id, "content_index": 0, "error": LOST}
        self._transcribing.clear()
