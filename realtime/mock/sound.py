"""Audio as events carry it: base64 in one of three formats."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from realtime.mock.schema import wrong_value
from realtime.mock.speech.contracts import SAMPLE_RATE
from realtime.mock.speech.g711 import A_LAW, MU_LAW, Law
from transports.audio import Resampler, Samples

MAX_AUDIO_BYTES = 15 * 1024 * 1024
"""What one event may hold."""
_LAW_RATE = 8_000


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """A format of the wire. Inside, all sound is PCM16 at 24 kHz, as ``speech.contracts`` has it."""

    name: str
    bytes_per_ms: int
    law: Law | None = None

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return 2 if self.law is None else 1

    def duration_ms(self, data: bytes | bytearray) -> int:
        """Whole milliseconds of it."""
        return len(data) // self.bytes_per_ms

    def to_pcm(self, data: bytes) -> bytes:
        """A whole utterance from the wire."""
        if self.law is None:
            return data
        return _resampled(self.law.decode(data), _LAW_RATE, SAMPLE_RATE).tobytes()

    def from_pcm(self, pcm: bytes) -> bytes:
        """A whole utterance for the wire; its duration stays to the sample."""
        if self.law is None:
            return pcm
        return self.law.encode(_resampled(np.frombuffer(pcm, "<i2"), SAMPLE_RATE, _LAW_RATE))

    def loudness(self, data: bytes) -> bytes:
        """A piece of a stream, for voice detection: as loud and as long, however the stream is cut."""
        if self.law is None:
            return data
        return np.repeat(self.law.decode(data), SAMPLE_RATE // _LAW_RATE).tobytes()


PCM = AudioFormat("audio/pcm", SAMPLE_RATE * 2 // 1000)
FORMATS: Mapping[str, AudioFormat] = {
    each.name: each for each in (PCM, AudioFormat("audio/pcmu", 8, MU_LAW), AudioFormat("audio/pcma", 8, A_LAW))
}


def decode_audio(audio: str, path: str) -> bytes:
    """Base64 to bytes; raises ``Refused`` that names ``path``."""
    try:
        data = binascii.a2b_base64(audio.encode("ascii"), strict_mode=True)
    except ValueError:
        raise wrong_value(path, f"Invalid '{path}'. Expected base64-encoded audio bytes (mono PCM16).") from None
    if len(data) > MAX_AUDIO_BYTES:
        message = f"Invalid '{path}': {len(data)} bytes of audio in one event, at most {MAX_AUDIO_BYTES} are allowed."
        raise wrong_value(path, message)
    return data


def _resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    resampler = Resampler(rate, wanted)
    return np.concatenate((resampler.push(samples), resampler.flush()))
