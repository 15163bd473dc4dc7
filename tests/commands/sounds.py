"""Sound as files and as the gateway sends it."""

from __future__ import annotations

import base64
import wave
from pathlib import Path

from realtime.protocol.json import JsonObject

TONE = bytes(range(256))


def wav(
    path: Path, *, rate: int = 16_000, channels: int = 1, width: int = 2, samples: int = 1600, fill: bytes = TONE
) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setframerate(rate)
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.writeframes(fill * (samples * channels * width // len(fill) + 1))
    return path


def chunk(ms: int, *, item_id: str = "item_1", fill: int = 1) -> JsonObject:
    pcm = bytes([fill, 0]) * (24 * ms)
    return {"data": base64.b64encode(pcm).decode(), "sampleRate": 24_000, "numChannels": 1, "itemId": item_id}
