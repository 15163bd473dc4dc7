"""What is work for the agent: found by keywords, so that a misheard word beside them does no harm."""

from __future__ import annotations

import re
from typing import Final

MAX_CHARS: Final = 400
"""So much of a message is searched for keywords: nobody speaks longer wishes, and searching takes its time."""

_SMALL_NUMBER: Final = (
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    "|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|half"
)
NUMBER: Final = rf"(?:-?\d[\d.,]*|\b(?:{_SMALL_NUMBER})\b)"
_UNIT_OF_TIME: Final = r"(?:seconds?|secs?|minutes?|mins?|hours?|days?|weeks?)"
_LENGTH: Final = rf"(?:{NUMBER}|\ban?|\bhalf an?)[\s-]+(?:{NUMBER}[\s-]+|and an? half )*{_UNIT_OF_TIME}\b"
_SIGN: Final = (
    r"(?:plus|minus|times|time|divided|divide|over|multiplied|to the power|percent|per cent|squared|cubed|modulo)"
)
_SPOKEN_NUMBER: Final = rf"(?:{NUMBER}|\b(?:for|to|too|won|ate|tree|free)\b)"
_UNIT: Final = (
    r"(?:kilo\w*|milli\w*|centi\w*|met(?:re|er)s?|miles?|feet|foot|inch(?:es)?|yards?|pounds?|ounces?|grams?"
    r"|tonnes?|stones?"
    r"|lit(?:re|er)s?|gallons?|pints?|cups?|celsius|fahrenheit|kelvin|degrees?|seconds?|minutes?|hours?|days?"
    r"|weeks?|years?"
    r"|\w*bytes?|\w*bits?|knots?|acres?|hectares?|km|cm|mm|kg|lbs?|mph|kmh|km/h|tablespoons?|teaspoons?)"
)
_FEAST: Final = r"(?:christmas|easter|new year|halloween|thanksgiving|valentine|pentecost|good friday|boxing day)"
_TIMER: Final = r"(?:timers?|alarms?|countdown|reminders?)"
_AGENT: Final = r"(?:agents?|a gent|age and|asian|aging|ancient|engine)"


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_WORK: Final = _any(
    rf"\b(?:ask|asked|us|as|tell|let|have) (?:the |that |your |an? )?(?:background )?{_AGENT}\b",
    # time and date
    r"\bwhat(?:'s| is)? (?:the )?(?:current |local )?(?:time|date|day|weekday|week|month|year)\b",
    r"\b(?:time is it|current time|today'?s date|which (?:day|week|month|year)|time in|the time|the date|what date)\b",
    r"\btime (?:difference|zone)\b",
    r"\bis (?:it|today) (?:mon|tues|wednes|thurs|fri|satur|sun)day\b",
    rf"\b(?:when|what day|how)\b.*\b{_FEAST}\b|^(?:what|one|when) is {_FEAST}",
    r"\bhow (?:long|many \w+|much time)\b.*\b(?:until|till|til|since|between|left|remain\w*|to go|before)\b",
    r"\bleap year\b",
    # sums
    rf"{_SPOKEN_NUMBER}\s*(?:[-+*/^x×÷%]|{_SIGN}\b)(?:\s*(?:by|of|off"
    rf"|to the power of))?\s*\(?\s*(?:{_SPOKEN_NUMBER}|an? )",
    r"\b(?:calculate|compute|square root|cube root|percent of|how much is|sum of|product of|average of|convert"
    r"|factorial)\b",
    rf"\b(?:add|subtract|multiply|divide)\b.*{NUMBER}",
    rf"{NUMBER}\s+(?:times|divided by|plus|minus|percent of)\b",
    rf"\b(?:half|double|twice|triple|a third|a quarter) (?:of )?{NUMBER}",
    rf"\bwhat(?:'s| is| are)? {NUMBER}",
    # units
    rf"\bhow many {_UNIT} (?:are |is )?(?:there )?(?:in|to|make)\b",
    rf"(?:{NUMBER}|\ban?)\s*{_UNIT}\b.* (?:in|to|into|as|and) {_UNIT}",
    # notes
    r"\b(?:remember(?:ed|s)?|recall|remind|memori[sz]e|keep in mind)\b|^(?:please )?(?:forget|note|write down"
    r"|don't forget) \w+ \w+",
    r"\bmy notes\b|\bwhat (?:did|have) (?:i|you) (?:tell|told|ask|remember)",
    r"^(?:and )?(?:where|what|when|who|whose|which|how)(?:'s|'re)?\b.*\b(?:my|our|mine|am i|i am|do i|did i)\b",
    # timers
    rf"\b{_TIMER}\b",
    r"\b(?:diner|dinner|dimer|tamer|time or|time are) (?:is )?running\b",
    rf"\b(?:wait|count down|wake me|let me know)\b.*{_LENGTH}",
    rf"\b(?:set|sat|said|sit|start|that) (?:(?:a|the|at|me|up) )*(?:time|dimer|tim)\b.*{NUMBER}",
    rf"^(?:make (?:it|that)|add|minus|plus|take off|change (?:it|that) to|extend)\b.*{_LENGTH}",
    rf"^{_LENGTH} (?:more|less|longer|shorter|instead)$",
    # whatever an agent may be able to do
    r"^(?:(?:can|could|would|will) you )?(?:please )?(?:look|search|find|get|check|book|order|write|send|call|play|open"
    r"|close|turn|switch|make|do|research|summari[sz]e|translate|plan|fix|build|run|schedule|email|explain|download"
    r"|list|buy|read|draw|sing|teach) \w+",
    r"\b(?:look up|search for|find out)\b",
    r"^(?:the )?(?:weather|news)(?: (?:in|for|today|tomorrow|now)\b|$)",
    r"^(?:who|what|where|when|which|why|how|whose)(?:'s|'re)? \w+ \w+",
    r"^(?:tell me|show me|give me|i want to know|i'd like to know|do you know|is there|are there|does|did) \w+",
)

