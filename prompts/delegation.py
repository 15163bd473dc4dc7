"""The text by which a hand-off is told to the agent, and back to the bare request."""

from __future__ import annotations

import re
from collections.abc import Iterable

from prompts import render

_INPUT = re.compile(r"\A\s*<realtime_delegation>\s*<input>(.*?)</input>", re.DOTALL)


def delegation(request: str, lines: Iterable[tuple[str, str]]) -> str:
    """A ``<realtime_delegation>`` element: the request, and what was said since the last hand-off.

    ``lines`` are (role, text). Without lines the element ``transcript_delta`` is left out; with an
    empty request the lines are the request as well. Both empty: an empty string, nothing to hand off.
    """
    transcript = "\n".join(f"{role}: {text}" for role, text in lines)
    wish = request or transcript
    return render("delegation", request=wish, transcript=transcript) if wish else ""


def request_of(prompt: str) -> str:
    """The bare request inside a delegation's text; any other text is its own request."""
    match = _INPUT.match(prompt)
    return unescape(match[1]) if match else prompt


def unescape(text: str) -> str:
    """Undo ``prompts.escape``."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
