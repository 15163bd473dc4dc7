"""A room without echo cancellation: what the model says comes back by the microphone."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

import numpy as np

from realtime.mock.ears import Ears
from realtime.mock.sound import AudioFormat
from realtime.protocol.json import JsonObject

_HEARD_MS = 800
"""So much of the first answer is heard before it is broken off."""


class Echo:
    """Gives the beginning of the first spoken answer to the ears, once, a quarter as loud."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self._words = ""
        self._sound = bytearray()
        self._over = False

    def follow(self, event: JsonObject, sound_format: AudioFormat) -> Iterator[JsonObject]:
        """See what the model says; returns what the ears make of it."""
        if self._over:
            return
        if event["type"] == "response.output_audio_transcript.delta":
            self._words += event["delta"]
        elif event["type"] == "response.output_audio.delta":
            self._sound += base64.b64decode(event["delta"])
            if sound_format.duration_ms(self._sound) >= _HEARD_MS:
                self._over = True
                yield from self._come_back(sound_format.to_pcm(bytes(self._sound)))

    def _come_back(self, pcm: bytes) -> Iterable[JsonObject]:
        softer = (np.frombuffer(pcm, "<i2") // 4).astype("<i2").tobytes()
        return self._ears.overhear(softer, self._words.strip())
