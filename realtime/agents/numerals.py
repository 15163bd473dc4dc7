"""Numbers as they are spoken, to digits and back: "twenty five" is 25, "three point five" is 3.5."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

_ONES: Final = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
_TENS: Final = (
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
)
_SMALL: Final = {word: number for number, word in enumerate(_ONES)} | {
    word: 10 * number for number, word in enumerate(_TENS, start=2)
}
_SCALES: Final = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

_BIG_WORD: Final = "|".join(["hundred", *_SCALES])
_WORD: Final = "|".join([*_SMALL, _BIG_WORD])
_TENS_WORD: Final = "|".join(_TENS)
_ONES_WORD: Final = "|".join(_ONES[:10])
_SPOKEN: Final = re.compile(
    rf"\b(?:(?:an?|\d+(?:\.\d+)?)\s+(?=(?:{_BIG_WORD})\b))?"
    rf"(?:(?:{_BIG_WORD})\s+and\s+(?=(?:{_WORD})\b)|(?:{_WORD})[\s-]+(?=(?:{_WORD})\b))*(?:{_WORD})\b"
    rf"(?:\s+point(?:\s+(?:{_ONES_WORD})\b)+)?"
)
_AND_A_PART: Final = re.compile(r"\b(\d+) and (?:an? |1 )(half|quarter)\b")
_PARTS: Final = {"half": ".5", "quarter": ".25"}


def to_digits(text: str) -> str:
    """Lower-case ``text`` with each spoken number written in digits."""
    text = _SPOKEN.sub(_number, re.sub(rf"\b({_TENS_WORD})-(?=(?:{_ONES_WORD})\b)", r"\1 ", text))
    return _AND_A_PART.sub(lambda match: match[1] + _PARTS[match[2]], text)


def spoken(value: Fraction, places: int = 4) -> str:
    """A number fit to be read aloud: at most ``places`` decimals, "about" before what was rounded."""
    if value < 0:
        said = spoken(-value, places)
        return f"about minus {said[6:]}" if said.startswith("about ") else f"minus {said}"
    if value.denominator == 1 and value < 10**15:
        return f"{value.numerator:,}"
    if value >= 10**15 or value < Fraction(1, 10**places):
        return _scientific(value)
    rounded = round(value, places)
    digits = f"{Decimal(rounded.numerator) / Decimal(rounded.denominator):,.{places}f}".rstrip("0").rstrip(".")
    return digits if rounded == value else f"about {digits}"


def _scientific(value: Fraction) -> str:
    power = len(str(value.numerator)) - len(str(value.denominator))
    if value < Fraction(10) ** power:
        power -= 1
    mantissa = round(value / Fraction(10) ** power, 3)
    if mantissa >= 10:
        mantissa, power = mantissa / 10, power + 1
    exact = mantissa * Fraction(10) ** power == value
    digits = f"{float(mantissa):.3f}".rstrip("0").rstrip(".")
    exponent = f"minus {-power}" if power < 0 else str(power)
    return f"{'' if exact else 'about '}{digits} times 10 to the power of {exponent}"


def _number(match: re.Match[str]) -> str:
    """The digits of one run of number words; runs that are two numbers stay two ("one two" is 1 2)."""
    whole, _, decimals = match[0].partition(" point ")
    words = whole.replace("-", " ").split()
    if words[0] in ("a", "an"):
        words[0] = "one"
    numbers = _read([word for word in words if word != "and"])
    if decimals:
        numbers[-1] += "." + "".join(str(_SMALL[word]) for word in decimals.split())
    return " ".join(numbers)


def _read(words: list[str]) -> list[str]:
    numbers: list[str] = []
    total = group = Fraction(0)
    last: int | None = None
    for word in words:
        if word in _SCALES:
            total, group = total + (group or 1) * _SCALES[word], Fraction(0)
        elif word == "hundred":
            group = (group or Fraction(1)) * 100
        else:
            value = Fraction(word) if word not in _SMALL else Fraction(_SMALL[word])
            if last is not None and not _fits(last, value):
                numbers.append(_text(total + group))
                total = group = Fraction(0)
            group += value
            last = int(value)
            continue
        last = None
    return [*numbers, _text(total + group)]


def _fits(last: int, value: Fraction) -> bool:
    """Twenty takes a five after it; five takes nothing after it."""
    return last >= 20 and last % 10 == 0 and 0 < value < 10


def _text(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):f}".rstrip("0")
