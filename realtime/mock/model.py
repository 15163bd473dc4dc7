"""The voice model: a session of the Realtime API with its real rules, without I/O.

Law: events come in by ``receive``, time by ``now`` and ``tick``; what is to be sent is returned, in order.
The same script, seed, events and times give the same answers. After ``Close`` nothing more is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from realtime.mock.buffer import InputBuffer, SpeechStarted
from realtime.mock.conversation import Conversation, Item, age, new_item, truncate
from realtime.mock.ids import Ids
from realtime.mock.plan import Plan, plan
from realtime.mock.refusal import Refused, error_event
from realtime.mock.reply import Script
from realtime.mock.response import Response, Stage
from realtime.mock.schema import wrong_value
from realtime.mock.session import Configuration
from realtime.mock.shapes import CLIENT_EVENT, ITEM
from realtime.mock.speech.contracts import Speech
from realtime.mock.speech.energy import EnergyDetector
from realtime.mock.speech.heard import HeardLines
from realtime.mock.speech.tone import ToneVoice
from realtime.mock.timeline import Timeline
from realtime.mock.tokens import input_usage
from realtime.mock.transcription import transcribe
from realtime.protocol.json import JsonObject


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How a model behaves. Times in seconds of the clock that is passed in.

    ``think_s`` pass before a response's first output, ``pace_s`` between its deltas of 200 ms each.
    """

    model: str = "gpt-realtime"
    session_limit_s: float = 3600.0
    think_s: float = 0.02
    pace_s: float = 0.03
    transcription_delay_s: float = 0.05
    transcription_fails: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """The model ends the connection with this code of RFC 6455."""

    code: int
    reason: str


Effect = JsonObject | Close
"""What the model wants done: send this event, or close."""


def tones() -> Speech:
    """Ears and mouth that need nothing: loudness, scripted hearing, tones."""
    return Speech(EnergyDetector(), HeardLines(), ToneVoice())


