"""The input audio buffer: what arrives, what is speech in it, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.mock.configuration import TurnDetection
from realtime.mock.refusal import Refused
from realtime.mock.schema import wrong_value
from realtime.mock.sound import PCM, AudioFormat, decode_audio
from realtime.mock.speech.contracts import Voice, VoiceDetector

_LEAST_COMMIT_MS = 100
_KEPT_SILENCE_MS = 30_000
MOST_MS = 30 * 60 * 1000
"""What the buffer holds at most."""
_SLICE_MS = 100
"""A turn ends within this much audio after its end was found, however long one append is."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Someone speaks; the audio of the turn begins at ``audio_start_ms``, padding included."""

    audio_start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The speech ended at ``audio_end_ms``; ``sound`` is the audio of the turn, in the buffer's format."""

    audio_end_ms: int
    sound: bytes


class InputBuffer:
    """Audio since the last commit. Offsets count all audio written since the session began."""

    def __init__(self, detector: VoiceDetector) -> None:
        self._detector = detector
        self._detection: TurnDetection | None = None
        self.format: AudioFormat = PCM
        self._sound = bytearray()
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
        return self.format.duration_ms(self._sound)

    @property
    def written_ms(self) -> int:
        """Length of all audio of the session."""
        return self._written // self.format.bytes_per_ms

    def configure(self, detection: TurnDetection | None, sound_format: AudioFormat) -> None:
        """Take over the session's format and turn detection; None ends a turn that detection began."""
        if sound_format is not self.format:
            self._reformat(sound_format)
        if detection is None or self._detection is None:
            self._start_ms = None
            self._detector.reset()
        self._detection = detection
        if detection is not None:
            self._detector.configure(threshold=detection.threshold, silence_ms=detection.silence_ms)

    def append(self, audio: str) -> list[SpeechStarted | SpeechStopped]:
        """Take base64 of the format; returns what the voice detection found in it."""
        return self.write(decode_audio(audio, "audio"))

    def write(self, data: bytes) -> list[SpeechStarted | SpeechStopped]:
        """Take sound of the format; returns what the voice detection found in it."""
        scale, size = self.format.bytes_per_ms, len(self._sound)
        behind = self._origin + size - self._fed
        if size + len(data) > MOST_MS * scale:
            message = f"Invalid 'audio': the input audio buffer holds {MOST_MS // 60_000} minutes and is full."
            raise wrong_value("audio", message)
        self._sound += data
        if behind or len(data) > _SLICE_MS * scale or len(data) % self.format.sample_bytes:
            found = self._feed_slices()
        else:  # the common case: nothing to cut out
            found = self._feed(data)
        if size + len(data) > _KEPT_SILENCE_MS * scale and self._detection is not None and self._start_ms is None:
            self._forget(self._fed - _KEPT_SILENCE_MS * scale)
        return found

    def make_room(self, size: int) -> None:
        """Forget the oldest sound where so many bytes more would not go in."""
        self._forget(self._written + size - MOST_MS * self.format.bytes_per_ms)

    def commit(self) -> bytes:
        """Hand over everything; raises ``Refused`` when that is too little."""
        if self.audio_ms < _LEAST_COMMIT_MS:
            raise Refused(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{_LEAST_COMMIT_MS}ms of audio, but buffer only has "
                f"{len(self._sound) / self.format.bytes_per_ms:.2f}ms of audio.",
            )
        return self.take(self._start_ms)

    def take(self, start_ms: int | None = None) -> bytes:
        """Hand over what is there from ``start_ms`` on, however little: whole samples."""
        self._end_whole()
        start = 0 if start_ms is None else start_ms * self.format.bytes_per_ms - self._origin
        sound = bytes(self._sound[max(0, start) :])
        self.clear()
        return sound

    def turn(self, skip: int) -> bytes:
        """The audio so far of the turn that is being spoken, without its first ``skip`` bytes."""
        if self._start_ms is None:
            return b""
        start = self._start_ms * self.format.bytes_per_ms - self._origin + skip
        return bytes(self._sound[start : self._fed - self._origin])

    def clear(self) -> None:
        """Forget what is buffered, and that someone is speaking."""
        self._end_whole()
        self._forget(self._written)
        self._start_ms = None
        self._detector.reset()

    def _end_whole(self) -> None:
        """What comes next begins with a sample of its own: half of one is never completed."""
        torn = len(self._sound) % self.format.sample_bytes
        if torn:
            del self._sound[-torn:]

    @property
    def _written(self) -> int:
        return self._origin + len(self._sound)

    def _feed_slices(self) -> list[SpeechStarted | SpeechStopped]:
        """Have the detector hear all whole samples that it has not heard."""
        found: list[SpeechStarted | SpeechStopped] = []
        sample = self.format.sample_bytes
        while (size := min(_SLICE_MS * self.format.bytes_per_ms, (self._written - self._fed) // sample * sample)) > 0:
            start = self._fed - self._origin
            found += self._feed(bytes(self._sound[start : start + size]))
        return found

    def _feed(self, data: bytes) -> list[SpeechStarted | SpeechStopped]:
        """Have the detector hear what comes next."""
        self._fed += len(data)
        changes = self._detector.feed(self.format.loudness(data))
        return [told for change in changes for told in self._follow(change)] if changes else []

    def _reformat(self, wanted: AudioFormat) -> None:
        """What is buffered is turned into the new format; offsets go on in milliseconds."""
        old, self.format = self.format, wanted
        whole = len(self._sound) // old.sample_bytes * old.sample_bytes
        self._sound = bytearray(wanted.from_pcm(old.to_pcm(bytes(self._sound[:whole]))))
        self._origin = self._origin // old.bytes_per_ms * wanted.bytes_per_ms
        self._fed = self._written

    def _follow(self, change: Voice) -> list[SpeechStarted | SpeechStopped]:
        if self._detection is None:
            return []
        scale = self.format.bytes_per_ms
        if change.change == "started":
            first_ms = -(-self._origin // scale)
            self._start_ms = max(first_ms, change.at_ms - self._detection.prefix_ms)
            return [SpeechStarted(self._start_ms)]
        if self._start_ms is None:
            return []
        sound = bytes(self._sound[self._start_ms * scale - self._origin : self._fed - self._origin])
        self._start_ms = None
        self._forget(self._fed)
        return [SpeechStopped(change.at_ms, sound)]

    def _forget(self, until: int) -> None:
        """Drop the bytes of the session before ``until``."""
        count = min(until - self._origin, len(self._sound))
        if count <= 0:
            return
        del self._sound[:count]
        self._origin += count
        self._fed = max(self._fed, self._origin)
