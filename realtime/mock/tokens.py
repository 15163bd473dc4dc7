"""The bill: how many tokens words, sounds and pictures are worth here, and how many a model can take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from realtime.mock.item import Item
from realtime.protocol import json
from realtime.protocol.json import JsonObject

USER_MS_PER_TOKEN = 100
ASSISTANT_MS_PER_TOKEN = 50
MOST_OUTPUT_TOKENS = 4096
MOST_INSTRUCTION_TOKENS = 16_384
"""Instructions and tools together, for models of 32k."""
_CHARACTERS_PER_TOKEN = 4
_IMAGE = {"low": 85}
_IMAGE_IN_FULL = 765
_CACHE_STEP = 64
_CONTEXT = 28_224
_LARGE_CONTEXT = 96_000
_LARGE_MODELS = re.compile(r"gpt-realtime-[2-9](?:\.\d+)?(?:-|$)")
"""Not ``gpt-realtime-2025-08-28``, which is a date."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens by kind."""

    text: int = 0
    audio: int = 0
    image: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.text + self.audio + self.image

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.text + other.text, self.audio + other.audio, self.image + other.image)

    def wire(self) -> JsonObject:
        """As ``usage`` has them."""
        return {"text_tokens": self.text, "audio_tokens": self.audio, "image_tokens": self.image}


@dataclass(frozen=True, slots=True)
class Bill:
    """What a response goes by: all tokens, and those of them that the response before had already paid for."""

    given: Tokens
    cached: Tokens = Tokens()

    def usage(self, made: Tokens) -> JsonObject:
        """The ``usage`` of a response that made so many tokens."""
        return {
            "total_tokens": self.given.total + made.total,
            "input_tokens": self.given.total,
            "output_tokens": made.total,
            "input_token_details": {
                **self.given.wire(),
                "cached_tokens": self.cached.total,
                "cached_tokens_details": self.cached.wire(),
            },
            "output_token_details": {"text_tokens": made.text, "audio_tokens": made.audio},
        }


def context_limit(model: str) -> int:
    """Input tokens that a model can take."""
    return _LARGE_CONTEXT if is_large(model) else _CONTEXT


def is_large(model: str) -> bool:
    """True for the models of 128k, which are those that reason; false for those of 32k."""
    return _LARGE_MODELS.match(model) is not None


def text_tokens(text: str) -> int:
    """Four characters are a token."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def instruction_tokens(instructions: str, tools: Sequence[JsonObject]) -> int:
    """What stands before every conversation."""
    return text_tokens(instructions) + sum(text_tokens(json.encode(tool)) for tool in tools)


def item_tokens(item: Item) -> Tokens:
    """What one item is worth to a response that goes by it."""
    images = [part for part in item.body.get("content", ()) if part["type"] == "input_image"]
    image = sum(_IMAGE.get(part.get("detail", "auto"), _IMAGE_IN_FULL) for part in images)
    if item.sounds:
        audio = -(-item.audio_ms // (USER_MS_PER_TOKEN if item.role == "user" else ASSISTANT_MS_PER_TOKEN))
        typed = "".join(part.get("text", "") for part in item.body["content"])
        return Tokens(text_tokens(typed), audio, image)
    called = (item.body.get("arguments") or "") + (item.body.get("output") or "")
    return Tokens(text_tokens(item.words or called), 0, image)


def bill(before: Sequence[tuple[str, Tokens]], now: Sequence[tuple[str, Tokens]]) -> Bill:
    """The bill of a context of named pieces after another context: what both begin with is cached.

    Whole steps of 64 tokens only, as caches have them.
    """
    shared = Tokens()
    for old, new in zip(before, now, strict=False):
        if old != new:
            break
        shared += new[1]
    surplus = shared.total % _CACHE_STEP
    text = max(0, shared.text - surplus)
    audio = max(0, shared.audio - (surplus - (shared.text - text)))
    image = shared.total - surplus - text - audio
    return Bill(sum((tokens for _, tokens in now), Tokens()), Tokens(text, audio, image))


def spoken_tokens(audio_ms: float) -> int:
    """What so much of the model's own sound is worth."""
    return -(-int(audio_ms) // ASSISTANT_MS_PER_TOKEN)


def heard_tokens(audio_ms: int) -> int:
    """What so much of a person's sound is worth."""
    return -(-audio_ms // USER_MS_PER_TOKEN)
