"""How commands take their arguments, and how they refuse them: in one line that names the argument."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn

EXIT_USAGE = 2
_MISSING = re.compile(r"the following arguments are required: (?P<names>.+)")
_ARGUMENT = re.compile(r"argument (?P<names>[^:]+): ")


class CommandParser(argparse.ArgumentParser):
    """A parser that complains in plain words and in one line."""

    def error(self, message: str) -> NoReturn:
        """Leave with status 2."""
        missing = _MISSING.fullmatch(message)
        plain = f"{missing['names']} is missing" if missing else _ARGUMENT.sub(r"\g<names>: ", message, count=1)
        self.exit(EXIT_USAGE, f"{self.prog}: {plain}; see `{self.prog} --help`\n")


def whole_number(text: str) -> int:
    """An argument's type."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None


def port_number(text: str) -> int:
    """An argument's type."""
    number = whole_number(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"must be from 0 to 65535, not {text}")
    return number


def number_from_1(text: str) -> int:
    """An argument's type: how many."""
    number = whole_number(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {text}")
    return number


def seconds(text: str) -> float:
    """An argument's type: a time that is neither nothing nor more than a day."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number of seconds, not {text!r}") from None
    if not 0 < value < 86_400:
        raise argparse.ArgumentTypeError(f"must be above 0 and below 86400 seconds, not {text}")
    return value


def meant(name: str, known: Iterable[str]) -> str:
    """``; did you mean NAME?`` for a misspelt name, "" where none is near."""
    near = get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def complain(message: str) -> None:
    """One line on stderr, whatever the message holds."""
    print(f"voxgate: {' '.join(message.split())}", file=sys.stderr)
