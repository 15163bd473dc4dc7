"""Questions of the date: which day it is, was or will be, and how far it is away."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta
from typing import Final

from realtime.agents.days import MONTHS, WEEKDAYS, NoSuchDay, feast_in, named_day
from realtime.agents.durations import counted, duration, plain
from realtime.agents.places import zone_of
from realtime.agents.times import clock_time

_ASKED: Final = re.compile(
    r"\b(?:(?:what|which) (?:day|date|weekday|week day)|(?:the|what's|today's|current) date|date is it|day of the week"
    r"|day is it|what's today|what is today|(?:what|which)(?:'s| is) the (?:day|date|year|month)"
    r"|(?:what|which) (?:year|month) is (?:it|this))\b|^date(?: today)?$"
)
_WHEN: Final = re.compile(r"^(?:when|what)(?:'s| is| was| will| does)\b")
_DAYS_IN: Final = re.compile(rf"\bhow many days\b.*?\b({'|'.join(MONTHS)})(?: (\d{{4}}))?\b(?: have)?$")
_WEEK: Final = re.compile(r"\b(?:what|which) week(?: number| of the year)? (?:is|do)|\bweek number\b")
_LEAP: Final = re.compile(r"\b(?:is|was|will) (?:it |this |the year )?(\d{4}|year|this)?\b.*\bleap year\b")
_IS_IT: Final = re.compile(rf"^(?:is|isn't) (?:it|today|this)(?: a)? ({'|'.join(WEEKDAYS)})(?: today)?$")
_UNTIL: Final = re.compile(
    r"\bhow (?:many (?P<unit>second|minute|hour|day|week)s?|long|much time)\b.*?"
    r"\b(?:until|till|til|before|to) (?P<to>.+)$"
)
_SINCE: Final = re.compile(
    r"\bhow (?:many (?P<unit>day|week)s|long)\b.*?"
    r"\b(?:since|ago (?:is|was)|from) (?P<since>.+?)(?: (?:to|until) today)?$"
)
_BETWEEN: Final = re.compile(
    r"\bhow (?:many (?P<unit>day|week)s|long)\b.*?\b(?:between|from) (?P<one>.+?) (?:and|to|until) (?P<other>.+)$"
)
_REST: Final = re.compile(
    r"\bhow many (day|week)s (?:are |is )?(?:there )?(?:left|remain|remaining)\b.*\b(year|month)\b"
)
_PLACE: Final = re.compile(r"\b(?:in|at) (?:the )?([^\W\d_][\w .'-]*?)(?: (?:right )?now| today)?$")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600}
_NO_DAY: Final = "That is not a date I know."


def answer(wish: str, now: datetime) -> str | None:
    """An answer in a sentence; None when ``wish`` (lower case) does not ask for a date or how far one is away."""
    wish = plain(wish).replace("o clock", "o'clock")
    try:
        return _distance(wish, now) or _about_today(wish, now.date()) or _asked(wish, now)
    except NoSuchDay:
        return _NO_DAY


def _asked(wish: str, now: datetime) -> str | None:
    if _ASKED.search(wish):
        return _date(wish, now)
    if wish.startswith("what") and feast_in(wish) is None:
        return None
    if not _WHEN.search(wish) or (day := named_day(wish, now.date(), past=" was " in wish)) is None:
        return None
    return _told(wish, day, now.date())


def _date(wish: str, now: datetime) -> str:
    day = named_day(wish, now.date(), past=bool(re.search(r"\bwas\b", wish)))
    if day is not None and day != now.date():
        return _told(wish, day, now.date())
    match = _PLACE.search(wish)
    zone = zone_of(match[1]) if match else None
    if match and zone:
        return f"In {match[1].title()}, today is {_spoken(now.astimezone(zone).date())}."
    return f"Today is {_spoken(now.date())}."


def _told(wish: str, day: date, today: date) -> str:
    if (feast := feast_in(wish)) is not None:
        name = " ".join(word[:1].upper() + word[1:] for word in feast.split())
        return f"{name} {'was' if day < today else 'is'} on {_spoken(day)}."
    if day == today:
        return f"That is today, {_spoken(day)}."
    subject = "Tomorrow" if day - today == timedelta(days=1) else "That"
    return f"{subject} {'was' if day < today else 'is'} {_spoken(day)}."


def _about_today(wish: str, today: date) -> str | None:
    if _WEEK.search(wish):
        return f"It is week {today.isocalendar().week}."
    if match := _IS_IT.search(wish):
        return f"{'Yes' if WEEKDAYS[today.weekday()] == match[1] else 'No'}, today is {_spoken(today)}."
    if match := _DAYS_IN.search(wish):
        month, year = MONTHS.index(match[1]) + 1, int(match[2] or today.year)
        return f"{match[1].title()} {year or 1} has {calendar.monthrange(year or 1, month)[1]} days."
    if match := _LEAP.search(wish):
        year = int(match[1]) if match[1] and match[1].isdigit() else today.year
        return f"{year} is {'a' if year and calendar.isleap(year) else 'not a'} leap year."
    return None


def _distance(wish: str, now: datetime) -> str | None:
    """How far it is to, from, or between days or times of day."""
    today = now.date()
    if match := _REST.search(wish):
        following = date(today.year + 1, 1, 1) if match[2] == "year" else _next_month(today)
        return f"There are {_away((following - today).days - 1, match[1])} left after today."
    if match := _BETWEEN.search(wish):
        one, other = named_day(match["one"], today), named_day(match["other"], today)
        if one and other and other < one:
            one = named_day(match["one"], today, past=True)
        if one and other:
            away = _away(abs((other - one).days), match["unit"])
            return f"There are {away} between {_spoken(one)} and {_spoken(other)}."
    if match := _UNTIL.search(wish):
        return _until(match["to"], match["unit"], now)
    if (match := _SINCE.search(wish)) and (day := named_day(match["since"], today, past=True)):
        return f"{_capital(_away((today - day).days, match['unit']))} have passed since {_spoken(day)}."
    return None


def _until(target: str, unit: str | None, now: datetime) -> str | None:
    moment = clock_time(target, now)
    if moment is not None:
        seconds = (moment - now).total_seconds()
        name = target.strip() if target.strip() in ("midnight", "noon", "midday") else f"{moment:%H:%M}"
        return f"It is {_measured(seconds, unit)} until {name}."
    if target.startswith(("the end of the year", "the year ends", "end of the year")):
        target = "new year"
    day = named_day(target, now.date())
    if day is None:
        return None
    days = (day - now.date()).days
    if days < 0:
        return f"{_spoken(day)} was {counted(-days, 'day')} ago."
    if unit in _SECONDS:
        start = datetime(day.year, day.month, day.day, tzinfo=now.tzinfo)
        return f"It is {_measured((start - now).total_seconds(), unit)} until {_spoken(day)}."
    return f"That is today, {_spoken(day)}." if not days else f"It is {_away(days, unit)} until {_spoken(day)}."


def _measured(seconds: float, unit: str | None) -> str:
    """In the unit that was asked for, and what is left over."""
    if unit == "second":
        return counted(round(seconds), "second")
    if unit == "minute":
        return counted(-int(-seconds // 60), "minute")
    return duration(60 * -(-seconds // 60))


def _away(days: int, unit: str | None) -> str:
    if unit == "week":
        weeks, rest = divmod(days, 7)
        return f"{counted(weeks, 'week')} and {counted(rest, 'day')}"
    return counted(days, "day")


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _spoken(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B} {day.year}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
