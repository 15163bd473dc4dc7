"""What a session hears: the input buffer, turns by voice or by hand, long silence, and transcripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from realtime.mock.buffer import InputBuffer, SpeechStarted, SpeechStopped
from realtime.mock.configuration import TurnDetection
from realtime.mock.item import UNKNOWN, Item
from realtime.mock.sound import PCM
from realtime.mock.speech.contracts import BYTES_PER_MS, Heard, Unheard
from realtime.mock.state import SessionState
from realtime.mock.transcription import Transcription
from realtime.protocol.json import JsonObject

_STREAM_MS = 100
"""Engines outside are given a turn's sound in pieces no shorter."""
_CALM_MS = 100
"""Beyond the silence that ends a turn, for frames that are cut."""


class Ears:
    """Takes audio and says what comes of it. ``reply_wanted`` is set by turns that ask for an answer."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._buffer = InputBuffer(state.speech.detector)
        self._detection: TurnDetection | None = None
        self._turn_id: str | None = None
        self._streamed = 0
        """Bytes of the turn that engines outside have been given already."""
        self._own_words: str | None = None
        self._idle_from: float | None = None
        self._quiet_since_ms = 0
        self.reply_wanted = False
        self.interrupted = False
        """Set when speech began that ends the answer of the moment."""
        self.configure()

    @property
    def audio_ms(self) -> int:
        """Length of what is buffered."""
        return self._buffer.audio_ms

    @property
    def speaking(self) -> bool:
        """True within a turn that voice detection found."""
        return self._buffer.speaking

    @property
    def deadline(self) -> float | None:
        """When silence has lasted too long."""
        idle_ms = self._idle_ms
        return None if self._idle_from is None or idle_ms is None else self._idle_from + idle_ms / 1000

    def configure(self) -> None:
        """Take over what the session's configuration says."""
        detection = self._state.configuration.turn_detection
        threshold = self._state.settings.threshold
        if detection is not None and threshold is not None:
            detection = replace(detection, threshold=threshold)
        self._detection = detection
        if not self._answered:  # nor is silence
            self.awake()
        speaking, sound_format = self._buffer.speaking, self._buffer.format
        self._buffer.configure(detection, self._state.configuration.input_format)
        if speaking and not (self._buffer.speaking and self._buffer.format is sound_format):
            self._unheard()

    def append(self, event: JsonObject) -> Iterable[JsonObject]:
        """Take sound."""
        return self._found(self._buffer.append(event["audio"]))

    def _found(self, found: list[SpeechStarted | SpeechStopped]) -> Iterable[JsonObject]:
        if found:
            return self._turns(found)
        if self._buffer.speaking:
            self._stream()
        return ()

    def _turns(self, found: list[SpeechStarted | SpeechStopped]) -> Iterator[JsonObject]:
        for change in found:
            if isinstance(change, SpeechStarted):
                yield from self._started(change.audio_start_ms)
            else:
                stopped = {"item_id": self._turn(), "audio_end_ms": change.audio_end_ms}
                yield {"type": "input_audio_buffer.speech_stopped", **stopped}
                yield from self._committed(change.sound)
                detection = self._detection
                self.reply_wanted |= detection is not None and detection.create_response and self._answered
        if self._buffer.speaking:
            self._stream()

    def hear(self, pcm: bytes) -> Iterable[JsonObject]:
        """Take sound that never ends, as a call's: what nobody commits is forgotten at last."""
        sound = self._buffer.format.from_pcm(pcm)
        self._buffer.make_room(len(sound))
        return self._found(self._buffer.write(sound))

    def overhear(self, pcm: bytes, words: str) -> Iterable[JsonObject]:
        """Take for a spoken turn what the model said itself."""
        if self._detection is None or self._buffer.speaking:
            return
        quiet = bytes((self._detection.silence_ms + _CALM_MS) * BYTES_PER_MS)
        for piece in (pcm, quiet):
            for change in self._buffer.write(self._buffer.format.from_pcm(piece)):
                self._own_words = words
                yield from self._turns([change])
        self._own_words = None

    def commit(self, event: JsonObject) -> Iterator[JsonObject]:
        """Make an item of what is buffered."""
        del event
        yield from self._committed(self._buffer.commit())

    def clear(self, event: JsonObject) -> Iterator[JsonObject]:
        """Forget what is buffered."""
        del event
        self._buffer.clear()
        self._unheard()
        self._turn_id = None
        yield {"type": "input_audio_buffer.cleared"}

    def told(self, report: Heard | Unheard) -> Iterator[JsonObject]:
        """Take what engines outside have understood."""
        words = self._state.hearings.told(report)
        if words and self._state.configuration.transcribes:
            yield self._transcription().delta(report.turn, words)

    def awake(self) -> None:
        """Something goes on: silence does not count."""
        self._idle_from = None

    def rest(self, played: float) -> None:
        """An answer has ended and will have been heard at ``played``: from then on silence counts."""
        if not self._buffer.speaking and self._answered:
            self._idle_from = played
            self._quiet_since_ms = self._buffer.written_ms

    def idle(self) -> Iterator[JsonObject]:
        """Silence has lasted too long, if it has: it becomes an item, and is to be answered."""
        deadline, idle_ms = self.deadline, self._idle_ms
        if deadline is None or idle_ms is None or self._state.now < deadline:
            return
        self._idle_from = None
        end_ms = self._buffer.written_ms
        # What came while the answer was still being heard is not the silence that was timed.
        start_ms = min(max(self._quiet_since_ms, end_ms - idle_ms), end_ms)
        span = {"audio_start_ms": start_ms, "audio_end_ms": end_ms}
        yield {"type": "input_audio_buffer.timeout_triggered", "item_id": self._turn(), **span}
        yield from self._committed(self._buffer.take(start_ms), silent=True)
        self.reply_wanted = True

    @property
    def _idle_ms(self) -> int | None:
        return self._detection.idle_ms if self._detection is not None else None

    @property
    def _answered(self) -> bool:
        return self._state.configuration.kind != "transcription"

    def _started(self, audio_start_ms: int) -> Iterator[JsonObject]:
        self.awake()
        detection = self._detection
        self.interrupted = detection is not None and detection.interrupt_response
        started = {"item_id": self._turn(), "audio_start_ms": audio_start_ms}
        yield {"type": "input_audio_buffer.speech_started", **started}

    def _stream(self) -> None:
        """Let engines outside listen while the person still speaks."""
        state = self._state
        inside = state.speech.recognizer is not None or self._own_words is not None
        if inside or state.settings.deaf or self._buffer.format is not PCM:
            return
        sound = self._buffer.turn(self._streamed)
        if len(sound) >= _STREAM_MS * PCM.bytes_per_ms:
            self._streamed += len(sound)
            state.hearings.hear(self._turn(), sound, last=False)

    def _unheard(self) -> None:
        """What was streamed of a turn is none, or begins anew."""
        if self._streamed and self._turn_id is not None:
            self._state.hearings.forget(self._turn_id)
        self._streamed = 0

    def _turn(self) -> str:
        """The id of the spoken item to come."""
        self._turn_id = self._turn_id or self._state.ids.new("item")
        return self._turn_id

    def _committed(self, sound: bytes, *, silent: bool = False) -> Iterator[JsonObject]:
        state = self._state
        body = {"id": self._turn(), "object": "realtime.item", "status": "completed", "type": "message", "role": "user"}
        content = [{"type": "input_audio", "transcript": UNKNOWN}]
        item = Item({**body, "content": content}, {0: bytearray(sound)}, state.configuration.input_format)
        if self._own_words is not None:
            item.heard = self._own_words
        elif self._streamed:
            item.hearing = state.hearings.hear(item.id, sound[self._streamed :], last=True)
        elif not silent:
            state.listen(item)
        self._turn_id, self._streamed = None, 0
        previous = state.conversation.last_id
        state.conversation.add(item)
        yield {"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item.id}
        yield state.conversation.added(item)
        yield state.conversation.done(item)
        if state.configuration.transcribes:
            state.timeline.start(self._transcription().perform(state.conversation, item), state.now)

    def _transcription(self) -> Transcription:
        settings, logprobs = self._state.settings, self._state.configuration.logprobs
        return Transcription(settings.transcription_delay_s, settings.transcription_fails, logprobs)
