"""The input audio buffer: what arrives, what is speech in it, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.mock.refusal import Refused
from realtime.mock.session import TurnDetection
from realtime.mock.sound import decode_audio
from realtime.mock.speech.contracts import BYTES_PER_MS, Voice, VoiceDetector

_LEAST_COMMIT_MS = 100
_KEPT_SILENCE_MS = 30_000
_SLICE = 100 * BYTES_PER_MS
"""A turn ends within this much audio after its end was found, however long one append is."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Someone speaks; the audio of the turn begins at ``audio_start_ms``, padding included."""

    audio_start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The speech ended at ``audio_end_ms``; ``pcm`` is the audio of the turn."""

    audio_end_ms: int
    pcm: bytes


class InputBuffer:
    """Audio since the last commit. Offsets count all audio written since the session began."""

    def __init__(self, detector: VoiceDetector) -> None:
        self._detector = detector
        self._detection: TurnDetection | None = None
        self._pcm = bytearray()
        self._origin = 0
        """Bytes of the session that lie before the buffer."""
        self._fed = 0
        self._start_ms: int | None = None

    @property
    def speaking(self) -> bool:
        """True between speech_started and the commit that ends it."""
        return self._start_ms is not None

    @property
    def audio_ms(self) -> int:
        """Length of what is buffered."""
        return len(self._pcm) // BYTES_PER_MS

    def configure(self, detection: TurnDetection | None) -> None:
        """Take over the session's turn detection; None ends it, together with a turn that it began."""
        if detection is None or self._detection is None:
            self._start_ms = None
            self._detector.reset()
        self._detection = detection
        if detection is not None:
            self._detector.configure(threshold=detection.threshold, silence_ms=detection.silence_ms)

    def append(self, audio: str) -> list[SpeechStarted | SpeechStopped]:
        """Take base64 of PCM16; returns what the voice detection found in it."""
        self._pcm += decode_audio(audio, "audio")
        found: list[SpeechStarted | SpeechStopped] = []
        while (size := min(_SLICE, (self._written - self._fed) // 2 * 2)) > 0:
            start = self._fed - self._origin
            self._fed += size
            for change in self._detector.feed(bytes(self._pcm[start : start + size])):
                found += self._follow(change)
        if self._detection is not None and self._start_ms is None:
            self._forget(self._fed - _KEPT_SILENCE_MS * BYTES_PER_MS)
        return found

    def commit(self) -> bytes:
        """Hand over everything; raises ``Refused`` when that is too little."""
        if self.audio_ms < _LEAST_COMMIT_MS:
            raise Refused(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{_LEAST_COMMIT_MS}ms of audio, but buffer only has {len(self._pcm) / BYTES_PER_MS:.2f}ms of audio.",
            )
        start = 0 if self._start_ms is None else self._start_ms * BYTES_PER_MS - self._origin
        pcm = bytes(self._pcm[start:])
        self.clear()
        return pcm

    def clear(self) -> None:
        """Forget what is buffered, and that someone is speaking."""
        self._forget(self._written)
        self._start_ms = None
        self._detector.reset()

    @property
    def _written(self) -> int:
        return self._origin + len(self._pcm)

    def _follow(self, change: Voice) -> list[SpeechStarted | SpeechStopped]:
        if self._detection is None:
            return []
        if change.change == "started":
            first_ms = -(-self._origin // BYTES_PER_MS)
            self._start_ms = max(first_ms, change.at_ms - self._detection.prefix_ms)
            return [SpeechStarted(self._start_ms)]
        if self._start_ms is None:
            return []
        pcm = bytes(self._pcm[self._start_ms * BYTES_PER_MS - self._origin : self._fed - self._origin])
        self._start_ms = None
        self._forget(self._fed)
        return [SpeechStopped(change.at_ms, pcm)]

    def _forget(self, until: int) -> None:
        """Drop the bytes of the session before ``until``."""
        count = max(0, min(until - self._origin, len(self._pcm)))
        del self._pcm[:count]
        self._origin += count
        self._fed = max(self._fed, self._origin)
