"""The fenced code blocks of the documents.

The first word of a fence's info string is the language, as readers see it. Words after it are marks for the tests,
which no renderer shows: ``html steps="Talk > connected"``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"( *)(`{3,}|~{3,})(.*)")
_NAME = re.compile(r"# ([\w.-]+\.(?:py|yaml))\n")


@dataclass(frozen=True, slots=True)
class Block:
    """``line`` is that of its opening fence; ``page`` is relative to the root."""

    page: str
    line: int
    language: str
    text: str
    marks: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str | None:
        """The file that the reader would save it as: its first line is a comment with nothing but that name."""
        found = _NAME.match(self.text)
        return found[1] if found else None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """README and all of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a file, in order."""
    return list(parse(page.relative_to(ROOT).as_posix(), page.read_text()))


def parse(page: str, text: str) -> Iterator[Block]:
    """The blocks of a text. Raises ``ValueError`` for one that is never closed."""
    opening: tuple[int, re.Match[str]] | None = None
    inside: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        found = _FENCE.fullmatch(line)
        if opening is None:
            if found is not None:
                opening, inside = (number, found), []
        elif found is not None and found[2].startswith(opening[1][2]) and not found[3].strip():
            yield _block(page, opening, inside)
            opening = None
        else:
            inside.append(line.removeprefix(opening[1][1]))
    if opening is not None:
        raise ValueError(f"{page}:{opening[0]}: this block has no end")


def _block(page: str, opening: tuple[int, re.Match[str]], inside: list[str]) -> Block:
    language, *marks = shlex.split(opening[1][3]) or [""]
    named = dict(mark.partition("=")[::2] for mark in marks)
    return Block(page, opening[0], language, "".join(f"{line}\n" for line in inside), named)
