"""A small language for the shapes that clients may send.

A check is called with a value and its path (``session.audio.input``) and raises ``Refused`` with the
Realtime API's own code: ``unknown_parameter``, ``missing_required_parameter``, ``invalid_type``,
``invalid_value``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from realtime.mock.refusal import Refused

Check = Callable[[Any, str], None]

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (str, "a string"),
    (int, "an integer"),
    (float, "a decimal"),
    (list, "an array"),
    (dict, "an object"),
)


def kind_of(value: object) -> str:
    """How messages call a value's type."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "null")


def wrong_type(value: object, path: str, expected: str) -> Refused:
    """The refusal of a value of another type."""
    message = f"Invalid type for '{path}': expected {expected}, but got {kind_of(value)} instead."
    return Refused("invalid_type", message, param=path)


def wrong_value(path: str, message: str) -> Refused:
    """The refusal of a value of the right type."""
    return Refused("invalid_value", message, param=path)


def missing(path: str) -> Refused:
    """The refusal of an object that lacks a member."""
    return Refused("missing_required_parameter", f"Missing required parameter: '{path}'.", param=path)


def anything(value: Any, path: str) -> None:
    """No rule."""


def text(value: Any, path: str) -> None:
    """A string."""
    if not isinstance(value, str):
        raise wrong_type(value, path, "a string")


def flag(value: Any, path: str) -> None:
    """A boolean."""
    if not isinstance(value, bool):
        raise wrong_type(value, path, "a boolean")


def mapping(value: Any, path: str) -> None:
    """An object of any members."""
    if not isinstance(value, dict):
        raise wrong_type(value, path, "an object")


def number(low: float, high: float) -> Check:
    """A number between two bounds, both included."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise wrong_type(value, path, "a decimal")
        _in_bounds(value, path, low, high)

    return check


def integer(low: int = 0, high: float = math.inf) -> Check:
    """A whole number between two bounds, both included."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(value, path, "an integer")
        _in_bounds(value, path, low, high)

    return check


def one_of(*values: object, unlisted: Collection[object] = ()) -> Check:
    """One of some literal values; those ``unlisted`` are taken as well, and never told."""
    kinds = {type(value) for value in values}
    listed = ", ".join(f"'{value}'" for value in values)

    def check(value: Any, path: str) -> None:
        if not isinstance(value, bool) and (value in values or value in unlisted):
            return
        if type(value) not in kinds:
            raise wrong_type(value, path, "one of " + listed)
        raise wrong_value(path, f"Invalid value: '{value}'. Supported values are: {listed}.")

    return check


def nullable(check: Check) -> Check:
    """Null, or what the check allows."""

    def maybe(value: Any, path: str) -> None:
        if value is not None:
            check(value, path)

    return maybe


def list_of(check: Check, *, at_least: int = 0, at_most: float = math.inf) -> Check:
    """An array, each element by the check."""

    def elements(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise wrong_type(value, path, "an array")
        if not at_least <= len(value) <= at_most:
            raise wrong_value(path, f"Invalid '{path}': an array of {len(value)} elements is not allowed here.")
        for index, element in enumerate(value):
            check(element, f"{path}[{index}]")

    return elements


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object of known members."""
    known = {**required, **(optional or {})}

    def members(value: Any, path: str) -> None:
        mapping(value, path)
        for name in required:
            if name not in value:
                raise missing(_join(path, name))
        for name, member in value.items():
            where = _join(path, name)
            if name not in known:
                raise Refused("unknown_parameter", f"Unknown parameter: '{where}'.", param=where)
            known[name](member, where)

    return members


def variant(tag: str, cases: Mapping[str, Check], *, unlisted: Collection[str] = ()) -> Check:
    """An object whose member ``tag`` says which check applies; refusals list all tags but those ``unlisted``."""
    tags = one_of(*(case for case in cases if case not in unlisted), unlisted=unlisted)

    def choose(value: Any, path: str) -> None:
        mapping(value, path)
        where = _join(path, tag)
        if tag not in value:
            raise missing(where)
        tags(value[tag], where)
        cases[value[tag]](value, path)

    return choose


def by_type(cases: Mapping[type, Check], expected: str) -> Check:
    """A check chosen by the value's JSON type."""

    def choose(value: Any, path: str) -> None:
        check = cases.get(type(value))
        if check is None:
            raise wrong_type(value, path, expected)
        check(value, path)

    return choose


def _in_bounds(value: float, path: str, low: float, high: float) -> None:
    if value < low:
        raise wrong_value(path, f"Invalid '{path}': expected a value >= {low}, but got {value} instead.")
    if value > high:
        raise wrong_value(path, f"Invalid '{path}': expected a value <= {high}, but got {value} instead.")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
