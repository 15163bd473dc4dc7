"""Sums as they are spoken, written with signs: "add five to six" is (5) + (6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from realtime.agents.numerals import to_digits

_PHRASES: Final = tuple(
    (re.compile(rf"(?<![a-z]){phrase}(?![a-z])"), f" {sign} ")
    for phrase, sign in (
        (r"to the power of|raised to the power of|raised to|to the", "^"),
        (r"(?:the )?(?:square root|sqrt)(?: of)?", "sqrt"),
        (r"(?:the )?cube root(?: of)?", "cbrt"),
        (r"(?:the )?factorial of", "fact"),
        (r"squared", "^ 2"),
        (r"cubed", "^ 3"),
        (r"factorial", "!"),
        (r"multiplied by|times|multiply by|x", "*"),
        (r"divided by|divide by|over", "/"),
        (r"modulo|mod", "mod"),
        (r"plus|added to", "+"),
        (r"minus|less", "-"),
        (r"negative", "-"),
        (r"(?:percent|per cent) off", "%off"),
        (r"(?:percent|per cent) of", "%of"),
        (r"percent|per cent", "%"),
        (r"(?:a |one |1 )?half of|half", "0.5 *"),
        (r"(?:a |one |1 )?third of", "(1/3) *"),
        (r"(?:a |one |1 )?quarter of", "0.25 *"),
        (r"twice|double", "2 *"),
        (r"triple", "3 *"),
    )
)
_SIGNS: Final = (("**", "^"), ("×", "*"), ("·", "*"), ("÷", "/"), ("−", "-"), ("–", "-"), ("√", " sqrt "))
_PERCENT_SIGN: Final = re.compile(r"%\s*(off|of)\b")
_GROUPED: Final = re.compile(r"(?<![\d.,])(\d{1,3}(?:,\d{3})+)(?![\d,])")
_LIST: Final = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+")
_ORDERS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(r"^add (.+?) (?:and|to) (.+)$"), lambda match: f"({match[1]}) + ({match[2]})"),
    (re.compile(r"^subtract (.+?) from (.+)$"), lambda match: f"({match[2]}) - ({match[1]})"),
    (re.compile(r"^multiply (.+?) (?:by|and|with) (.+)$"), lambda match: f"({match[1]}) * ({match[2]})"),
    (re.compile(r"^divide (.+?) by (.+)$"), lambda match: f"({match[1]}) / ({match[2]})"),
    (re.compile(r"^(?:the )?difference (?:between|of) (.+?) and (.+)$"), lambda match: f"({match[1]}) - ({match[2]})"),
    (re.compile(r"^(?:the )?sum of (.+)$"), lambda match: _joined(match[1], "+")),
    (re.compile(r"^(?:the )?product of (.+)$"), lambda match: _joined(match[1], "*")),
    (
        re.compile(r"^(?:the )?(?:average|mean) of (.+)$"),
        lambda match: f"({_joined(match[1], '+')}) / {len(_LIST.split(match[1]))}",
    ),
)


def to_signs(text: str) -> str:
    """``text`` with its numbers in digits and its phrases as signs; what is no sum stays as it is."""
    text = _GROUPED.sub(lambda match: match[1].replace(",", ""), to_digits(text.lower().strip()))
    for sign, ours in _SIGNS:
        text = text.replace(sign, ours)
    for order, written in _ORDERS:
        text = order.sub(written, text)
    for phrase, sign in _PHRASES:
        text = phrase.sub(sign, text)
    return _PERCENT_SIGN.sub(r"%\1", text).strip()


def _joined(numbers: str, sign: str) -> str:
    return f" {sign} ".join(f"({number})" for number in _LIST.split(numbers))
