"""Questions of the time of day, here and in other places, now and later."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from realtime.agents.durations import DURATION, duration, plain, seconds_in
from realtime.agents.places import alike, zone_of

_ASKED: Final = re.compile(
    r"\b(?:what(?:'s| is| was| will be)?(?: the)?(?: current| exact| local)? time"
    r"(?: (?:is|was|will) (?:it|that|this)(?: be)?| it (?:is|was|will be)| do we have| do you have"
    r"|(?= (?:in|at|now|right now|here|over there)\b)|$)"
    r"|time is it|what will the time be|how late is it|(?:have|got|have you got|do you have) the time$)"
    r"|^(?:the )?(?:current |local |exact )?time(?: now| right now| here)?(?= (?:in|at)\b|$)"
)
_PLACE: Final = re.compile(
    r"\b(?:in|at|for) (?:the city of )?((?!the moment|your\b|my\b|this\b)[^\W\d_][\w .,'&/-]*?)"
    r"(?: (?:right )?now| today| at the moment)?$"
)
_BETWEEN_PLACES: Final = re.compile(r"(?:\s*(?:,|&|\band\b))+\s*(?:(?:in|at)\s+)?")
_LATER: Final = re.compile(rf"\b(?:in|after) ({DURATION})|({DURATION}) (?:from now|later)\b")
_AGO: Final = re.compile(rf"({DURATION}) (?:ago|earlier)\b")
_DIFFERENCE: Final = re.compile(r"\btime difference (?:between )?(.+?) (?:and|to|from) (.+)$")
_ZONE: Final = re.compile(r"\b(?:what|which) time ?zone (?:is|are|does) (.+?)(?: in| on| use| have)?$")
_PART_OF_DAY: Final = re.compile(r" ?\b(?:(a\.?m|p\.?m)\b\.?|in the (morning|afternoon|evening)|at (night))$")
_CLOCK: Final = re.compile(r"(\d{1,2})(?:[:. ](\d\d))?(?: ?o'?clock)?")
_HALVES: Final = re.compile(r"(half|quarter|\d{1,2}(?: minutes?)?) (past|to) (\d{1,2})")
_CAPITALS: Final = frozenset({"uk", "usa", "us", "utc", "gmt", "uae", "nyc", "la", "dc"})
_SMALL: Final = frozenset({"de", "of", "the", "la", "and", "upon"})


def answer(wish: str, now: datetime) -> str | None:
    """An answer in a sentence; None when ``wish`` (lower case) does not ask for the time of day."""
    if match := _DIFFERENCE.search(wish):
        return _difference(match[1].strip(), match[2].strip(), now)
    if match := _ZONE.search(wish):
        return _zone(match[1].strip(), now)
    wish = plain(wish)
    seconds = _shift(wish)
    wish = " ".join(_AGO.sub("", _LATER.sub("", wish)).split())
    if not _ASKED.search(wish):
        return None
    then = now + timedelta(seconds=seconds)
    place = _PLACE.search(wish)
    if place is None:
        return f"{_begun(seconds)} {_clock(then, now)}{_zone_name(now) if not seconds else ''}."
    return " ".join(_there(name, seconds, now) for name in _names(place[1]))


def clock_time(text: str, now: datetime) -> datetime | None:
    """The next moment at which a clock shows ``text`` (numbers in digits): "midnight", "5 pm", "half past 5"."""
    text = re.sub(r"^(?:at|about|around) ", "", text.strip())
    if text in ("midnight", "noon", "midday"):
        return _next(now, [(0 if text == "midnight" else 12, 0)])
    part = _PART_OF_DAY.search(text)
    shown = _shown(text[: part.start()] if part else text)
    if shown is None:
        return None
    hour, minute = shown
    if part is None:
        return _next(now, [(hour % 24, minute), *([((hour + 12) % 24, minute)] if 0 < hour <= 12 else [])])
    if not 1 <= hour <= 12:
        return None
    morning = (part[1] or part[2] or "pm").replace(".", "") in ("am", "morning")
    return _next(now, [(hour % 12 + (0 if morning else 12), minute)])


def _shown(text: str) -> tuple[int, int] | None:
    """Hour and minute on the clock."""
    if match := _HALVES.fullmatch(text):
        word = match[1].split()[0]
        minutes, hour = {"half": 30, "quarter": 15}.get(word) or int(word), int(match[3])
        hour, minute = ((hour - 1) % 24, 60 - minutes) if match[2] == "to" else (hour, minutes)
    elif match := _CLOCK.fullmatch(text):
        hour, minute = int(match[1]), int(match[2] or 0)
    else:
        return None
    return (hour, minute) if hour <= 24 and 0 <= minute <= 59 else None


def _next(now: datetime, candidates: list[tuple[int, int]]) -> datetime:
    shown = [now.replace(hour=hour, minute=minute, second=0, microsecond=0) for hour, minute in candidates]
    return min(each if each > now else each + timedelta(days=1) for each in shown)


def _shift(wish: str) -> float:
    """Seconds from now on to what is asked for."""
    if match := _AGO.search(wish):
        return -(seconds_in(match[1]) or 0.0)
    match = _LATER.search(wish)
    return (seconds_in(match[1] or match[2]) or 0.0) if match else 0.0


def _begun(seconds: float) -> str:
    if not seconds:
        return "It is"
    return f"In {duration(seconds)} it will be" if seconds > 0 else f"{duration(-seconds)} ago it was"


def _clock(then: datetime, now: datetime) -> str:
    return f"{then:%H:%M}" if then.date() == now.date() else f"{then:%H:%M} on {then:%A}"


def _there(place: str, seconds: float, now: datetime) -> str:
    zone = zone_of(place)
    if zone is None:
        return _unknown(place)
    shown = _clock((now + timedelta(seconds=seconds)).astimezone(zone), now)
    return f"{_begun(seconds)} {shown} in {_title(place)}." if seconds else f"In {_title(place)} it is {shown}."


def _names(places: str) -> list[str]:
    """One place, or several; "London, England" is one."""
    if zone_of(places) is not None:
        return [places]
    names: dict[object, str] = {}
    for name in (name.strip() for name in _BETWEEN_PLACES.split(places)):
        if name:
            names.setdefault(zone_of(name) or name, name)
    return list(names.values())


def _difference(one: str, other: str, now: datetime) -> str:
    zones = [zone_of(one), zone_of(other)]
    unknown = [name for name, zone in zip((one, other), zones, strict=True) if zone is None]
    if unknown:
        return " ".join(_unknown(name) for name in unknown)
    return _compared(_title(other), _offset(now, other) - _offset(now, one), _title(one))


def _zone(place: str, now: datetime) -> str:
    if zone_of(place) is None:
        return _unknown(place)
    return _compared(_title(place), _offset(now, place), "universal time")


def _compared(name: str, seconds: float, other: str) -> str:
    if not seconds:
        return f"{_capital(name)} has the same time as {other}."
    return f"{_capital(name)} is {duration(abs(seconds))} {'ahead of' if seconds > 0 else 'behind'} {other}."


def _offset(now: datetime, place: str) -> float:
    return (now.astimezone(zone_of(place)).utcoffset() or timedelta()).total_seconds()


def _unknown(place: str) -> str:
    close = alike(place)
    asked = f" Did you mean {_title(close)}?" if close else ""
    return f"I do not know the time zone of {_title(place)}.{asked}"


def _zone_name(now: datetime) -> str:
    """As it can be spoken: a name, no offset in digits."""
    name = now.tzname() or ""
    return f" {name}" if name.isalpha() else ""


def _title(place: str) -> str:
    name = place.removeprefix("the ")
    words = [
        word.upper() if word in _CAPITALS and word == name else word if word in _SMALL else word.title()
        for word in name.split()
    ]
    return ("the " if name != place else "") + " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
