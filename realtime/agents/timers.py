"""Timers: set, changed, asked for and cancelled in words; what they say on their way is decided here, waiting is not.

A timer counts from the moment it was set. It remarks at half time (from twenty seconds on) and ten
seconds before its end (from one minute on).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from realtime.agents.numerals import spoken, to_digits

MAX_SECONDS: Final = 24 * 3600
MAX_TIMERS: Final = 20

_SECONDS: Final = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600}
_PART: Final = r"(?:\d+(?:\.\d+)?|an?|half an?)[\s-]*(?:seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h)\b"
_DURATION: Final = re.compile(rf"(?<![\w.])({_PART}(?:(?:,| and|, and)? {_PART})*)")
_ONE_PART: Final = re.compile(r"(\d+(?:\.\d+)?|an?|half an?)[\s-]*(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h)\b")
_SET: Final = re.compile(r"\b(?:timer|countdown|alarm|remind me|wake me|count down|wait|let me know)\b")
_CANCEL: Final = re.compile(
    r"^(?:cancel|stop|end|abort|delete|forget|kill|turn off|clear)\b.*\b(?:timers?|alarms?|countdown)\b"
)
_CANCEL_IT: Final = re.compile(
    r"^(?:cancel|stop|abort|never ?mind|quit|forget)(?: (?:it|that|this|everything|all|the task))*$"
)
_LABEL: Final = re.compile(
    rf"\bremind me (?:in {_DURATION.pattern} )?(?:to|that|about) (.+?)(?: in {_DURATION.pattern})?$"
)
_LEFT: Final = re.compile(
    r"\b(?:how (?:long|much)|what(?:'s| is) (?:left|the (?:status|remaining))|left|remain|status|progress"
    r"|how is it going)\b"
)
_MORE: Final = re.compile(r"\b(?:add|extend|more|longer|prolong|extra)\b")
_LESS: Final = re.compile(r"\b(?:less|shorter|shorten|reduce|subtract|take off|take away|minus|remove)\b")
_CHANGE: Final = re.compile(r"\b(?:make|change|set|instead|turn|actually|rather|switch|to)\b")


@dataclass(slots=True)
class Timer:
    """``begun`` and the moments of ``remarks`` are on the stop-watch's scale, in seconds."""

    begun: float
    seconds: float
    label: str
    remarked: float = field(default=0.0)

    @property
    def due(self) -> float:
        """When it ends."""
        return self.begun + self.seconds

    @property
    def over(self) -> str:
        """What it says at its end."""
        if self.label:
            return f"Time is up. You wanted to be reminded: {self.label}."
        return f"Time is up: your timer for {duration(self.seconds)} has ended."

    def moments(self) -> list[float]:
        """When it has something to say, its end last."""
        half = [self.begun + self.seconds / 2] if self.seconds >= 20 else []
        late = [self.due - 10] if self.seconds >= 60 else []
        return [*half, *late, self.due]

    def next(self) -> float:
        """The next moment after what was said last."""
        return next((moment for moment in self.moments() if moment > self.remarked), self.due)


class Timers:
    """The timers of one task."""

    def __init__(self) -> None:
        self._timers: list[Timer] = []

    def __bool__(self) -> bool:
        return bool(self._timers)

    def next(self) -> float:
        """The next moment at which one has something to say; there must be one."""
        return min(timer.next() for timer in self._timers)

    def at(self, now: float) -> list[tuple[str, bool]]:
        """What is to be said at this moment: texts, and whether each is the end of a timer."""
        said: list[tuple[str, bool]] = []
        for timer in sorted(self._timers, key=lambda timer: timer.due):
            if timer.due <= now:
                self._timers.remove(timer)
                said.append((timer.over, True))
            elif timer.next() <= now:
                said.append((f"{_capital(duration(timer.due - now))} left on your timer.", False))
            timer.remarked = now
        return said

    def answer(self, wish: str, now: float) -> str | None:
        """Do what the wish (lower case) asks of the timers; None when it asks nothing of them."""
        wish = to_digits(wish)
        seconds = seconds_in(wish)
        if _CANCEL.match(wish) or (self._timers and _CANCEL_IT.match(wish)):
            return self._cancel(now, everyone=bool({"all", "timers", "everything"} & set(wish.split())))
        if seconds is not None and self._timers and not self._asks_for_another(wish):
            if _MORE.search(wish) or _LESS.search(wish):
                change = -seconds if _LESS.search(wish) else seconds
                return self._change(self._timers[-1].seconds + change, now)
            if _CHANGE.search(wish) or _DURATION.fullmatch(wish):
                return self._change(seconds, now)
        if seconds is not None and _SET.search(wish):
            return self._set(seconds, now, label=_LABEL.search(wish))
        if _LEFT.search(wish) and (self._timers or "timer" in wish):
            return self._left(now)
        if re.search(r"\b(?:set|start)\b.*\btimer\b", wish):
            return "For how long shall I set the timer?"
        return None

    def _asks_for_another(self, wish: str) -> bool:
        return bool(_SET.search(wish) and re.search(r"\b(?:another|second|new|also)\b|\b(?:set|start) an? ", wish))

    def _set(self, seconds: float, now: float, label: re.Match[str] | None) -> str:
        if not 1 <= seconds <= MAX_SECONDS:
            return "A timer can run from one second to twenty-four hours."
        if len(self._timers) >= MAX_TIMERS:
            return "There are too many timers already."
        self._timers.append(Timer(now, seconds, label[2] if label else "", remarked=now))
        return f"Your timer for {duration(seconds)} is running."

    def _change(self, seconds: float, now: float) -> str:
        timer = self._timers[-1]
        if not 1 <= seconds <= MAX_SECONDS:
            return "A timer can run from one second to twenty-four hours."
        timer.seconds = seconds
        left = timer.due - now
        return (
            f"Your timer is now {duration(seconds)}, {duration(left)} left."
            if left > 0
            else "That time is over already."
        )

    def _cancel(self, now: float, *, everyone: bool) -> str:
        if not self._timers:
            return "No timer is running."
        if everyone:
            self._timers.clear()
            return "All timers are cancelled."
        timer = self._timers.pop()
        return f"Your timer for {duration(timer.seconds)} is cancelled, with {duration(timer.due - now)} left."

    def _left(self, now: float) -> str:
        if not self._timers:
            return "No timer is running."
        return " ".join(
            f"{_capital(duration(timer.due - now))} left on your timer for {duration(timer.seconds)}."
            for timer in self._timers
        )


def seconds_in(text: str) -> float | None:
    """The duration named in ``text`` (lower case, numbers in digits), in seconds."""
    match = _DURATION.search(text)
    if match is None:
        return None
    total = 0.0
    for number, unit in _ONE_PART.findall(match[1]):
        amount = 0.5 if number.startswith("half") else 1.0 if number.startswith("a") else float(number)
        total += amount * (_SECONDS.get(unit) or _SECONDS[unit.removesuffix("s")])
    return total


def duration(seconds: float) -> str:
    """ "1 minute and 5 seconds"; fractions of a second are rounded up."""
    whole = max(0, -int(-seconds // 1))
    parts = [(whole // 3600, "hour"), (whole % 3600 // 60, "minute"), (whole % 60, "second")]
    named = [f"{spoken(Fraction(count))} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count]
    return " and ".join(named) or "0 seconds"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
