"""What an answer may look like: the documented codes, written down a second time, and what must never show."""

from __future__ import annotations

import re
from pathlib import Path

from tests.fuzz.oddities import JsonObject

INVALID, BUSY = -32600, -32001
CODES: dict[str, tuple[int, bool]] = {
    "parse_error": (INVALID, False),
    "unknown_method": (INVALID, False),
    "invalid_params": (INVALID, False),
    "not_initialized": (INVALID, False),
    "invalid_offer": (INVALID, False),
    "thread_not_found": (INVALID, False),
    "session_not_found": (INVALID, False),
    "turn_not_found": (INVALID, False),
    "overloaded": (BUSY, True),
    "store_unavailable": (BUSY, True),
}
"""``data.code`` to JSON-RPC code and ``retryable``, for calls that come before the gateway leaves."""

RFC_CLOSES = frozenset({1000, 1002, 1007, 1009})
"""What a broken frame, a broken text and an oversized message end with."""
CLOSES = frozenset({1012, 1013, 4401, 4403, 4408}) | RFC_CLOSES
REASONS = frozenset(
    {
        "requested",
        "transport_closed",
        "error",
        "session_expired",
        "abandoned",
        "overloaded",
        "store_unavailable",
        "draining",
    }
)
STATUSES: dict[int, frozenset[str]] = {
    400: frozenset({"parse_error", "invalid_params", "invalid_offer"}),
    401: frozenset({"unauthorized"}),
    403: frozenset({"forbidden"}),
    404: frozenset({"unknown_method", "thread_not_found", "session_not_found", "turn_not_found"}),
    405: frozenset({"unknown_method"}),
    409: frozenset({"not_initialized", "session_expired"}),
    413: frozenset({"invalid_params"}),
    415: frozenset({"invalid_params"}),
    417: frozenset({"invalid_params"}),
    422: frozenset({"invalid_params"}),
    429: frozenset({"overloaded"}),
    503: frozenset({"overloaded", "store_unavailable"}),
}

_LEAKS = re.compile(
    rf"{re.escape(str(Path(__file__).parents[2]))}"  # wherever the checkout lies
    r"|Traceback|\.py\b|site-packages|/usr/|/tmp/|/home/|0x[0-9a-f]{6}|<class|NoneType|sqlite|sqlalchemy"
    r"|pydantic|orjson|asyncio|\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b",
)


_QUOTED = re.compile("`[^`]*`")


def check_answer(answer: JsonObject) -> None:
    """One answer to a JSON-RPC call, or an error that belongs to none."""
    assert ("result" in answer) != ("error" in answer), answer
    if "result" in answer:
        assert answer["id"] is not None, answer
        return
    error = answer["error"]
    data = error["data"]
    assert data["code"] in CODES, answer
    assert (error["code"], data["retryable"]) == CODES[data["code"]], answer
    assert not data["retryable"] or data["retryAfterMs"] > 0, answer
    check_words(error["message"])


def check_words(text: str) -> None:
    """No trace, no path, no class name."""
    assert isinstance(text, str)
    assert text
    ours = _QUOTED.sub("", text)  # what the client said itself is told back to it
    assert (leak := _LEAKS.search(ours)) is None, f"{leak} in {text[:300]!r}"
