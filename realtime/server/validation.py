"""From what a client sent to params, and from pydantic's complaints to words a client understands."""

from __future__ import annotations

from collections.abc import Container
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from realtime.errors import InvalidRequest
from realtime.protocol.appserver import Params, ThreadParams
from realtime.protocol.ids import parse_thread_id
from realtime.protocol.json import JsonObject

P = TypeVar("P", bound=Params)

_MAX_SHOWN = 80


def parse_params(model: type[P], values: JsonObject, *, strict: bool = True, known: Container[str] = frozenset()) -> P:
    """Check ``values`` and the thread id among them; raises ``InvalidRequest`` for the first fault.

    Not strict is for query strings, where every value is text. ``known`` thread ids were checked before.
    """
    try:
        params = model.model_validate(values, strict=strict)
    except ValidationError as error:
        raise _explained(error.errors(include_url=False)[0]) from None
    if not isinstance(params, ThreadParams) or params.thread_id in known:
        return params
    thread_id = parse_thread_id(params.thread_id)
    return params if thread_id == params.thread_id else params.model_copy(update={"thread_id": thread_id})


def _explained(fault: ErrorDetails) -> InvalidRequest:
    field = ".".join(str(step) for step in fault["loc"])
    return InvalidRequest(f"Invalid request: {_words(fault, field)}", field=field or None)


def _words(fault: ErrorDetails, field: str) -> str:
    kind = fault["type"]
    if kind == "missing":
        return f"missing field `{field}`"
    if kind == "literal_error" and isinstance(fault["input"], str):
        return f"unknown variant `{_shown(fault['input'])}` of `{field}`, expected {fault['ctx']['expected']}"
    if kind in ("model_type", "dict_type"):  # pydantic would name the class
        return f"invalid type: `{field}` must be an object"
    if kind.endswith(("_type", "_parsing", "_from_float")) or kind == "literal_error":
        return f"invalid type: `{field}`: {fault['msg']}"
    return f"invalid value: `{field}`: {fault['msg']}"


def _shown(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
