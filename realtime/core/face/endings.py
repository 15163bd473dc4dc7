"""The ends of responses that their upstream can tell no more: every one that clients saw begin is ended."""

from __future__ import annotations

from collections.abc import Iterator

from realtime.core.face.order import Order
from realtime.core.face.screen import ShownResponse
from realtime.protocol.json import JsonObject

LOST = {
    "type": "failed",
    "error": {"type": "server_error", "code": "upstream_lost", "message": "The voice model's connection was lost."},
}


def ending(response: ShownResponse, order: Order) -> Iterator[JsonObject]:
    """The events that end it; ``order`` tells what an item stands behind."""
    yield from response.held
    response_id = response.body.get("id")
    output = list(response.output)
    for item_id, entry in response.open_items.items():
        place = {"response_id": response_id, "item_id": item_id, "output_index": entry["output_index"]}
        item = {**entry["item"], "status": "incomplete"}
        if part := entry.get("part"):
            yield from _part(place, part, entry["said"])
            item["content"] = [_content(part, entry["said"])]
        if response.in_conversation:
            yield {"type": "conversation.item.done", "previous_item_id": order.before(item_id), "item": item}
        yield {
            "type": "response.output_item.done",
            "response_id": response_id,
            "output_index": entry["output_index"],
            "item": item,
        }
        output.append(item)
    body = {**response.body, "status": "failed", "status_details": LOST, "output": output}
    yield {"type": "response.done", "response": body}


def _part(place: JsonObject, part: str, said: str) -> Iterator[JsonObject]:
    place = {**place, "content_index": 0}
    if part == "text":
        yield {"type": "response.output_text.done", **place, "text": said}
        yield {"type": "response.content_part.done", **place, "part": {"type": "text", "text": said}}
        return
    yield {"type": "response.output_audio.done", **place}
    yield {"type": "response.output_audio_transcript.done", **place, "transcript": said}
    yield {"type": "response.content_part.done", **place, "part": {"type": "audio", "transcript": said}}


def _content(part: str, said: str) -> JsonObject:
    return {"type": "output_text", "text": said} if part == "text" else {"type": "output_audio", "transcript": said}
