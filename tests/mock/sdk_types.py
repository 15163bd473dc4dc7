"""Server events checked against the official SDK's own types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel

from realtime.protocol.json import JsonObject

UNLISTED = {"session.id", "session.object", "session.expires_at"}
"""Really sent, though the SDK's type, which is that of a request, does not list them."""


def _types() -> Iterator[tuple[str, type[BaseModel]]]:
    union = get_args(RealtimeServerEvent)[0]
    for model in get_args(union):
        for name in get_args(model.model_fields["type"].annotation):
            yield name, model


TYPES: dict[str, type[BaseModel]] = dict(_types())


def check(event: JsonObject) -> None:
    """Fails for an event whose type is unknown, or whose members are wrong, missing, or unknown to the SDK.

    So it does for items and parts that hold null.
    """
    assert event["event_id"], event
    parsed = TYPES[event["type"]].model_validate(event, strict=True)
    unknown = set(unlisted(parsed, "")) - UNLISTED
    assert not unknown, f"{event['type']}: {unknown}"
    told = [event.get("item"), event.get("part"), *event.get("response", {}).get("output", [])]
    assert not any(map(_holds_null, told)), event


def _holds_null(value: Any) -> bool:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(member is None or _holds_null(member) for member in members)


def unlisted(value: Any, path: str) -> Iterator[str]:
    """The members of an object of the SDK's that its type does not list."""
    if isinstance(value, BaseModel):
        yield from (f"{path}{name}" for name in value.model_extra or {})
        for name in value.model_fields_set:
            yield from unlisted(getattr(value, name, None), f"{path}{name}.")
    elif isinstance(value, list):
        for element in value:
            yield from unlisted(element, path)
