"""A folded thread as a document: plain text, JSON lines or WebVTT subtitles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from realtime.errors import InvalidRequest
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from realtime.threads.fold import FoldedThread

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LINE_BREAK = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")

_SHORTEST_MS = 500
_LONGEST_GUESS_MS = 7000
_READING_MS_PER_CHAR = 60


def export(thread: FoldedThread, form: str) -> str:
    """The thread as ``text``, ``jsonl`` or ``vtt``; raises ``InvalidRequest`` for another form."""
    write = _FORMS.get(form)
    if write is None:
        raise InvalidRequest("unknown format: it is text, jsonl or vtt", field="format")
    return write(thread)


def _text(thread: FoldedThread) -> str:
    # that a call began and ended is no line of the talk; the JSON lines have it
    return "".join(f"{_line(item)}\n" for item in thread.items if item.get("type") != "session")


def _jsonl(thread: FoldedThread) -> str:
    return "".join(f"{json.encode(item)}\n" for item in thread.items)


# -- text: one line an item ------------------------------------------------------------------------


def _line(item: JsonObject) -> str:
    status = item.get("status", "completed")
    mark = "" if status == "completed" else f" [{status}]"
    return f"{_speaker(item)}{mark}: {_content(item)}".rstrip()


def _speaker(item: JsonObject) -> str:
    match item.get("type"):
        case "userMessage":
            return _plain(item.get("role") or "user")
        case "assistantMessage":
            return _plain(item.get("role") or "assistant")
        case "handoff":
            return "agent (handoff)"
        case kind:
            return _plain(kind or "item")


def _content(item: JsonObject) -> str:
    text, error = _plain(item.get("text") or ""), _plain(item.get("error") or "")
    if item.get("type") == "handoff":
        result = _plain(item.get("output") or "") or error
        return f"{text} → {result}" if result else text
    heard, unheard = _split_heard(item, text)
    if unheard:
        text = f"{heard} [not heard: {unheard}]".lstrip()
    if error:
        return f"{text} ({error})".lstrip()
    return text or ("(no transcript)" if item.get("status") == "failed" else "")


def _plain(text: object) -> str:
    """One line, without what a terminal might obey."""
    return _CONTROL.sub("\ufffd", _unbroken(str(text)).replace("\t", " "))


def _unbroken(text: str) -> str:
    """Each line break, with the white space around it, as one space.

    Split, not matched with that white space: the time of such a pattern grows with the square of a long run.
    """
    first, *more = _LINE_BREAK.split(text)
    if not more:
        return text
    *between, last = more
    return " ".join((first.rstrip(), *filter(None, map(str.strip, between)), last.lstrip()))


def _split_heard(item: JsonObject, text: str) -> tuple[str, str]:
    """What was heard of an interrupted answer and what was not: by time, to the nearest word."""
    heard_ms, audio_ms = item.get("heardMs"), item.get("audioMs")
    if item.get("status") != "interrupted" or heard_ms is None or not audio_ms or heard_ms >= audio_ms:
        return text, ""
    words = text.split(" ")
    heard = round(len(words) * heard_ms / audio_ms)
    return " ".join(words[:heard]), " ".join(words[heard:])


# -- WebVTT: one cue a spoken or written line --------------------------------------------------------


def _vtt(thread: FoldedThread) -> str:
    cues = "".join(f"{_clock(start)} --> {_clock(end)}\n{words}\n\n" for start, end, words in _cues(thread))
    return f"WEBVTT\n\n{cues}"


def _cues(thread: FoldedThread) -> Iterator[tuple[int, int, str]]:
    """Start, end (milliseconds since the first item) and words; starts never go back."""
    begin = min((item.get("createdAt") or 0 for item in thread.items), default=0)
    start = 0
    for item in thread.items:
        voice, text = _voice(item)
        if text.strip():
            start = max(start, (item.get("createdAt") or 0) - begin)
            yield start, start + _duration_ms(item, text), f"<v {_escape(voice)}>{_escape(text)}"


def _duration_ms(item: JsonObject, text: str) -> int:
    """How long it was heard, else how long its audio is, else how long it takes to read."""
    known = item.get("heardMs") if item.get("heardMs") is not None else item.get("audioMs")
    if known is None:
        known = min(len(text) * _READING_MS_PER_CHAR, _LONGEST_GUESS_MS)
    return max(int(known), _SHORTEST_MS)


def _voice(item: JsonObject) -> tuple[str, str]:
    """Who speaks, and what; nothing for what is no speech."""
    text, error = _plain(item.get("text") or ""), _plain(item.get("error") or "")
    match item.get("type"):
        case "handoff":
            return "Agent", _plain(item.get("output") or "") or error
        case "userMessage" | "assistantMessage":
            if not text and item.get("status") == "failed":
                text = f"({error or 'no transcript'})"
            return _speaker(item).capitalize(), text
        case _:
            return "", ""


def _escape(text: str) -> str:
    """Markup and the arrow ``-->`` lose their meaning."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{ms:03}"


_FORMS: dict[str, Callable[[FoldedThread], str]] = {"text": _text, "jsonl": _jsonl, "vtt": _vtt}
