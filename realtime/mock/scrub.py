"""Keys out of recordings."""

from __future__ import annotations

import re

REMOVED = "***"
_KEYS = re.compile(r"\b(?:sk-|ek_|Bearer )[A-Za-z0-9_.\-]{4,}")
_MEMBERS = re.compile(r'("(?:authorization|api[_-]?key|client_secret)"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)


def scrubbed(text: str, secret: str | None = None) -> str:
    """The text without what looks like a key, without members that hold one, and without ``secret``."""
    if secret:
        text = text.replace(secret, REMOVED)
    return _MEMBERS.sub(rf'\1"{REMOVED}"', _KEYS.sub(REMOVED, text))
