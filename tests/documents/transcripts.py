"""Console blocks: commands after ``$``, and what they print, compared in shape.

Numbers and ids may differ; ``…`` stands for anything in a line, and alone in a line for any lines. A last line
``^C`` says that the command goes on until it is interrupted there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PROMPT = "$ "
INTERRUPT = "^C"
ANYTHING = "…"
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_NUMBER = re.compile(r"\d+(?:[.:]\d+)*")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Step:
    """A command and the lines that it is shown to print."""

    command: str
    lines: tuple[str, ...]

    @property
    def interrupted(self) -> bool:
        """True when somebody has to stop it."""
        return self.lines[-1:] == (INTERRUPT,)

    @property
    def shown(self) -> tuple[str, ...]:
        """The lines that it prints itself."""
        return self.lines[:-1] if self.interrupted else self.lines


def steps(text: str) -> list[Step]:
    """What a console block shows. Raises ``ValueError`` when it does not begin with a command."""
    found: list[Step] = []
    for line in text.splitlines():
        if line.startswith(PROMPT):
            found.append(Step(line.removeprefix(PROMPT), ()))
        elif found:
            found[-1] = Step(found[-1].command, (*found[-1].lines, line))
        else:
            raise ValueError("a console block begins with a command: $ …")
    return found


def masked(line: str) -> str:
    """A line without what differs from run to run."""
    return _SPACE.sub(" ", _NUMBER.sub("N", _ID.sub("ID", line))).strip()


def fits(shown: tuple[str, ...], printed: list[str]) -> bool:
    """True when what was printed has the shape that is shown."""
    return re.fullmatch("".join(map(_pattern, shown)), "".join(f"{masked(line)}\n" for line in printed)) is not None


def _pattern(line: str) -> str:
    if line.strip() == ANYTHING:
        return "(?:.*\n)*"
    return ".*".join(re.escape(part) for part in masked(line).split(ANYTHING)) + "\n"
