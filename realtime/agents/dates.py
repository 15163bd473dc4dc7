"""Questions of time and date, here and in other places."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Final

from realtime.agents.numerals import to_digits
from realtime.agents.places import zone_of

_MONTHS: Final = (
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
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FEASTS: Final = {
    "christmas": (12, 25),
    "christmas eve": (12, 24),
    "new year": (1, 1),
    "new years": (1, 1),
    "new year's": (1, 1),
    "new year's day": (1, 1),
    "new year's eve": (12, 31),
    "halloween": (10, 31),
    "valentine's day": (2, 14),
}
_TIME: Final = re.compile(
    r"\b(?:what(?:'s| is)? the (?:current )?time|what time|time is it|how late is it"
    r"|(?:the )?(?:current |local )?time(?: (?:in|at)\b|$))"
)
_DATE: Final = re.compile(
    r"\b(?:date|what day|which day|what weekday|day of the week|day is it|today's"
    r"|(?:what|which) (?:year|month))\b"
)
_PLACE: Final = re.compile(
    r"\b(?:in|at|for) (?:the city of )?([a-z][a-z .'-]*?)(?: (?:right )?now| today| tomorrow| at the moment)?$"
)
_UNTIL: Final = re.compile(
    r"^(?:how many (days|weeks)|how long)(?: (?:is|are) (?:it|there))?(?: left)? (?:until|till|to|before) (.+)$"
)
_SHIFT: Final = re.compile(r"\bin (\d+) (day|week)s?\b|\b(\d+) (day|week)s? (?:from (?:now|today)|ago)\b")
_DAY_MONTH: Final = re.compile(rf"(?:the )?(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({'|'.join(_MONTHS)})(?:,? (\d{{4}}))?")
_MONTH_DAY: Final = re.compile(rf"({'|'.join(_MONTHS)}) (?:the )?(\d{{1,2}})(?:st|nd|rd|th)?(?:,? (\d{{4}}))?")
_ISO: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def answer(wish: str, now: datetime) -> str | None:
    """An answer in a sentence; None when ``wish`` (lower case) does not ask for time or date."""
    if match := _UNTIL.match(to_digits(wish)):
        return _until(match[2], match[1] or "days", now)
    if _TIME.search(wish):
        return _time(wish, now)
    if _DATE.search(wish):
        return _date(wish, now)
    return None


def _time(wish: str, now: datetime) -> str:
    place = _place(wish)
    if place is None:
        return f"It is {now:%H:%M} {now.tzname()}."
    zone = zone_of(place)
    if zone is None:
        return f"I do not know the time zone of {place.title()}."
    there = now.astimezone(zone)
    day = f" on {there:%A}" if there.date() != now.date() else ""
    return f"In {_title(place)} it is {there:%H:%M}{day}."


def _date(wish: str, now: datetime) -> str:
    wish = to_digits(wish)
    place, where = _place(wish), ""
    if place is not None and (zone := zone_of(place)):
        now, where = now.astimezone(zone), f"In {_title(place)}, today"
    day, label = _day(wish, now.date()), where or "Today"
    if day is None:
        return "That is not a date I know."
    if day == now.date():
        return f"{label} is {_spoken(day)}."
    verb = "was" if day < now.date() else "is"
    return f"{'Tomorrow' if day - now.date() == timedelta(days=1) else 'That'} {verb} {_spoken(day)}."


def _until(target: str, unit: str, now: datetime) -> str | None:
    day = _feast(target, now.date()) or _named_day(target, now.date())
    if day is None:
        return None
    days = (day - now.date()).days
    if days < 0:
        return f"{_spoken(day)} was {_count(-days, 'day')} ago."
    if unit == "weeks":
        weeks, rest = divmod(days, 7)
        return f"It is {_count(weeks, 'week')} and {_count(rest, 'day')} until {_spoken(day)}."
    return f"It is {_count(days, 'day')} until {_spoken(day)}."


def _place(wish: str) -> str | None:
    match = _PLACE.search(wish)
    return match[1].strip() if match and not match[1].startswith(("the moment", "your")) else None


def _day(wish: str, today: date) -> date | None:
    """The day a question is about, today if it names none; None for one that does not exist."""
    if match := _SHIFT.search(wish):
        count = int(match[1] or match[3]) * (7 if "week" in (match[2] or match[4]) else 1)
        return _shifted(today, -count if match[0].endswith("ago") else count)
    for word, days in (("day after tomorrow", 2), ("tomorrow", 1), ("day before yesterday", -2), ("yesterday", -1)):
        if word in wish:
            return _shifted(today, days)
    if any(pattern.search(wish) for pattern in (_DAY_MONTH, _MONTH_DAY, _ISO)):
        return _named_day(wish, today)
    return today


def _named_day(text: str, today: date) -> date | None:
    """A date with a month; without a year the next one. A weekday: the next such day."""
    for word, number in zip(_WEEKDAYS, range(7), strict=True):
        if text in (word, f"next {word}"):
            return _shifted(today, (number - today.weekday() - 1) % 7 + 1)
    if match := _ISO.search(text):
        return _dated(int(match[1]), int(match[2]), int(match[3]))
    if match := _DAY_MONTH.search(text):
        month, day, year = match[2], int(match[1]), match[3]
    elif match := _MONTH_DAY.search(text):
        month, day, year = match[1], int(match[2]), match[3]
    else:
        return None
    return (
        _coming(_MONTHS.index(month) + 1, day, today)
        if year is None
        else _dated(int(year), _MONTHS.index(month) + 1, day)
    )


def _feast(text: str, today: date) -> date | None:
    found = _FEASTS.get(text.removeprefix("the "))
    return _coming(*found, today) if found else None


def _coming(month: int, day: int, today: date) -> date | None:
    """The next such day, within eight years (29 February)."""
    years = range(today.year, today.year + 9)
    days = (_dated(year, month, day) for year in years)
    return next((found for found in days if found is not None and found >= today), None)


def _dated(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _shifted(day: date, days: int) -> date | None:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None


def _spoken(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B} {day.year}"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _title(place: str) -> str:
    name = place.removeprefix("the ")
    article = "the " if name != place else ""
    return article + (name.upper() if name in ("uk", "usa", "utc", "gmt") else name.title())
