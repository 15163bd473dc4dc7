"""JSON text to values and back, guarded against what makes other parsers stumble.

``orjson`` refuses NaN, lone surrogates and trailing garbage; this module adds a bound on depth, so that
nothing downstream recurses on a hostile message.
"""

from __future__ import annotations

from typing import Any

import orjson

JsonObject = dict[str, Any]

MAX_DEPTH = 64
_CONTAINERS = frozenset({dict, list})


def decode_object(text: str | bytes) -> JsonObject:
    """Parse one JSON object; raises ``ValueError`` with a text fit for a client."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not valid JSON: {_first_clause(error)}") from None
    except (TypeError, UnicodeError):
        raise ValueError("not valid JSON: the text is not valid UTF-8") from None
    if not isinstance(value, dict):
        raise ValueError("a JSON object is expected")
    if _is_nested(value) and _may_be_deep(text) and _depth(value) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    return value


def encode(value: object) -> str:
    """Serialise compactly; raises ``ValueError`` for what JSON cannot say."""
    try:
        return orjson.dumps(value).decode()
    except (TypeError, orjson.JSONEncodeError) as error:
        raise ValueError(f"not serialisable: {error}") from None


def _first_clause(error: orjson.JSONDecodeError) -> str:
    return f"{error.msg.split(':')[0]} at character {error.pos}"


def _is_nested(value: JsonObject) -> bool:
    """False for the flat objects that carry audio: there the text is not looked through."""
    return not _CONTAINERS.isdisjoint(map(type, value.values()))


def _may_be_deep(text: str | bytes) -> bool:
    if isinstance(text, str):
        return text.count("[") + text.count("{") > MAX_DEPTH
    return text.count(b"[") + text.count(b"{") > MAX_DEPTH


def _depth(value: object) -> int:
    """Depth of nesting, found level by level (no recursion)."""
    level, depth = [value], 0
    while level:
        depth += 1
        level = [
            child
            for node in level
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, (dict, list))
        ]
    return depth
