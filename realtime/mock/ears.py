"""What a session hears: the input buffer, turns by voice or by hand, long silence, and transcripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from realtime.mock.buffer import InputBuffer, SpeechStarted
from realtime.mock.item import Item
from realtime.mock.state import SessionState
from realtime.mock.transcription import Transcription
from realtime.protocol.json import JsonObject


class Ears:
    """Takes audio and says what comes of it. ``reply_wanted`` is set by turns that ask for an answer."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._buffer = InputBuffer(state.speech.detector)
        self._turn_id: str | None = None
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
        if self._idle_from is None:
            return None
        detection = self._state.configuration.turn_detection
        if detection is None or detection.idle_ms is None:
            return None
        return self._idle_from + detection.idle_ms / 1000

    def configure(self) -> None:
        """Take over what the session's configuration says."""
        detection = self._state.configuration.turn_detection
        threshold = self._state.settings.threshold
        if detection is not None and threshold is not None:
            detection = replace(detection, threshold=threshold)
        self._buffer.configure(detection, self._state.configuration.input_format)

    def append(self, event: JsonObject) -> Iterator[JsonObject]:
        """Take sound."""
        for change in self._buffer.append(event["audio"]):
            if isinstance(change, SpeechStarted):
                yield from self._started(change.audio_start_ms)
            else:
                stopped = {"item_id": self._turn(), "audio_end_ms": change.audio_end_ms}
                yield {"type": "input_audio_buffer.speech_stopped", **stopped}
                yield from self._committed(change.sound)
                detection = self._state.configuration.turn_detection
                self.reply_wanted |= detection is not None and detection.create_response and self._answered

    def commit(self, event: JsonObject) -> Iterator[JsonObject]:
        """Make an item of what is buffered."""
        del event
        yield from self._committed(self._buffer.commit())

    def clear(self, event: JsonObject) -> Iterator[JsonObject]:
        """Forget what is buffered."""
        del event
        self._buffer.clear()
        self._turn_id = None
        yield {"type": "input_audio_buffer.cleared"}

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
        deadline = self.deadline
        if deadline is None or self._state.now < deadline:
            return
        self._idle_from = None
        end_ms = self._buffer.written_ms
        span = {"audio_start_ms": min(self._quiet_since_ms, end_ms), "audio_end_ms": end_ms}
        yield {"type": "input_audio_buffer.timeout_triggered", "item_id": self._turn(), **span}
        yield from self._committed(self._buffer.take(), silent=True)
        self.reply_wanted = True

    @property
    def _answered(self) -> bool:
        return self._state.configuration.kind != "transcription"

    def _started(self, audio_start_ms: int) -> Iterator[JsonObject]:
        self.awake()
        detection = self._state.configuration.turn_detection
        self.interrupted = detection is not None and detection.interrupt_response
        started = {"item_id": self._turn(), "audio_start_ms": audio_start_ms}
        yield {"type": "input_audio_buffer.speech_started", **started}

    def _turn(self) -> str:
        """The id of the spoken item to come."""
        self._turn_id = self._turn_id or self._state.ids.new("item")
        return self._turn_id

    def _committed(self, sound: bytes, *, silent: bool = False) -> Iterator[JsonObject]:
        state = self._state
        body = {"id": self._turn(), "object": "realtime.item", "status": "completed", "type": "message", "role": "user"}
        content = [{"type": "input_audio", "transcript": None}]
        item = Item({**body, "content": content}, {0: bytearray(sound)}, state.configuration.input_format)
        self._turn_id = None
        if not silent:
            state.listen(item)
        previous = state.conversation.last_id
        state.conversation.add(item)
        yield {"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item.id}
        yield state.conversation.added(item)
        yield state.conversation.done(item)
        if state.configuration.transcribes:
            settings, logprobs = state.settings, state.configuration.logprobs
            transcription = Transcription(settings.transcription_delay_s, settings.transcription_fails, logprobs)
            state.timeline.start(transcription.perform(state.conversation, item), state.now)
