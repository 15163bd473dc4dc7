"""Lengths of time in words: read from what was said, and spoken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from realtime.agents.numerals import spoken, to_digits

DAY: Final = 86_400
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": DAY}
_UNIT: Final = r"(?:seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?)\b"
_NUMBER: Final = r"(?:\d+(?:\.\d+)?|half an?|an?)"
_PART: Final = rf"{_NUMBER}[\s-]*{_UNIT}"
DURATION: Final = rf"(?<![\w.]){_PART}(?:(?:,| and|, and)? {_PART})*"
"""One length of time, or several in a row, in text that ``plain`` has gone over."""
_DURATION: Final = re.compile(DURATION)
_ONE_PART: Final = re.compile(rf"({_NUMBER})[\s-]*({_UNIT})")
_FRACTIONS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"\b(?:an?|1) (hour|minute|day) and (?:a|1) half\b"), r"1.5 \1s"),
    (re.compile(r"\b(?:an?|1) (hour|minute|day) and (?:a|1) quarter\b"), r"1.25 \1s"),
    (re.compile(r"\b(\d+) (hours|minutes|days) and (?:a|1) half\b"), r"\1.5 \2"),
    (re.compile(r"\b(?:3|three)[ -]quarters of an hour\b"), "45 minutes"),
    (re.compile(r"\b(?:a |1 )?quarter (?:of an |of 1 |an )?hour\b"), "15 minutes"),
    (re.compile(r"\b(?:a )?couple of (?=seconds|minutes|hours|days)"), "2 "),
    (re.compile(r"\bhalf (?:of )?an? "), "0.5 "),
)


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time in seconds, and where it stands in the text."""

    seconds: float
    start: int
    end: int


def plain(text: str) -> str:
    """Lower-case ``text`` with its numbers in digits and its parts of hours written out."""
    text = to_digits(text)
    for fraction, written in _FRACTIONS:
        text = fraction.sub(written, text)
    return text


def spans(text: str) -> list[Span]:
    """The lengths of time in text that ``plain`` has gone over: "1 minute 5 seconds" is one, two minutes are two."""
    return [span for match in _DURATION.finditer(text) for span in _split(match)]


def seconds_in(text: str) -> float | None:
    """The first length of time in ``text`` (lower case), in seconds."""
    found = spans(plain(text))
    return found[0].seconds if found else None


def duration(seconds: float) -> str:
    """ "1 minute and 5 seconds"; fractions of a second are rounded up."""
    whole = max(0, -int(-seconds // 1))
    parts = [(whole // 3600, "hour"), (whole % 3600 // 60, "minute"), (whole % 60, "second")]
    return joined([counted(count, unit) for count, unit in parts if count]) or "0 seconds"


def counted(number: int, unit: str) -> str:
    """ "1 day", "2 days"."""
    return f"{spoken(Fraction(number))} {unit}{'' if number == 1 else 's'}"


def joined(parts: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(", ".join(parts).rsplit(", ", 1)) if len(parts) > 1 else "".join(parts)


def _split(match: re.Match[str]) -> Iterator[Span]:
    """A new length begins where the unit does not become smaller."""
    total, start, end, last = 0.0, match.start(), match.start(), 0
    for part in _ONE_PART.finditer(match[0]):
        unit = _UNITS[part[2][0]]
        if last and unit >= last:
            yield Span(total, start, end)
            total, start = 0.0, match.start() + part.start()
        amount = 0.5 if part[1].startswith("half") else 1.0 if part[1].startswith("a") else float(part[1])
        total, end, last = total + amount * unit, match.start() + part.end(), unit
    yield Span(total, start, end)
