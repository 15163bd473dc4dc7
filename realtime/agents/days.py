"""Days by their names: feasts, weekdays, dates, "in three weeks", "the day before yesterday"."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

MONTHS: Final = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _fixed(month: int, day: int) -> Callable[[int], date]:
    return lambda year: date(year, month, day)


def _after_easter(days: int) -> Callable[[int], date]:
    return lambda year: _easter(year) + timedelta(days)


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm of 1876)."""
    century, rest = divmod(year, 100)
    lunar = (19 * (year % 19) + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - lunar - rest % 4) % 7
    month, day = divmod(lunar + weekday - 7 * ((year % 19 + 11 * lunar + 22 * weekday) // 451) + 114, 31)
    return date(year, month, day + 1)


def _thanksgiving(year: int) -> date:
    """The fourth Thursday of November."""
    first = date(year, 11, 1)
    return first + timedelta((3 - first.weekday()) % 7 + 21)


_FEASTS: Final[dict[str, Callable[[int], date]]] = {
    "christmas eve": _fixed(12, 24),
    "christmas day": _fixed(12, 25),
    "christmas": _fixed(12, 25),
    "boxing day": _fixed(12, 26),
    "new year's eve": _fixed(12, 31),
    "new year's day": _fixed(1, 1),
    "new year's": _fixed(1, 1),
    "new year": _fixed(1, 1),
    "halloween": _fixed(10, 31),
    "valentine's day": _fixed(2, 14),
    "saint patrick's day": _fixed(3, 17),
    "good friday": _after_easter(-2),
    "easter sunday": _after_easter(0),
    "easter monday": _after_easter(1),
    "easter": _after_easter(0),
    "pentecost": _after_easter(49),
    "thanksgiving": _thanksgiving,
    "black friday": lambda year: _thanksgiving(year) + timedelta(1),
}
_FEAST: Final = re.compile(rf"\b({'|'.join(name.replace(chr(39), chr(39) + '?') for name in _FEASTS)})\b")
_YEAR: Final = re.compile(r"\b(?:(this|next|last) year|(?:in |of )?((?:19|20|21)\d\d))\b")
_SHIFT: Final = re.compile(
    r"\bin (\d+) (day|week)s?\b|\b(\d+) (day|week)s? (?:from (?:now|today)|ago|later)\b|\b(next|last) week\b"
)
_RELATIVE: Final = (("day after tomorrow", 2), ("tomorrow", 1), ("day before yesterday", -2), ("yesterday", -1))
_WEEKDAY: Final = re.compile(rf"\b(?:(last|past) )?({'|'.join(WEEKDAYS)})\b")
_DAY_MONTH: Final = re.compile(rf"(?:the )?(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({'|'.join(MONTHS)})(?:,? (\d{{4}}))?")
_MONTH_DAY: Final = re.compile(rf"({'|'.join(MONTHS)}) (?:the )?(\d{{1,2}})(?:st|nd|rd|th)?(?:,? (\d{{4}}))?")
_ISO: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


class NoSuchDay(Exception):
    """The calendar does not have the day that was named."""


def named_day(text: str, today: date, *, past: bool = False) -> date | None:
    """The day that ``text`` (lower case, numbers in digits) names, None if it names none.

    Without a year the next such day, from today on; with ``past`` the last one. Raises ``NoSuchDay``.
    """
    if (feast := feast_in(text)) is not None:
        return _in_year(_FEASTS[feast], _year(text, today), today, past=past)
    if (dated := _dated(text, today, past=past)) is not None:
        return dated
    if (shift := _shift(text, past=past)) is not None or (shift := _to_weekday(text, today, past=past)) is not None:
        try:
            return today + timedelta(shift)
        except OverflowError:
            raise NoSuchDay from None
    return today if re.search(r"\btoday\b", text) else None


def feast_in(text: str) -> str | None:
    """The feast that ``text`` names."""
    text = re.sub(r"\bst\.? patrick", "saint patrick", text)
    match = _FEAST.search(text)
    if match is None:
        return None
    return next(name for name in _FEASTS if name.replace("'", "") == match[1].replace("'", ""))


def _shift(text: str, *, past: bool) -> int | None:
    if match := _SHIFT.search(text):
        if match[5]:
            return 7 if match[5] == "next" else -7
        count = int(match[1] or match[3]) * (7 if "week" in (match[2] or match[4]) else 1)
        return -count if past or match[0].endswith("ago") else count
    return next((days for word, days in _RELATIVE if word in text), None)


def _to_weekday(text: str, today: date, *, past: bool) -> int | None:
    if "weekend" in text:
        return (5 - today.weekday()) % 7
    match = _WEEKDAY.search(text)
    if match is None:
        return None
    ahead = (WEEKDAYS.index(match[2]) - today.weekday() - 1) % 7 + 1
    return ahead - 7 - (7 if ahead == 7 else 0) if past or match[1] else ahead


def _year(text: str, today: date) -> int | None:
    match = _YEAR.search(text)
    if match is None:
        return None
    return int(match[2]) if match[2] else today.year + {"this": 0, "next": 1, "last": -1}[match[1]]


def _dated(text: str, today: date, *, past: bool) -> date | None:
    if match := _ISO.search(text):
        return _exact(int(match[1]), int(match[2]), int(match[3]))
    if match := _DAY_MONTH.search(text):
        day, month, year = int(match[1]), MONTHS.index(match[2]) + 1, match[3]
    elif match := _MONTH_DAY.search(text):
        day, month, year = int(match[2]), MONTHS.index(match[1]) + 1, match[3]
    else:
        return None
    wanted = int(year) if year else _year(text, today)
    return _in_year(lambda year: date(year, month, day), wanted, today, past=past)


def _in_year(day_of: Callable[[int], date], year: int | None, today: date, *, past: bool) -> date:
    """The day in that year; without one the next such day within eight years (29 February), or the last one."""
    if year is not None:
        candidates = [year]
    else:
        candidates = [today.year - ahead if past else today.year + ahead for ahead in range(9)]
    for candidate in candidates:
        try:
            day = day_of(candidate)
        except ValueError:
            continue
        if year is not None or (day <= today if past else day >= today):
            return day
    raise NoSuchDay


def _exact(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise NoSuchDay from None
