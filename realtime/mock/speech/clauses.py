"""A text in the pieces in which it is spoken: short ones first, so that the first sound comes early."""

from __future__ import annotations

import re

_BREAK = re.compile(r"(?<=[.!?;:,])\s+(?=\S)|\n+")
_LEAST = 6
"""Characters below which a piece takes the next one with it: a voice that stops at each word sounds broken."""
_MOST = 160


def clauses(text: str) -> tuple[str, ...]:
    """Cut at sentences and commas; joined they are the text, blanks included."""
    pieces: list[str] = []
    start = 0
    for found in _BREAK.finditer(text):
        if found.end() - start >= _LEAST:
            pieces += _at_most(text[start : found.end()])
            start = found.end()
    rest = text[start:]
    if rest:
        pieces += _at_most(rest)
    return tuple(pieces) or (text,)


def _at_most(piece: str) -> list[str]:
    """A piece without a break is cut between words where it is too long."""
    cut = []
    while len(piece) > _MOST:
        at = piece.rfind(" ", 1, _MOST) + 1 or _MOST
        cut.append(piece[:at])
        piece = piece[at:]
    return [*cut, piece]
