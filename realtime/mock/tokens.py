"""The bill: how many tokens words and sounds are worth here."""

from __future__ import annotations

from collections.abc import Iterable

from realtime.mock.conversation import Item
from realtime.protocol.json import JsonObject

USER_MS_PER_TOKEN = 100
ASSISTANT_MS_PER_TOKEN = 50
MOST_OUTPUT_TOKENS = 4096
_CHARACTERS_PER_TOKEN = 4


def text_tokens(text: str) -> int:
    """Four characters are a token."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def input_usage(items: Iterable[Item], instructions: str) -> tuple[int, int]:
    """Text and audio tokens of what a response has to go by."""
    text, audio = text_tokens(instructions), 0
    for item in items:
        if item.pcm:
            audio += -(-item.audio_ms // (USER_MS_PER_TOKEN if item.role == "user" else ASSISTANT_MS_PER_TOKEN))
        else:
            text += text_tokens(item.words or item.body.get("arguments") or item.body.get("output") or "")
    return text, audio


def usage(given: tuple[int, int], made: tuple[int, int]) -> JsonObject:
    """The ``usage`` of a response from text and audio tokens in and out."""
    return {
        "total_tokens": sum(given) + sum(made),
        "input_tokens": sum(given),
        "output_tokens": sum(made),
        "input_token_details": {
            "text_tokens": given[0],
            "audio_tokens": given[1],
            "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": made[0], "audio_tokens": made[1]},
    }
