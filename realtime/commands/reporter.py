"""How ``voxgate call`` tells what happens: for people as it happens, for programs as JSON lines.

Words arrive live and records after their commit, so the answer's first words may overtake the question. On the
screen each line takes its place when it begins, and a line waits for the one above it to be complete.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TextIO

from realtime.protocol import json
from realtime.protocol.json import JsonObject

Clock = Callable[[], float]
"""Seconds since the start."""

TRANSCRIPTION_S = 2.0
"""How long an answer waits for the words of its question."""


class Reporter(Protocol):
    """Is told what happens in a talk."""

    def event(self, kind: str, fields: JsonObject) -> None:
        """One of ``started``, ``user``, ``assistant``, ``handoff``, ``error``, ``end``."""
        ...

    def typed(self, text: str) -> None:
        """The person writes this; its ``user`` event follows."""
        ...

    def began(self, kind: str, item_id: str) -> None:
        """A ``user`` or ``assistant`` has begun to speak; the event comes when the words are known."""
        ...

    def delta(self, role: str, item_id: str, text: str) -> None:
        """Some words of an item that is not finished."""
        ...

    def remark(self, text: str) -> None:
        """Something that only a person wants to know."""
        ...


class JsonLines:
    """One JSON object a line: ``{t, type, …}``."""

    def __init__(self, clock: Clock, out: TextIO | None = None) -> None:
        self._clock = clock
        self._out = out or sys.stdout

    def event(self, kind: str, fields: JsonObject) -> None:
        """Print it."""
        print(json.encode({"t": round(self._clock(), 3), "type": kind, **fields}), file=self._out, flush=True)

    def typed(self, text: str) -> None:
        """Its event follows."""

    def began(self, kind: str, item_id: str) -> None:
        """Its event follows."""

    def delta(self, role: str, item_id: str, text: str) -> None:
        """Programs get whole lines only."""

    def remark(self, text: str) -> None:
        """Nothing for programs."""


@dataclass(slots=True)
class _Line:
    who: str
    stamp: float
    text: str = ""
    item_id: str | None = None
    done: bool = True
    shown: int | None = None
    """How many letters of the text are on the screen; None before the line's head is."""

    @property
    def is_awaited(self) -> bool:
        """True for a person's line whose words are not known yet."""
        return self.who == "you" and not self.done


class Screen:
    """A line for each that speaks; the voice's grows while it speaks."""

    def __init__(self, clock: Clock, out: TextIO | None = None) -> None:
        self._clock = clock
        self._out = out or sys.stdout
        self._lines: deque[_Line] = deque()
        self._typed: list[str] = []
        self._handed_over: dict[str, float] = {}

    def event(self, kind: str, fields: JsonObject) -> None:
        """Print it in words."""
        match kind:
            case "started":
                self.remark(f"thread {fields['threadId']}")
            case "user":
                self._heard(fields)
            case "assistant":
                self._finish("voice", fields)
            case "handoff":
                self.tell("agent", self._hand_off(fields))
            case "error":
                self.tell("error", f"{fields['message']} ({fields['code']})")
            case "end":
                self.settle()
                self.tell("end", _summary(fields))

    def typed(self, text: str) -> None:
        """Shown at once: nothing is to be waited for."""
        self._typed.append(text)
        self.tell("you", text)

    def began(self, kind: str, item_id: str) -> None:
        """Keep the place of what is being said; the voice takes its own with its first word."""
        if kind == "user" and self._line(item_id) is None:
            self._lines.append(_Line("you", self._clock(), item_id=item_id, done=False))

    def delta(self, role: str, item_id: str, text: str) -> None:
        """Add words to the answer's line. What a person said is shown whole: its words may still be corrected."""
        if role == "user":
            return
        line = self._line(item_id)
        if line is None:
            line = _Line("voice", self._clock(), item_id=item_id, done=False)
            self._lines.append(line)
        line.text += _plain(text)
        self._advance()

    def remark(self, text: str) -> None:
        """A line without a speaker."""
        self.tell("", text)

    def settle(self) -> None:
        """Nothing more comes of what has begun: show it as it is."""
        for line in self._lines:
            line.text += "" if line.done else " …"
            line.done = True
        self._advance()

    def _heard(self, fields: JsonObject) -> None:
        if fields["text"] in self._typed:
            self._typed.remove(fields["text"])
            if (place := self._line(fields["itemId"])) is not None:
                self._lines.remove(place)
            return
        self._finish("you", fields)

    def _finish(self, who: str, fields: JsonObject) -> None:
        """The words are known: complete the line, or make it where no word came before."""
        line = self._line(fields["itemId"])
        if line is None:
            line = _Line(who, self._clock(), item_id=fields["itemId"])
            self._lines.append(line)
        text = _plain(fields["text"])
        # a cut-off answer is shorter than what was shown already: that cannot be taken back
        if not line.shown or text.startswith(line.text):
            line.text = text
        note = _note(who, fields)
        line.text = " ".join(part for part in (line.text.rstrip(), note) if part)
        line.done = True
        self._advance()

    def _hand_off(self, fields: JsonObject) -> str:
        begun = self._handed_over.setdefault(fields["callId"], fields.get("begun", self._clock()))
        took = f" after {self._clock() - begun:.1f} s" if fields["state"] in ("finished", "failed", "cancelled") else ""
        return f"[{fields['state']}{took}] {fields.get('text') or ''}".rstrip()

    def _line(self, item_id: str) -> _Line | None:
        return next((line for line in self._lines if line.item_id == item_id), None)

    def tell(self, who: str, text: str) -> None:
        """A whole line, after those that have begun."""
        self._lines.append(_Line(who, self._clock(), _plain(text)))
        self._advance()

    def _advance(self) -> None:
        """Print all that may be: up to the first line that is not complete, and what is known of that."""
        while self._lines:
            line = self._lines[0]
            if line.is_awaited:
                if not self._is_late():
                    return
                self._lines[0], self._lines[1] = self._lines[1], line
                continue
            self._print(line)
            if not line.done:
                return
            print(file=self._out, flush=True)
            self._lines.popleft()

    def _is_late(self) -> bool:
        """The first line's words have not come, and what follows has waited long enough for them."""
        if len(self._lines) == 1 or self._lines[1].is_awaited:
            return False
        return self._clock() - self._lines[1].stamp >= TRANSCRIPTION_S

    def _print(self, line: _Line) -> None:
        if line.shown is None:
            print(f"{line.stamp:7.2f}  {line.who:6} ", end="", file=self._out)
        print(line.text[line.shown or 0 :], end="", flush=True, file=self._out)
        line.shown = len(line.text)


def _plain(text: str) -> str:
    """On one line, and without what would steer a terminal: the words come from elsewhere."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _note(who: str, fields: JsonObject) -> str:
    """What the words alone do not say."""
    match fields.get("status"):
        case "interrupted":
            return "[cut off]"
        case "failed":
            return "[could not be transcribed]" if who == "you" else "[failed]"
    return "" if fields["text"] else "[no words]"


def _summary(fields: JsonObject) -> str:
    parts = [str(fields["reason"])]
    if fields.get("firstAudioMs") is not None:
        parts.append(f"first audio after {fields['firstAudioMs']} ms")
    if fields.get("audioMs"):
        parts.append(f"{fields['audioMs'] / 1000:.1f} s of audio")
    if fields.get("out"):
        parts.append(f"in {fields['out']}")
    return ", ".join(parts)
