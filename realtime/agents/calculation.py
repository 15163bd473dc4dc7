"""Sums that are asked for in a sentence, also where speech recognition got a word of it wrong."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from realtime.agents.arithmetic import evaluate
from realtime.agents.numerals import spoken, to_digits
from realtime.agents.sums import to_signs

_QUESTION: Final = re.compile(
    r"^(?:(?:let's say|but|what(?:'s| is| are| does| do| would| do you get (?:for|if you))?|how much (?:is|are"
    r"|makes?|does|do)?"
    r"|calculate|compute|evaluate|solve|the (?:result|value|answer) (?:of|to)|result of|is|and|now|so)\s+)+"
)
_ASKED_BEHIND: Final = re.compile(
    r"[\s=]+(?:is|are|equals?(?: to)?|makes?|gives?|be|comes? to|come out to|what|how much|=)$"
)
_ORDER: Final = re.compile(r"^(?:add|subtract|multiply|divide)\b")
_IS_ASKED: Final = re.compile(r"^(?:what|how much)\b")
_TWO_NUMBERS: Final = re.compile(r"^(-?[\d.]+) and (-?[\d.]+)$")

_SIGN: Final = r"(?:times|plus|minus|divided by|over|multiplied by)"
_NUMBER: Final = r"-?\d[\d.]*"
# What speech recognition makes of a sum; only between numbers and signs, where it can mean nothing else.
_HOMOPHONES: Final = {
    "won": "one",
    "to": "two",
    "too": "two",
    "tree": "three",
    "free": "three",
    "for": "four",
    "fore": "four",
    "far": "four",
    "ate": "eight",
    "nein": "nine",
}
_HOMOPHONE: Final = "|".join(_HOMOPHONES)
_TEN_WORD: Final = r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_MISHEARD: Final = (
    (
        re.compile(r"\b(thir|four|fif|six|seven|eigh|eight|nine) teen\b"),
        lambda match: match[1].replace("eight", "eigh") + "teen",
    ),
    (
        re.compile(rf"\b(?<=\s)({_HOMOPHONE})(?= {_SIGN}\b)|^({_HOMOPHONE})(?= {_SIGN}\b)"),
        lambda match: _HOMOPHONES[match[0]],
    ),
    (
        re.compile(rf"\b(?:(?<=times )|(?<=plus )|(?<=minus )|(?<=by )|(?<=over ))({_HOMOPHONE})\b"),
        lambda match: _HOMOPHONES[match[0]],
    ),
    (re.compile(r"\b(?<=ty )(tree|free|won|ate|for|fore|to|too)\b"), lambda match: _HOMOPHONES[match[0]]),
)
_MISHEARD_SIGNS: Final = tuple(
    (re.compile(rf"(?<=\d) (?:{heard}) (?=-?\d)"), f" {meant} ")
    for heard, meant in (
        ("time|times the|dimes|tines|types|tons|climes|x", "times"),
        ("minors|mine us|minus the|my nose|miners", "minus"),
        ("pluss|plush|plots|pulse|plus the|bus", "plus"),
        ("divide(?:d|s)?(?: it)?(?: by| bye| buy| bite| my)?|devided by|the vital by|divided", "divided by"),
    )
)
_SPLIT_NUMBER: Final = re.compile(r"(?<![\d.])([1-9]\d?) ([1-9]\d)(?![\d.])")
_SPOTTED: Final = re.compile(r"(?:sqrt|cbrt|fact|mod|%off|%of|[-+*/^()!%.\d]|\s)+")
_WORDS_OF: Final = (("*", "times"), ("/", "divided by"), ("+", "plus"), ("-", "minus"), ("^", "to the power of"))
_MAX_STRAY_WORDS: Final = 8
UNCLEAR: Final = "I did not get the whole sum. Please say it again."


def answer(wish: str) -> str | None:
    """The result in a sentence; a question back when ``wish`` (lower case) holds only part of a sum; else None."""
    expression = _bare(wish)
    try:
        value = evaluate(expression)
        if value is None and _IS_ASKED.match(wish) and (two := _TWO_NUMBERS.match(to_digits(expression))):
            expression = f"{two[1]} plus {two[2]}"
            value = evaluate(expression)
        if value is not None:
            return _told(expression, value)
        return _heard_right(expression) or _spotted(expression)
    except ValueError as error:
        return str(error)


def _bare(wish: str) -> str:
    expression = _QUESTION.sub("", wish).strip(" =")
    while (shorter := _ASKED_BEHIND.sub("", expression).strip(" =")) != expression:
        expression = shorter
    return expression


def _told(expression: str, value: Fraction) -> str:
    subject = "the result" if _ORDER.match(expression) else expression
    return f"{subject[:1].upper()}{subject[1:]} is {spoken(value)}."


def _heard_right(expression: str) -> str | None:
    """What was most likely said; it is repeated with the answer, so that a wrong guess shows."""
    for misheard, meant in _MISHEARD:
        expression = misheard.sub(meant, expression)
    expression = _SPLIT_NUMBER.sub(r"\1\2", to_digits(expression))
    for heard, sign in _MISHEARD_SIGNS:
        expression = heard.sub(sign, expression)
    value = evaluate(expression)
    return _told(expression, value) if value is not None else None


def _spotted(expression: str) -> str | None:
    """The one sum among other words."""
    signs = to_signs(expression)
    sums = [found[0].strip() for found in _SPOTTED.finditer(signs) if re.search(r"\d\s*[-+*/^%]", found[0])]
    if not sums:
        return None
    stray = signs.replace(sums[0], " ")
    value = evaluate(sums[0]) if len(sums) == 1 else None
    if value is None or re.search(r"\d", stray) or len(stray.split()) > _MAX_STRAY_WORDS:
        return UNCLEAR
    words = sums[0]
    for sign, word in _WORDS_OF:
        words = words.replace(sign, f" {word} ")
    return _told(" ".join(words.split()), value)
