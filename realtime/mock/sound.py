"""Audio as events carry it."""

from __future__ import annotations

import base64

from realtime.mock.schema import wrong_value

MAX_AUDIO_BYTES = 15 * 1024 * 1024
"""What one event may hold."""


def decode_audio(audio: str, path: str) -> bytes:
    """Base64 to bytes; raises ``Refused`` that names ``path``."""
    try:
        pcm = base64.b64decode(audio, validate=True)
    except ValueError:
        raise wrong_value(path, f"Invalid '{path}'. Expected base64-encoded audio bytes (mono PCM16).") from None
    if len(pcm) > MAX_AUDIO_BYTES:
        message = f"Invalid '{path}': {len(pcm)} bytes of audio in one event, at most {MAX_AUDIO_BYTES} are allowed."
        raise wrong_value(path, message)
    return pcm
