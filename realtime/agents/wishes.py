"""From a request as it was spoken to single wishes, without the politeness around them."""

from __future__ import annotations

import re
from typing import Final

MAX_CHARS: Final = 1000

_ROLE: Final = re.compile(r"^(?:user|assistant): ", re.MULTILINE)
_ASSISTANT_LINE: Final = re.compile(r"^assistant: .*$", re.MULTILINE)
_STARTERS: Final = (
    "what|what's|whats|how|where|where's|when|who|which|tell|set|start|remember|convert|calculate|compute|cancel|stop"
    "|please|give|forget|recall|let|could|can|is|are|do|does|add|make|remind|multiply|divide|subtract"
    "|(?:the )?(?:time|date)"
)
_SENTENCE: Final = re.compile(r"[?!;\n]+|(?<![\s.][a-zA-Z])(?<!\b[DMS][rst])\.(?=\s|$)")
_AND: Final = re.compile(
    rf",?\s+(?:and then|and also|and|then|also)\s+(?=(?:{_STARTERS})\b)|,\s+(?=(?:{_STARTERS})\b)", re.IGNORECASE
)
_AGENT: Final = r"(?:agents?|a gent|age and|asian|aging|ancient|engine)"
"""The word, and what speech recognition makes of it."""
_BEFORE: Final = re.compile(
    r"^(?:(?:and(?!(?: [\w-]+){1,3} (?:second|minute|hour)s?$)|then|also|so|well|hey|hi|hello|ok|okay|alright"
    r"|yes|please|kindly|just|um+|uh+|er+)\b[\s,.]*"
    r"|(?:actually|sorry|thanks|thank you|great)\b[\s,.]*"
    r"|(?:ask|asked|as|us|tell|have|let|get)(?: (?:the|that|your|my|a|an))? (?:background )?"
    rf"{_AGENT}\b"
    r"(?: (?:to|for|about|if|whether)\b)?[\s,:]*"
    r"|(?:can|could|would|will) (?:you|we|i)\b(?: please)?\s*(?:have the agent\s*)?"
    r"|i(?:'d| would) like (?:you )?(?:to )?(?:know )?"
    r"|i (?:want|need|wish) (?:you )?to (?:know )?"
    r"|(?:do you know|let me know|tell me|find out|figure out|work out|look up|check|say)\b"
    r"\s*(?:(?:for me|if|whether)\b)?[\s,:]*)",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(
    r"[\s,]*(?:\b(?:please|thanks|thank you|for me|right now|at the moment|then|too|again)"
    rf"|\b(?:ask|asked|as|us|tell) (?:the|that|your|my|an?) (?:background )?{_AGENT})$",
    re.IGNORECASE,
)


_WHAT_MISHEARD: Final = re.compile(
    r"^(?:one|once|won|watts|let's say|but what|what his) (?=(?:is|are)\b)", re.IGNORECASE
)
"""How "what" comes out of speech recognition."""


def wishes(request: str) -> list[str]:
    """The wishes in a request, in order, in their own spelling; polite filler alone is none.

    Only the first ``MAX_CHARS`` characters are read.
    """
    text = _ROLE.sub("", _ASSISTANT_LINE.sub("", request[:MAX_CHARS]))
    text = text.replace("\u2019", "'").replace("\u2018", "'")
    parts = [part for sentence in _SENTENCE.split(text) for part in _AND.split(sentence)]
    cleaned = [_WHAT_MISHEARD.sub("what ", clean(part)) for part in parts]
    return [wish for wish in cleaned if wish]


def clean(text: str) -> str:
    """One wish without filler before and after."""
    text = " ".join(text.split()).strip(' ,.:"')
    while True:
        shorter = _AFTER.sub("", _BEFORE.sub("", text)).strip(' ,.:"')
        if shorter == text:
            return text
        text = shorter