class MockModel:
    """One session. ``now`` is a clock that never runs back; its zero is where ``expires_at`` counts from."""

    def __init__(
        self, script: Script, *, seed: str, settings: ModelSettings | None = None, speech: Speech | None = None
    ) -> None:
        self._script = script
        self._settings = settings or ModelSettings()
        self._speech = speech or tones()
        self._ids = Ids(seed)
        self.session_id = self._ids.new("sess")
        self._configuration = Configuration(self.session_id, self._settings.model, 0)
        self._conversation = Conversation()
        self._stage = Stage(
            ids=self._ids,
            conversation=self._conversation,
            conversation_id=self._ids.new("conv"),
            synthesizer=self._speech.synthesizer,
            think_s=self._settings.think_s,
            pace_s=self._settings.pace_s,
        )
        self._buffer = InputBuffer(self._speech.detector)
        self._buffer.configure(self._configuration.turn_detection)
        self._timeline = Timeline()
        self._responses: list[Response] = []
        self._reply_wanted = False
        self._turn_id: str | None = None
        self._now = 0.0
        self._expires: float | None = None
        self._closed = False
        self._handlers: dict[str, Callable[[JsonObject], Iterable[JsonObject]]] = {
            "session.update": self._update_session,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.truncate": self._truncate_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    @property
    def deadline(self) -> float | None:
        """When ``tick`` wants to be called; None after the end."""
        if self._closed or self._expires is None:
            return None
        return min(self._expires, self._timeline.deadline or self._expires)

    @property
    def closed(self) -> bool:
        """True once ``Close`` was returned."""
        return self._closed

    def opened(self, now: float) -> list[Effect]:
        """The client is there: the session begins."""
        self._now = now
        self._expires = now + self._settings.session_limit_s
        self._configuration = Configuration(self.session_id, self._settings.model, int(self._expires))
        return self._numbered([{"type": "session.created", "session": self._configuration.values}])

    def receive(self, event: JsonObject, now: float) -> list[Effect]:
        """Take a client's event. What is wrong with it is answered, never raised."""
        effects = self.tick(now)
        if self._closed:
            return effects
        event_id = event.get("event_id")
        try:
            CLIENT_EVENT(event, "")
            effects += self._numbered(self._handlers[event["type"]](event))
        except Refused as refused:
            effects += self._numbered([refused.event(event_id if isinstance(event_id, str) else None)])
        return effects + self._perform()

    def misread(self, reason: str, now: float) -> list[Effect]:
        """Take a message that is no event."""
        return self.tick(now) + ([] if self._closed else self._numbered([error_event("invalid_json", reason)]))

    def tick(self, now: float) -> list[Effect]:
        """Let time pass."""
        if self._closed:
            return []
        self._now = max(self._now, now)
        effects = self._perform()
        return effects + self.expire() if self._expires is not None and now >= self._expires else effects

    def expire(self) -> list[Effect]:
        """The session's time is over, now."""
        minutes = self._settings.session_limit_s / 60
        message = f"Your session hit the maximum duration of {minutes:g} minutes."
        effects = self._numbered([error_event("session_expired", message)])
        self._closed = True
        return [*effects, Close(1001, "session expired")]

    def push(self, event: JsonObject) -> JsonObject:
        """An event from outside, numbered like the model's own unless it is already."""
        return {"event_id": self._ids.new("event"), **event}

    def state(self) -> JsonObject:
        """What goes on inside, for people and tests."""
        active = self._active
        return {
            "session": self._configuration.values,
            "items": [item.wire() for item in self._conversation.items],
            "active_response": active.id if active else None,
            "input_audio_ms": self._buffer.audio_ms,
            "speaking": self._buffer.speaking,
        }

    # -- the flow of events ----------------------------------------------------------------

    def _numbered(self, events: Iterable[JsonObject]) -> list[Effect]:
        effects: list[Effect] = []
        for event in events:
            if event["type"] == "response.output_audio.delta":
                self._configuration.fix_voice()
            effects.append({"type": event["type"], "event_id": self._ids.new("event"), **event})
        return effects

    def _perform(self) -> list[Effect]:
        """Everything that is due, and the response that voice detection began once nothing hinders it."""
        effects = self._numbered(self._timeline.run(self._now))
        self._responses = [response for response in self._responses if response.active]
        if self._reply_wanted and self._active is None:
            self._start_automatic()
            effects += self._perform()
        return effects

    @property
    def _active(self) -> Response | None:
        """The response that writes to the conversation."""
        return next((each for each in self._responses if each.active and each.plan.conversation), None)

    # -- session and input audio -----------------------------------------------------------

    def _update_session(self, event: JsonObject) -> Iterator[JsonObject]:
        self._configuration.update(event["session"])
        self._buffer.configure(self._configuration.turn_detection)
        yield {"type": "session.updated", "session": self._configuration.values}

    def _append(self, event: JsonObject) -> Iterator[JsonObject]:
        for change in self._buffer.append(event["audio"]):
            if isinstance(change, SpeechStarted):
                yield from self._speech_started(change.audio_start_ms)
            else:
                yield {
                    "type": "input_audio_buffer.speech_stopped",
                    "item_id": self._turn(),
                    "audio_end_ms": change.audio_end_ms,
                }
                yield from self._committed(change.pcm)
                detection = self._configuration.turn_detection
                self._reply_wanted |= detection is not None and detection.create_response and self._answers

    def _speech_started(self, audio_start_ms: int) -> Iterator[JsonObject]:
        item_id = self._turn()
        yield {"type": "input_audio_buffer.speech_started", "item_id": item_id, "audio_start_ms": audio_start_ms}
        detection, active = self._configuration.turn_detection, self._active
        if detection is not None and detection.interrupt_response and active is not None:
            yield from active.cancel("turn_detected")

    def _commit(self, event: JsonObject) -> Iterator[JsonObject]:
        del event
        yield from self._committed(self._buffer.commit())

    def _clear(self, event: JsonObject) -> Iterator[JsonObject]:
        del event
        self._buffer.clear()
        self._turn_id = None
        yield {"type": "input_audio_buffer.cleared"}

    def _turn(self) -> str:
        """The id of the spoken item to come."""
        self._turn_id = self._turn_id or self._ids.new("item")
        return self._turn_id

    def _committed(self, pcm: bytes) -> Iterator[JsonObject]:
        item = new_item(self._turn(), {"type": "message", "role": "user", "content": []})
        self._turn_id = None
        item.body["content"] = [{"type": "input_audio"}]
        item.pcm = bytearray(pcm)
        item.heard = self._speech.recognizer.hear(pcm, instructions=self._configuration.instructions)
        previous = self._conversation.last_id
        self._conversation.add(item)
        yield {"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item.id}
        yield self._conversation.added(item)
        yield self._conversation.done(item)
        if self._configuration.transcribes:
            settings = self._settings
            performance = transcribe(
                self._conversation,
                item,
                delay_s=settings.transcription_delay_s,
                fails=settings.transcription_fails,
            )
            self._timeline.start(performance, self._now)

    # -- items -----------------------------------------------------------------------------

    def _create_item(self, event: JsonObject) -> Iterator[JsonObject]:
        given = event["item"]
        ITEM(given, "item")
        item = new_item(given.get("id") or self._ids.new("item"), given)
        self._conversation.add(item, event.get("previous_item_id"))
        self._listen(item)
        if item.is_answer:
            age(self._conversation.items)
        yield self._conversation.added(item)
        yield self._conversation.done(item)

    def _listen(self, item: Item) -> None:
        """Understand the audio of an item that came without words."""
        if item.pcm and not item.words:
            pcm, instructions = bytes(item.pcm), self._configuration.instructions
            item.heard = self._speech.recognizer.hear(pcm, instructions=instructions)

    def _retrieve_item(self, event: JsonObject) -> Iterator[JsonObject]:
        item = self._conversation.find(event["item_id"], "retrieve", "retrieving")
        yield {"type": "conversation.item.retrieved", "item": item.wire(audio=True)}

    def _delete_item(self, event: JsonObject) -> Iterator[JsonObject]:
        item = self._conversation.find(event["item_id"], "delete", "deleting")
        self._conversation.delete(item)
        yield {"type": "conversation.item.deleted", "item_id": item.id}

    def _truncate_item(self, event: JsonObject) -> Iterator[JsonObject]:
        item = self._conversation.find(event["item_id"], "truncate", "truncating")
        index, end_ms = event["content_index"], event["audio_end_ms"]
        truncate(item, index, end_ms)
        yield {
            "type": "conversation.item.truncated",
            "item_id": item.id,
            "content_index": index,
            "audio_end_ms": end_ms,
        }

    # -- responses -------------------------------------------------------------------------

    @property
    def _answers(self) -> bool:
        return self._configuration.kind != "transcription"

    def _create_response(self, event: JsonObject) -> Iterable[JsonObject]:
        if not self._answers:
            raise wrong_value("type", "A transcription session has no responses.")
        overrides = event.get("response") or {}
        planned = plan(self._configuration.values, overrides)
        active = self._active
        if planned.conversation and active is not None:
            raise Refused(
                "conversation_already_has_active_response",
                f"Conversation already has an active response in progress: {active.id}. "
                "Wait until the response is finished before creating a new one.",
            )
        given = overrides.get("input")
        self._start(planned, self._conversation.items if given is None else self._resolved(given))
        return ()

    def _start_automatic(self) -> None:
        self._reply_wanted = False
        self._start(plan(self._configuration.values, {}), self._conversation.items)

    def _start(self, planned: Plan, items: list[Item]) -> None:
        reply = self._script.reply(planned.context(items))
        if planned.conversation:
            for item in items:
                item.fresh = False
        response = Response(planned, reply, self._stage, input_usage(items, planned.instructions))
        self._responses.append(response)
        self._timeline.start(response.perform(), self._now)

    def _resolved(self, given: list[JsonObject]) -> list[Item]:
        """The items of ``response.input``, which belong to this response alone."""
        items = []
        for index, body in enumerate(given):
            if body["type"] == "item_reference":
                item = self._conversation.get(body["id"])
                if item is None:
                    path = f"response.input[{index}].id"
                    raise wrong_value(path, f"Invalid '{path}': the item with id '{body['id']}' does not exist.")
                items.append(Item(item.wire(), item.pcm, item.heard))
            else:
                items.append(new_item(body.get("id") or self._ids.new("item"), body))
                self._listen(items[-1])
        age(items)
        return items

    def _cancel_response(self, event: JsonObject) -> Iterator[JsonObject]:
        wanted = event.get("response_id")
        found = self._active
        if wanted is not None:
            found = next((each for each in self._responses if each.id == wanted and each.active), None)
        if found is None:
            raise Refused("response_cancel_not_active", "Cancellation failed: no active response found")
        yield from found.cancel("client_cancelled")
