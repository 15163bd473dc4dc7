"""How much of a conversation a response goes by, when there is more of it than a model can take."""

from __future__ import annotations

from collections.abc import Sequence

from realtime.mock.item import Item
from realtime.mock.refusal import Refused
from realtime.mock.tokens import item_tokens
from realtime.protocol.json import JsonObject


def within(items: Sequence[Item], before: int, limit: int, truncation: str | JsonObject) -> list[Item]:
    """The items that fit behind ``before`` tokens of instructions.

    The oldest are dropped for good, with the outputs of dropped calls; a retention ratio drops more at once
    so that it happens less often. Raises ``Refused`` where dropping is disabled.
    """
    kept = [item for item in items if not item.dropped]
    room = limit - before
    if isinstance(truncation, dict):
        room = min(room, (truncation.get("token_limits") or {}).get("post_instructions") or room)
    worth = sum(item_tokens(item).total for item in kept)
    if worth <= room:
        return kept
    if truncation == "disabled":
        message = (
            f"The conversation is {before + worth} tokens long, above the input limit of {limit} tokens, "
            "and truncation is disabled."
        )
        raise Refused("context_length_exceeded", message, param="session.truncation")
    ratio = truncation["retention_ratio"] if isinstance(truncation, dict) else 1.0
    return _newest(kept, worth, room * ratio)


def _newest(items: list[Item], worth: int, room: float) -> list[Item]:
    calls: set[str] = set()
    for item in items[:-1]:
        orphan = item.kind == "function_call_output" and item.body["call_id"] in calls
        if worth <= room and not orphan:
            continue
        item.dropped = True
        worth -= item_tokens(item).total
        if item.kind == "function_call":
            calls.add(item.body["call_id"])
    return [item for item in items if not item.dropped]
