"""Arithmetic in words and signs, exact and bounded: no input takes long or fails otherwise than by ``ValueError``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Final

from realtime.agents.sums import to_signs

MAX_TOKENS: Final = 200
MAX_DEPTH: Final = 40
MAX_BITS: Final = 10_000
MAX_EXPONENT: Final = 10_000
MAX_FACTORIAL: Final = 500

_PI: Final = Fraction("3.14159265358979323846264338327950288")
_E: Final = Fraction("2.71828182845904523536028747135266250")

_TOKEN: Final = re.compile(
    r"\s*(\d+(?:\.\d+)?(?:e[+-]?\d{1,4})?|\.\d+|%off|%of|[-+*/^()!%,]|sqrt|cbrt|fact|mod|pi|e(?![a-z]))"
)


def evaluate(text: str) -> Fraction | None:
    """The value of an expression; None when ``text`` is none, or is but a single number.

    Raises ``ValueError``, with a sentence that can be spoken, for an expression that has no value or
    one beyond the bounds. What cannot be exact (roots, broken powers) is so to about 30 digits.
    """
    tokens = _tokens(text)
    if tokens is None or not 2 <= len(tokens) <= MAX_TOKENS:
        return None
    if all(sign[0] in "0123456789.()," for sign in tokens) or not any(_is_value(sign) for sign in tokens):
        return None
    return _Parser(tokens).result()


def _is_value(token: str) -> bool:
    return token[0].isdigit() or token[0] == "." or token in ("pi", "e")


def _tokens(text: str) -> list[str] | None:
    text = to_signs(text)
    tokens: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return None
        tokens.append(match[1])
        position = match.end()
    return tokens


class _Unreadable(Exception):
    """The tokens are no expression."""


class _Parser:
    """Recursive descent, bounded in depth: sum, product, sign, power, suffix, value."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def result(self) -> Fraction | None:
        try:
            value = self._sum()
        except _Unreadable:
            return None
        return value if self._at == len(self._tokens) else None

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _accept(self, *wanted: str) -> str:
        token = self._peek()
        if token not in wanted or not token:
            return ""
        self._at += 1
        return token

    def _sum(self) -> Fraction:
        value = self._product()
        while sign := self._accept("+", "-"):
            before = self._at
            term = self._product()
            if self._at - before == 2 and self._tokens[self._at - 1] == "%":  # 50 plus 10 percent is 55
                term *= value
            value = _bounded(value + term if sign == "+" else value - term)
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while sign := self._accept("*", "/", "mod", "%of", "%off"):
            value = _bounded(_PRODUCTS[sign](value, self._signed()))
        return value

    def _signed(self) -> Fraction:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError("That is nested too deeply for me.")
        try:
            if self._accept("-"):
                return -self._signed()
            if self._accept("+"):
                return self._signed()
            return self._power()
        finally:
            self._depth -= 1

    def _power(self) -> Fraction:
        base = self._suffixed()
        return _power(base, self._signed()) if self._accept("^") else base

    def _suffixed(self) -> Fraction:
        value = self._value()
        while sign := self._accept("!", "%"):
            value = _factorial(value) if sign == "!" else value / 100
        return value

    def _value(self) -> Fraction:
        sign = self._peek()
        self._at += 1
        if sign in _FUNCTIONS:
            return _FUNCTIONS[sign](self._signed())
        if sign == "(":
            value = self._sum()
            if not self._accept(")"):
                raise _Unreadable
            return value
        if not sign or not _is_value(sign):
            raise _Unreadable
        return {"pi": _PI, "e": _E}.get(sign) or _number(sign)


def _number(token: str) -> Fraction:
    if len(token) > 1000 or ("e" in token and abs(int(token.partition("e")[2])) > MAX_EXPONENT):
        raise ValueError("That number is too long for me.")
    return _bounded(Fraction(token))


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise ValueError("That becomes too large a number for me.")
    return value


def _divide(left: Fraction, right: Fraction) -> Fraction:
    if right == 0:
        raise ValueError("Nothing can be divided by zero.")
    return left / right


def _modulo(left: Fraction, right: Fraction) -> Fraction:
    if right == 0:
        raise ValueError("Nothing can be divided by zero.")
    return left % right


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if base == 0 and exponent < 0:
        raise ValueError("Zero has no negative power.")
    if exponent.denominator == 1:
        bits = max(base.numerator.bit_length(), base.denominator.bit_length(), 1)
        if abs(exponent) > MAX_EXPONENT or bits * abs(exponent) > MAX_BITS:
            if base in (0, 1, -1):
                return base ** int(exponent % 2 or 2)
            raise ValueError("That becomes too large a number for me.")
        return base ** int(exponent)
    if base < 0:
        raise ValueError("A negative number has no such power among the real numbers.")
    return _decimal(lambda: _as_decimal(base) ** _as_decimal(exponent))


def _root(value: Fraction) -> Fraction:
    if value < 0:
        raise ValueError("A negative number has no square root among the real numbers.")
    top, bottom = math.isqrt(value.numerator), math.isqrt(value.denominator)
    if top * top == value.numerator and bottom * bottom == value.denominator:
        return Fraction(top, bottom)
    return _decimal(lambda: _as_decimal(value).sqrt())


def _cube_root(value: Fraction) -> Fraction:
    if value < 0:
        return -_cube_root(-value)
    root = _decimal(lambda: _as_decimal(value) ** (Decimal(1) / 3)) if value else value
    nearest = Fraction(round(root))
    return nearest if nearest**3 == value else root


def _factorial(value: Fraction) -> Fraction:
    if value.denominator != 1 or value < 0:
        raise ValueError("Only whole numbers from zero have a factorial.")
    if value > MAX_FACTORIAL:
        raise ValueError("That becomes too large a number for me.")
    return Fraction(math.factorial(int(value)))


def _as_decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _decimal(compute: Callable[[], Decimal]) -> Fraction:
    """A value of limited precision; what overflows is too large."""
    with localcontext() as context:
        context.prec = 40
        context.Emax, context.Emin = 5000, -5000
        try:
            return _bounded(Fraction(compute()))
        except ArithmeticError:
            raise ValueError("That becomes too large a number for me.") from None


_PRODUCTS: Final[dict[str, Callable[[Fraction, Fraction], Fraction]]] = {
    "*": lambda left, right: left * right,
    "/": _divide,
    "mod": _modulo,
    "%of": lambda share, whole: share / 100 * whole,
    "%off": lambda share, whole: whole - share / 100 * whole,
}
_FUNCTIONS: Final[dict[str, Callable[[Fraction], Fraction]]] = {
    "sqrt": _root,
    "cbrt": _cube_root,
    "fact": _factorial,
}
