"""The microphone's door: audio of the session's own format passes undecoded, other formats are converted."""

from __future__ import annotations

import base64

import numpy as np

from realtime.errors import InvalidRequest
from realtime.protocol.appserver import AudioParams
from realtime.protocol.audio import SAMPLE_RATE, base64_length, is_base64
from transports.audio import Resampler, downmix


class Intake:
    """Converts one client's stream; a change of format begins a new stream."""

    def __init__(self) -> None:
        self._format: tuple[int, int] | None = None
        self._resampler: Resampler | None = None

    def accept(self, audio: AudioParams) -> tuple[str, float]:
        """Base64 of 24 kHz mono PCM16, and its duration in ms; raises ``InvalidRequest``.

        The session's own format is checked for alphabet and padding and nothing else.
        """
        if not is_base64(audio.data):
            raise InvalidRequest("Invalid request: invalid value: `audio.data` is not base64", field="audio.data")
        if audio.sample_rate == SAMPLE_RATE and audio.num_channels == 1:
            return audio.data, base64_length(audio.data) * 1000 / (2 * SAMPLE_RATE)
        pcm = self._convert(base64.b64decode(audio.data), audio.sample_rate, audio.num_channels)
        return base64.b64encode(pcm).decode(), len(pcm) * 1000 / (2 * SAMPLE_RATE)

    def _convert(self, raw: bytes, rate: int, channels: int) -> bytes:
        if len(raw) % (2 * channels):
            raise InvalidRequest(
                f"Invalid request: invalid value: {len(raw)} bytes are no whole frames of {channels} channels",
                field="audio.data",
            )
        if self._format != (rate, channels) or self._resampler is None:
            self._format = (rate, channels)
            self._resampler = Resampler(rate, SAMPLE_RATE)
        mono = downmix(np.frombuffer(raw, dtype="<i2"), channels)
        return self._resampler.push(mono).astype("<i2").tobytes()
