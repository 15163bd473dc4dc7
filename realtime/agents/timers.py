"""Timers: set, changed, asked for and cancelled in words; what they say on their way is decided here, waiting is not.

A timer counts from the moment it was set. It remarks at half time (from twenty seconds on) and ten
seconds before its end (from one minute on).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from realtime.agents.durations import DAY, DURATION, Span, duration, joined, plain, spans
from realtime.agents.notes import told_back
from realtime.agents.times import clock_time

MAX_SECONDS: Final = DAY
MAX_TIMERS: Final = 20

_OUT_OF_BOUNDS: Final = "A timer can run from one second to twenty-four hours."
_NONE: Final = "No timer is running."
_TIMER: Final = r"(?:timers?|alarms?|countdown|reminders?)"

# What speech recognition makes of the words; said of a timer, they are clear.
_MISHEARD: Final = (
    (
        re.compile(r"^(?:sat|said|sit|sad|that|set|start) (?:(?:a|the|at|me|up|of) )*(?:time|tim|dimer|tyler)(?= |$)"),
        "set a timer",
    ),
    (re.compile(rf"^(?:sat|said|sit|sad) (?=(?:(?:a|the|at|me|up) )*{_TIMER}\b)"), "set "),
    (
        re.compile(rf"^(?:council|counsel|console|consul|cancelled|canceled|cancels|can so|can sell)(?= .*{_TIMER}\b)"),
        "cancel",
    ),
    (re.compile(r"\b(?:diner|dinner|dimer|tamer|time or|time are)\b(?= (?:is )?running)"), "timer"),
    (re.compile(rf"^(?:and|at|had|ad|adds|that) (?={DURATION}$)"), "add "),
    (re.compile(r"^(cancel|stop) (the|my|that) (?:time|tim|dimer)$"), r"\1 \2 timer"),
    (re.compile(r"\b(?:for|four|4) (?:to|too) (?=(?:second|minute|hour)s\b)"), "for 2 "),
    (re.compile(r"\b(?:for|four|4) (?:for|fore) (?=(?:second|minute|hour)s\b)"), "for 4 "),
)

_SET: Final = re.compile(rf"\b(?:{_TIMER}|remind me|wake me|count down|wait|let me know)\b")
_CANCEL: Final = re.compile(
    rf"^(?:cancel|stop|end|abort|delete|forget|kill|turn off|switch off|clear|remove)\b.*\b{_TIMER}\b"
    rf"|^(?:i )?(?:don't|do not) need (?:the|that|my|any) {_TIMER}"
)
_CANCEL_IT: Final = re.compile(
    r"^(?:cancel|stop|abort|never ?mind|quit|forget)(?: (?:it|that|this|everything|all|both|them|the task))*$"
    r"|^(?:cancel|stop|delete|remove) (?:the )?(?:\w+ )?(?:ones?|1)$"
)
_EVERY: Final = re.compile(r"\b(?:all|both|timers|alarms|reminders|everything|them|every)\b")
_AGAIN: Final = re.compile(
    rf"^(?:restart|reset|start over|start again)\b(?: (?:it|.*{_TIMER}\b.*))?$|^start .*{_TIMER} (?:again|over)$"
)
_PAUSE: Final = re.compile(rf"^(?:pause|hold|freeze)\b(?: (?:it|.*{_TIMER}))?$")
_BARE: Final = re.compile(r"(?:no |please |and )*(?:make|set|change) (?:it|that)(?: to)? (\d{1,5})")
_WHEN: Final = rf"(?:in {DURATION}|at [\d:. ]+(?:[ap]\.?m\.?)?)"
_LABEL: Final = re.compile(rf"\bremind me (?:{_WHEN} )?(?:to|that|about|of) (.+?)(?: {_WHEN})?$")
_NAMED: Final = (
    re.compile(r"\b(?:called|named|labell?ed) (?:the )?([a-z]+)\b"),
    re.compile(r"\bfor (?:the|my) ([a-z]+)\b(?<!timer)"),
    re.compile(r"\b(?:an?|the|my|another) ([a-z]+) (?:timer|alarm)\b"),
)
_NO_NAME: Final = re.compile(
    r"new|second|minute|hour|quick|short|long|first|last|other|another|single|little|timer|time|current|running"
)
_LEFT: Final = re.compile(
    r"^how (?:long|much)(?: time| longer)?$|^how (?:long|much|many)\b.*\b(?:to go|take|longer|still|more)\b"
    r"|\b(?:what(?:'s| is) (?:left|the (?:status|remaining))|left|remain|remaining|status|progress|how is it going)\b"
    rf"|\b(?:is|are|do i have|have i|got|which|what|any|list|show)\b.*\b{_TIMER}\b"
    rf"|{_TIMER} .*\b(?:running|on|set|active)\b"
)
_LEFT_ALONE: Final = re.compile(
    r"^how (?:much|long|many \w+)(?: time)?(?: (?:is|are|do i have|have i))?(?: there)?(?: still)?"
    r" (?:left|remaining|to go)$"
)
_MORE: Final = re.compile(r"\b(?:add|extend|more|longer|prolong|extra|plus|increase|later)\b")
_LESS: Final = re.compile(
    r"\b(?:less|shorter|shorten|reduce|subtract|take off|take away|take|minus|remove|decrease|earlier|sooner|off)\b|^-"
)
_CHANGE: Final = re.compile(
    r"\b(?:make|change|set|instead|turn|actually|rather|switch|to|mean|meant|said|no|not|sorry)\b"
)
_CHANGE_ALONE: Final = re.compile(
    rf"^(?:(?:please )?(?:make|change|set) (?:it|that|the timer)(?: to)? {DURATION}(?: (?:longer|shorter|more|less))?"
    rf"|(?:add|plus|minus|take off|take away|extend (?:it )?by)\.? ?{DURATION}(?: (?:to|from) (?:it|that|the timer))?"
    rf"|{DURATION} (?:more|less|longer|shorter|instead))$"
)
_EXISTING: Final = re.compile(
    rf"\b(?:the|that|this|my) (?:[\w-]+ ){{0,3}}{_TIMER}\b|\b(?:make|change|set|turn) (?:it|that)\b"
)
_CORRECTED: Final = re.compile(r"\b(?:no|sorry|rather|actually|i mean|i meant|make that|not)\b")


@dataclass(slots=True)
class Timer:
    """``begun`` and the moments of ``remarks`` are on the stop-watch's scale, in seconds.

    ``name`` is what it is for, in a word; ``label`` what the person is to be reminded of.
    """

    begun: float
    seconds: float
    label: str = ""
    name: str = ""
    remarked: float = field(default=0.0)

    @property
    def due(self) -> float:
        """When it ends."""
        return self.begun + self.seconds

    @property
    def unit(self) -> int:
        """Seconds of the unit it is spoken of in, for a number without one."""
        return next(unit for unit in (3600, 60, 1) if self.seconds % unit == 0)

    @property
    def title(self) -> str:
        """ "timer for 10 seconds", "pasta timer for 8 minutes"."""
        return f"{self.name} timer for {duration(self.seconds)}".strip()

    @property
    def over(self) -> str:
        """What it says at its end."""
        if self.label:
            return f"Time is up. You wanted to be reminded: {self.label}."
        return f"Time is up: your {self.title} has ended."

    def left(self, now: float) -> str:
        """What is still to come."""
        return f"{_capital(duration(self.due - now))} left on your {self.title}."

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
        """What is to be said at this moment: texts, and whether each is the end of the last timer."""
        said: list[tuple[str, bool]] = []
        for timer in sorted(self._timers, key=lambda timer: timer.due):
            if timer.due <= now:
                self._timers.remove(timer)
                said.append((timer.over, not self._timers))
            elif timer.next() <= now:
                what = f"{timer.name} timer".strip()
                said.append((f"{_capital(duration(timer.due - now))} left on your {what}.", False))
            timer.remarked = now
        return said

    def answer(self, wish: str, now: float, moment: datetime) -> str | None:
        """Do what the wish (lower case) asks of the timers; None when it asks nothing of them.

        ``now`` is on the stop-watch's scale, ``moment`` the same on the clock.
        """
        wish = plain(wish)
        for misheard, meant in _MISHEARD:
            wish = misheard.sub(meant, wish)
        times = spans(wish)
        return (
            self._cancelled(wish, times, now)
            or self._begun_again(wish, times, now)
            or self._changed(wish, times, now)
            or self._set(wish, times, now, moment)
            or self._told(wish, times, now)
        )

    def _cancelled(self, wish: str, times: Sequence[Span], now: float) -> str | None:
        if not (_CANCEL.match(wish) or _CANCEL_IT.match(wish)):
            return None
        if not self._timers:
            return None if wish.startswith(("forget", "never")) and "timer" not in wish else _NONE
        if _EVERY.search(wish) and len(self._timers) > 1:
            self._timers.clear()
            return "All timers are cancelled."
        timer = self._meant(wish, times)
        if timer is None:
            return self._no_such(now)
        self._timers.remove(timer)
        return f"Your {timer.title} is cancelled, with {duration(timer.due - now)} left."

    def _begun_again(self, wish: str, times: Sequence[Span], now: float) -> str | None:
        if _PAUSE.match(wish):
            return "I cannot pause a timer. I can make it longer, or cancel it." if self._timers else _NONE
        if not _AGAIN.match(wish):
            return None
        timer = self._meant(wish, times)
        if timer is None:
            return self._no_such(now)
        timer.begun = timer.remarked = now
        return f"Your {timer.title} starts again."

    def _changed(self, wish: str, times: Sequence[Span], now: float) -> str | None:
        if not self._timers:
            return _NONE if _CHANGE_ALONE.match(wish) else None
        if not times and (bare_number := _BARE.fullmatch(wish)):
            newest = self._timers[-1]
            return self._change(newest, int(bare_number[1]) * newest.unit, now)
        if not times:
            vague = re.fullmatch(r"(?:make it |a (?:bit|little) )*(longer|shorter)", wish)
            return f"By how much shall I make the timer {vague[1]}?" if vague else None
        if _SET.search(wish) and not _EXISTING.search(wish):
            return None
        timer = self._meant(wish, times[:-1])
        if timer is None:
            return self._no_such(now)
        seconds = times[-1].seconds
        if _MORE.search(wish) or _LESS.search(wish):
            return self._change(timer, timer.seconds + (-seconds if _LESS.search(wish) else seconds), now)
        bare = not re.sub(r"\band\b", "", wish[: times[-1].start] + wish[times[-1].end :]).strip(" ,.")
        return self._change(timer, seconds, now) if bare or _CHANGE.search(wish) else None

    def _set(self, wish: str, times: Sequence[Span], now: float, moment: datetime) -> str | None:
        if not _SET.search(wish):
            return None
        wish = re.sub(r"\b(\d+)(,| and|, and| or) (\d+) (seconds|minutes|hours)\b", r"\1 \4\2 \3 \4", wish)
        times = spans(wish)
        if not times and (
            found := re.search(r"\b(?:for|at) ([\d:. ]+(?:o'?clock)?(?: ?[ap]\.?m\.?)?|noon|midnight)", wish)
        ):
            due = clock_time(found[1], moment)
            times = [Span((due - moment).total_seconds(), *found.span())] if due else []
        if not times:
            asked = re.search(rf"\b(?:set|start|make|need|want|have)\b.*\b{_TIMER}\b|^{_TIMER}$|^remind me\b", wish)
            return "For how long shall I set the timer?" if asked and not _LEFT.search(wish) else None
        if len(times) > 1 and _CORRECTED.search(wish, times[-2].end, times[-1].start):
            times = times[-1:]
        if not all(1 <= span.seconds <= MAX_SECONDS for span in times):
            return _OUT_OF_BOUNDS
        if len(self._timers) + len(times) > MAX_TIMERS:
            return "There are too many timers already."
        return self._begin([span.seconds for span in times], wish, now)

    def _begin(self, lengths: Sequence[float], wish: str, now: float) -> str:
        reminder = _LABEL.search(wish)
        if reminder and len(lengths) == 1:
            label = told_back(reminder[1])
            self._timers.append(Timer(now, lengths[0], label, remarked=now))
            return f"I will remind you in {duration(lengths[0])}: {label}."
        name = _name(wish) if len(lengths) == 1 else ""
        new = [Timer(now, seconds, name=name, remarked=now) for seconds in lengths]
        self._timers += new
        if len(new) == 1:
            return f"Your {new[0].title} is running."
        return f"Your timers for {joined([duration(timer.seconds) for timer in new])} are running."

    def _change(self, timer: Timer, seconds: float, now: float) -> str:
        if not 1 <= seconds <= MAX_SECONDS:
            return _OUT_OF_BOUNDS
        timer.seconds = seconds
        left = timer.due - now
        if left <= 0:
            return "That time is over already."
        what = f"{timer.name} timer".strip()
        return f"Your {what} is now {duration(seconds)}, {duration(left)} left."

    def _told(self, wish: str, times: Sequence[Span], now: float) -> str | None:
        if self._timers and _LEFT.search(wish):
            meant = self._meant(wish, times, only=True)
            return " ".join(timer.left(now) for timer in ([meant] if meant else self._timers))
        return _NONE if _LEFT_ALONE.match(wish) or (_LEFT.search(wish) and re.search(_TIMER, wish)) else None

    def _meant(self, wish: str, times: Sequence[Span], *, only: bool = False) -> Timer | None:
        """The timer that is named by its length, name or place in the row; without any such word the newest one.

        None when there is none like that; with ``only`` also when none was named.
        """
        timers = self._timers
        if times and re.search(_TIMER, wish):
            return next((timer for timer in timers if timer.seconds == times[0].seconds), None)
        named = [timer for timer in timers if timer.name and re.search(rf"\b{timer.name}s?\b", wish)]
        if named:
            return named[-1]
        found = re.search(r"(?<!\d )\b(first|second|third|other) (?:one|1|timer)\b", wish)
        if found and len(timers) > 1:
            place = {"first": 0, "second": 1, "third": 2}.get(found[1], len(timers) - 2)
            return timers[place] if place < len(timers) else None
        return timers[-1] if timers and not only else None

    def _no_such(self, now: float) -> str:
        """None of the running timers was meant."""
        if not self._timers:
            return _NONE
        return f"I have no such timer. {' '.join(timer.left(now) for timer in self._timers)}"


def _name(wish: str) -> str:
    found = (pattern.search(wish) for pattern in _NAMED)
    name = next((match[1] for match in found if match and not _NO_NAME.fullmatch(match[1])), "")
    return name.removesuffix("s") if name.endswith("s") and not name.endswith("ss") and name != "pass" else name


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