_STEERING: Final = _any(
    r"^(?:please )?(?:make|change|set|turn) (?:it|that|this)\b",
    r"^(?:please )?(?:cancel|stop|abort|quit|end|pause|resume|restart|reset|start over|start again|hurry"
    r"|forget (?:it|that))\b",
    r"^(?:never ?mind|scratch that|i changed my mind)\b",
    r"\b(?:longer|shorter|instead|rather|earlier|sooner|more time|less time)\b",
    rf"^(?:add|plus|minus|take off|take away|extend|shorten|reduce|another)\b.*(?:{NUMBER}|\ban?\b|{_UNIT_OF_TIME})",
    rf"^(?:no|not|actually|sorry|i meant?|i said|only|just)\b.*{NUMBER}",
    rf"^(?:about |to |for |and |at |had |ad |adds |that )?{_LENGTH}$",
    r"\bhow (?:much|long)(?: time| longer)?(?: (?:is|are|do i have|have i|does it take|will it take))?"
    r"(?: (?:there|still|left|remaining|to go))*$",
    r"\b(?:is it|are you|are we) (?:still )?(?:running|done|ready|finished|working|there yet)\b",
    r"\b(?:status|progress|how is it going|how's it going|how far are you|any news)\b",
)
_LEFT: Final = _any(r"^how (?:much|long)(?: time)?(?: (?:is|are|do i have))?(?: still)? (?:left|remaining|to go)$")

# What may have been meant where only a word of it was understood; the first that fits is offered.
_GUESSES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (_any(rf"({_LENGTH})"), "set a timer for {0}"),
    (_any(r"\b(?:time|clock|o'clock)\b"), "what time is it"),
    (_any(r"\b(?:date|calendar|today)\b"), "what is the date"),
)
_SEVERAL_NUMBERS: Final = re.compile(rf"{NUMBER}.*\s.*{NUMBER}", re.IGNORECASE)
_HOW_LONG: Final = re.compile(rf"^(?:for |about |to |by )*({_LENGTH})\W*$", re.IGNORECASE)


def is_errand(words: str) -> bool:
    """True for a wish that the agent is there for, whether or not it is asked for by name."""
    words = _bare(words)
    return bool(_WORK.search(words) or _LEFT.search(words))


def steers(words: str) -> bool:
    """True for what can only concern the work that is being done."""
    return bool(_STEERING.search(_bare(words)))


def length_of_time(words: str) -> str | None:
    """The length of time that is all that was said: the answer to "for how long?"."""
    match = _HOW_LONG.match(_bare(words))
    return match[1] if match else None


def guess(words: str) -> str | None:
    """A wish that may have been meant."""
    for pattern, wish in _GUESSES:
        if match := pattern.search(_bare(words)):
            return wish.format(*match.groups())
    return None


def has_numbers(words: str) -> bool:
    """True where at least two numbers were heard."""
    return bool(_SEVERAL_NUMBERS.search(_bare(words)))


def _bare(words: str) -> str:
    return " ".join(words[:MAX_CHARS].replace("\u2019", "'").split()).strip(" .,!?;:")
