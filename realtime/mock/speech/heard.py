"""Hearing that is told what to hear."""

from __future__ import annotations

import re

_LINE = re.compile(r"^\s*heard:[ \t]*(\S.*?)\s*$", re.IGNORECASE | re.MULTILINE)
UNSCRIPTED = "I said something."


class HeardLines:
    """Each turn is the next ``heard: TEXT`` line of the instructions, the last one repeating.

    Lines added to those already there go on; other lines begin anew. Without a line: a fixed text.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._turn = 0

    def hear(self, pcm: bytes, *, instructions: str) -> str:
        """The sound itself does not matter."""
        del pcm
        lines = _LINE.findall(instructions)
        if lines[: len(self._lines)] != self._lines:
            self._turn = 0
        self._lines = lines
        if not lines:
            return UNSCRIPTED
        heard: str = lines[min(self._turn, len(lines) - 1)]
        self._turn += 1
        return heard
