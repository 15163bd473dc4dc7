"""What goes wrong with a message: odd values, mutations of good ones, and bytes that are no JSON at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

JsonObject = dict[str, Any]


class Raw(str):
    """JSON text to be put in as it is, such as a number that no serialiser would write."""

    __slots__ = ()


BIDI = "\u202egnp.exe\u202c \u200b\u2066x\u2069"
RAW_VALUES = (
    Raw("9223372036854775809"),
    Raw("-9223372036854775809"),
    Raw("18446744073709551616"),
    Raw("1" + "0" * 400),
    Raw("1e400"),
    Raw("-1e-400"),
    Raw("NaN"),
    Raw("Infinity"),
    Raw('"\\ud800"'),
    Raw('"\\udc00\\ud800"'),
    Raw('"\\u0000"'),
    Raw("01"),
    Raw("[1,]"),
    Raw("'x'"),
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    0.5,
    -0.0,
    1e308,
    "",
    " ",
    "x",
    "0",
    "9" * 40,
    "9" * 4300,
    "1" + "0" * 400,
    "true",
    "null",
    "\x00",
    "a\x00b",
    "\ufeffx",
    BIDI,
    "\U0001f600" * 3,
    "e\u0301\u0323",
    "line\r\nfeed\x1b[31m",
    "{}%s%n${x}{{x}}",
    "<script>alert(1)</script>",
    "'; DROP TABLE threads; --",
    "../../etc/passwd",
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": ""},
    {"type": "text"},
    {"a": {"b": {"c": []}}},
)
SIZES = (200, 5_000, 100_000)


def odd_value(random: Random) -> Any:
    """Something that does not belong there; now and then something large."""
    chance = random.random()
    if chance < 0.25:
        return random.choice(RAW_VALUES)
    if chance < 0.9:
        return deepcopy(random.choice(VALUES))  # it may be mutated further
    size = random.choice(SIZES)
    return random.choice(("x" * size, "\u20ac" * size, ["y"] * (size // 4), Raw("[" * size + "]" * size), deep(70)))


def deep(levels: int) -> Any:
    """Objects within objects."""
    value: Any = 0
    for _ in range(levels):
        value = {"a": value}
    return value


def mutated(message: JsonObject, random: Random, times: int = 1) -> JsonObject:
    """A copy with members replaced, removed, added, doubled in an array, or renamed, at any depth."""
    changed: JsonObject = json.loads(json.dumps(message))
    for _ in range(times):
        place = random.choice(_places(changed))
        if isinstance(place, list):
            _mutate_list(place, random)
        else:
            _mutate_object(place, random)
    return changed


def _mutate_object(place: JsonObject, random: Random) -> None:
    name = random.choice([*place, "extra"])
    action = random.random()
    if action < 0.6 or name not in place:
        place[name] = odd_value(random)
    elif action < 0.8:
        del place[name]
    elif action < 0.9:
        place[random.choice((name.upper(), f"{name}\x00", f" {name}", "__proto__"))] = place.pop(name)
    else:
        place[name] = random.choice(([place[name]], {"value": place[name]}, str(place[name])))


def _mutate_list(place: list[Any], random: Random) -> None:
    if place and random.random() < 0.3:
        place.pop()
    else:
        place.insert(0, odd_value(random))


def _places(value: Any) -> list[Any]:
    """Every object and array within."""
    found: list[Any] = []
    rest = [value]
    while rest:
        node = rest.pop()
        if isinstance(node, (dict, list)):
            found.append(node)
            rest.extend(node.values() if isinstance(node, dict) else node)
    return found


def dumps(value: Any) -> bytes:
    """JSON with ``Raw`` put in as it is; lone surrogates become what UTF-8 forbids."""
    return _text(value).encode("utf-8", "surrogatepass")


def _text(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_text(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    return json.dumps(value)


def _flip(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]


def _doubled_key(data: bytes, random: Random) -> bytes:
    name = random.choice((b"id", b"method", b"params", b"type", b"item"))
    return data[:-1] + b',"' + name + b'":' + random.choice((b"null", b"7", b'"x"', b"{}", b"[]")) + b"}"


DAMAGES: dict[str, Callable[[bytes, Random], bytes]] = {
    "cut": lambda data, random: data[: random.randrange(len(data))],
    "flipped": _flip,
    "invalid UTF-8": lambda data, random: data.replace(b'"', b'"\xff\xfe', 1 + random.randrange(3)),
    "overlong UTF-8": lambda data, random: data.replace(b'"', b'"\xc0\xaf', 2),
    "surrogate bytes": lambda data, random: data.replace(b'"', b'"\xed\xa0\x80', 2),
    "byte order mark": lambda data, random: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data, random: data.decode("utf-8", "replace").encode("utf-16"),
    "NUL": lambda data, random: data.replace(b":", b":\x00", 1),
    "doubled key": _doubled_key,
    "two at once": lambda data, random: data + data,
    "in an array": lambda data, random: b"[" + data + b"]",
    "a text of JSON": lambda data, random: json.dumps(data.decode("utf-8", "replace")).encode(),
    "comment": lambda data, random: b"/*" + data + b"*/",
    "blanks": lambda data, random: b" \t\r\n" * 50 + data + b"\n",
    "nested": lambda data, random: b'{"a":' * 100_000 + data + b"}" * 100_000,
    "brackets": lambda data, random: b"[" * 100_000,
    "empty": lambda data, random: b"",
    "scalar": lambda data, random: random.choice((b"null", b"5", b'"x"', b"true", b"[]", b"NaN", b"-")),
    "noise": lambda data, random: random.randbytes(random.randrange(1, 64)),
}


def damaged(data: bytes, random: Random) -> tuple[str, bytes]:
    """What was done to the bytes, and what became of them."""
    name = random.choice(list(DAMAGES))
    return name, DAMAGES[name](data, random)
