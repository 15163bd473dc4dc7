"""What the client is told about a spoken turn."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.mock.conversation import Conversation
from realtime.mock.hearings import Hearing
from realtime.mock.item import Item
from realtime.mock.timeline import Performance
from realtime.mock.tokens import heard_tokens, text_tokens
from realtime.protocol.json import JsonObject

_KIND = "conversation.item.input_audio_transcription"
_DELTA_S = 0.01


@dataclass(frozen=True, slots=True)
class Transcription:
    """How spoken turns are transcribed: after ``delay_s``, or never (``fails``); with ``logprobs`` where asked for."""

    delay_s: float
    fails: bool
    logprobs: bool = False

    def perform(self, conversation: Conversation, item: Item) -> Performance:
        """Deltas word by word, then the whole with its bill; or the failure. Nothing for an item that is gone."""
        yield self.delay_s
        hearing = item.hearing
        if hearing is not None:
            yield hearing
            item.understand()
        if item not in conversation:
            return
        where = {"item_id": item.id, "content_index": 0}
        failure = hearing.failure if hearing is not None else None
        if self.fails or failure is not None:
            yield {"type": f"{_KIND}.failed", **where, "error": _FAILURE | ({"message": failure} if failure else {})}
            return
        yield from self._completion(conversation, item) if hearing is None else self._rest(item, hearing)

    def delta(self, item_id: str, words: str) -> JsonObject:
        """Some words of a turn."""
        return {"type": f"{_KIND}.delta", "item_id": item_id, "content_index": 0, "delta": words, **self._odds([words])}

    def _rest(self, item: Item, hearing: Hearing) -> Performance:
        """What was not told while the person spoke. The whole may differ from what was: it is what counts."""
        if rest := hearing.more(item.heard):
            yield self.delta(item.id, rest)
        item.body["content"][0]["transcript"] = item.heard
        yield self._completed(item, item.heard, item.heard.split())

    def _completion(self, conversation: Conversation, item: Item) -> Performance:
        deltas = [word if index == 0 else f" {word}" for index, word in enumerate(item.heard.split())]
        part = item.body["content"][0]
        part["transcript"] = ""
        for delta in deltas:
            part["transcript"] += delta
            yield self.delta(item.id, delta)
            yield _DELTA_S
            if item not in conversation:
                return
        yield self._completed(item, "".join(deltas), deltas)

    def _completed(self, item: Item, heard: str, words: list[str]) -> JsonObject:
        where = {"item_id": item.id, "content_index": 0}
        completed = {"type": f"{_KIND}.completed", **where, "transcript": heard, "usage": _usage(item)}
        return {**completed, **self._odds(words)}

    def _odds(self, words: list[str]) -> JsonObject:
        """Sure of each word, as far as anybody asks."""
        if not self.logprobs:
            return {}
        return {"logprobs": [{"token": word, "bytes": list(word.encode()), "logprob": _LOGPROB} for word in words]}


_LOGPROB = -0.05
_FAILURE: JsonObject = {
    "type": "transcription_error",
    "code": "audio_unintelligible",
    "message": "The audio could not be transcribed.",
}


def _usage(item: Item) -> JsonObject:
    heard, said = heard_tokens(item.audio_ms), text_tokens(item.heard)
    return {
        "type": "tokens",
        "total_tokens": heard + said,
        "input_tokens": heard,
        "output_tokens": said,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
    }
