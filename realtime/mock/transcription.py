"""What the client is told about a spoken turn."""

from __future__ import annotations

from realtime.mock.conversation import Conversation, Item
from realtime.mock.timeline import Performance
from realtime.mock.tokens import USER_MS_PER_TOKEN, text_tokens
from realtime.protocol.json import JsonObject

_KIND = "conversation.item.input_audio_transcription"
_DELTA_S = 0.01


def transcribe(conversation: Conversation, item: Item, *, delay_s: float, fails: bool) -> Performance:
    """Deltas word by word, then the whole with its bill; or the failure. Nothing for an item that is gone."""
    yield delay_s
    if item not in conversation:
        return
    where = {"item_id": item.id, "content_index": 0}
    if fails:
        yield {"type": f"{_KIND}.failed", **where, "error": _FAILURE}
        return
    for word in item.heard.split(" "):
        start = item.body["content"][0].setdefault("transcript", "")
        delta = word if not start else f" {word}"
        item.body["content"][0]["transcript"] = start + delta
        yield {"type": f"{_KIND}.delta", **where, "delta": delta}
        yield _DELTA_S
        if item not in conversation:
            return
    yield {"type": f"{_KIND}.completed", **where, "transcript": item.heard, "usage": _usage(item)}


_FAILURE: JsonObject = {
    "type": "transcription_error",
    "code": "audio_unintelligible",
    "message": "The audio could not be transcribed.",
}


def _usage(item: Item) -> JsonObject:
    heard, said = -(-item.audio_ms // USER_MS_PER_TOKEN), text_tokens(item.heard)
    return {
        "type": "tokens",
        "total_tokens": heard + said,
        "input_tokens": heard,
        "output_tokens": said,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
    }
