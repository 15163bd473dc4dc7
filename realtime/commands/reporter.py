"""How ``voxgate call`` tells what happens: for people as it happens, for programs as JSON lines."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol, TextIO

from realtime.protocol import json
from realtime.protocol.json import JsonObject

Clock = Callable[[], float]
"""Seconds since the start."""


class Reporter(Protocol):
    """Is told what happens in a talk."""

    def event(self, kind: str, fields: JsonObject) -> None:
        """One of ``started``, ``user``, ``assistant``, ``handoff``, ``error``, ``end``."""
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

    def delta(self, role: str, item_id: str, text: str) -> None:
        """Programs get whole lines only."""

    def remark(self, text: str) -> None:
        """Nothing for programs."""


class Screen:
    """A line for each speaker; the voice's grows while it speaks."""

    def __init__(self, clock: Clock, out: TextIO | None = None) -> None:
        self._clock = clock
        self._out = out or sys.stdout
        self._open_item: str | None = None
        self._shown: dict[str, str] = {}

    def event(self, kind: str, fields: JsonObject) -> None:
        """Print it in words."""
        match kind:
            case "started":
                self.remark(f"thread {fields['threadId']}")
            case "user":
                self._finish("you", fields["itemId"], fields["text"])
            case "assistant":
                self._finish("voice", fields["itemId"], fields["text"])
            case "handoff":
                self._line("agent", f"[{fields['state']}] {fields.get('text') or ''}".rstrip())
            case "error":
                self._line("error", f"{fields['message']} ({fields['code']})")
            case "end":
                self._line("end", _summary(fields))

    def delta(self, role: str, item_id: str, text: str) -> None:
        """Add words to the answer's line, on a new line when another came between."""
        if role == "user":
            return
        if self._open_item != item_id:
            self._break()
            self._print_head("voice")
            self._open_item = item_id
            print(self._shown.get(item_id, ""), end="", file=self._out)
        print(_plain(text), end="", flush=True, file=self._out)
        self._shown[item_id] = self._shown.get(item_id, "") + _plain(text)

    def remark(self, text: str) -> None:
        """A line without a speaker."""
        self._line("", text)

    def _finish(self, who: str, item_id: str, text: str) -> None:
        """The whole text, unless its line has it already."""
        if self._shown.pop(item_id, None) == _plain(text) and self._open_item == item_id:
            self._break()
        else:
            self._line(who, text)

    def _line(self, who: str, text: str) -> None:
        self._break()
        self._print_head(who)
        print(_plain(text), flush=True, file=self._out)

    def _print_head(self, who: str) -> None:
        print(f"{self._clock():7.2f}  {who:6} ", end="", file=self._out)

    def _break(self) -> None:
        if self._open_item is not None:
            print(file=self._out)
            self._open_item = None


def _plain(text: str) -> str:
    """On one line, and without what would steer a terminal: the words come from elsewhere."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _summary(fields: JsonObject) -> str:
    parts = [str(fields["reason"])]
    if fields.get("firstAudioMs") is not None:
        parts.append(f"first audio after {fields['firstAudioMs']} ms")
    if fields.get("audioMs"):
        parts.append(f"{fields['audioMs'] / 1000:.1f} s of audio")
    if fields.get("out"):
        parts.append(f"in {fields['out']}")
    return ", ".join(parts)
