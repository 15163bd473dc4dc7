"""Blots the upstream key out of what the upstream says, in the forms in which a server may say it."""

from __future__ import annotations

import base64
import re
from urllib.parse import quote, quote_plus

from realtime.protocol import json

REDACTED = "[redacted]"
SECRET_CHARS = 16
"""A shorter key is a placeholder (``none``, ``test``): blotting it out would blot out words of the talk."""
_SOUND = re.compile(r'\s*\{\s*"type"\s*:\s*"response\.(?:output_)?audio\.delta"')


class Blotter:
    """For one key, or for none."""

    def __init__(self, key: str | None) -> None:
        self._key = key if key and len(key) >= SECRET_CHARS else None
        self._forms = _forms(self._key) if self._key is not None else ()

    def blot(self, text: str | bytes) -> str | bytes:
        """The message without the key; bytes that are text become text.

        JSON may write any character as an escape: a message with a backslash is written anew first. Audio,
        which is long, frequent and checked to be nothing else, is looked through for the key as it is.
        """
        if self._key is None:
            return text
        if isinstance(text, bytes):
            try:
                text = text.decode()
            except UnicodeDecodeError:
                return text
        if "\\" in text:
            text = _plain(text)
        if self._key in text:
            text = text.replace(self._key, REDACTED)
        if len(text) > 1000 and _SOUND.match(text):
            return text
        for form in self._forms:
            if form in text:
                text = text.replace(form, REDACTED)
        return text


def _plain(text: str) -> str:
    """The same JSON with no escape but those that must be; what is no JSON stays."""
    try:
        return json.encode(json.decode_object(text))
    except ValueError:
        return text


def _forms(key: str) -> tuple[str, ...]:
    """Encoded, and in halves, as a message that was cut short holds it."""
    half = len(key) // 2
    quoted = [quote(key, safe=""), quote_plus(key), "".join(f"%{byte:02X}" for byte in key.encode())]
    numbers = [key.encode().hex(), key.encode().hex().upper()]
    return tuple(dict.fromkeys([*quoted, *numbers, *_base64(key.encode()), key[:half], key[half:]]))


def _base64(raw: bytes) -> list[str]:
    """What base64 of any text around the key holds of it, by where in a group of three bytes it begins."""
    found = []
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + raw).rstrip(b"=").decode()
        inner = whole[(0, 2, 3)[shift] : len(whole) - 1]
        found += [inner, inner.replace("+", "-").replace("/", "_")]
    return found
