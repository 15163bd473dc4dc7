"""The voice model: a session of the Realtime API with its real rules, without I/O.

Law: events come in by ``receive``, time by ``now`` and ``tick``; what is to be sent is returned, in order.
The same script, seed, events and times give the same answers. After ``Close`` nothing more is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from realtime.mock.answers import Answers
from realtime.mock.beta import BETA_CLOSE, BETA_REFUSED, check_shape
from realtime.mock.configuration import Configuration
from realtime.mock.conversation import Conversation
from realtime.mock.ears import Ears
from realtime.mock.echo import Echo
from realtime.mock.ids import Ids
from realtime.mock.items import ItemEvents
from realtime.mock.loudspeaker import Loudspeaker, Playback
from realtime.mock.mcp import servers_of
from realtime.mock.refusal import Refused, error_event
from realtime.mock.remote_tools import RemoteTools
from realtime.mock.reply import Script
from realtime.mock.response import Stage
from realtime.mock.schema import wrong_value
from realtime.mock.shapes import CLIENT_EVENT
from realtime.mock.speech.contracts import Order, Report, Speech, Spoken
from realtime.mock.speech.energy import EnergyDetector
from realtime.mock.speech.heard import HeardLines
from realtime.mock.speech.tone import ToneVoice
from realtime.mock.state import ModelSettings as ModelSettings
from realtime.mock.state import SessionState
from realtime.mock.timeline import Timeline
from realtime.protocol.json import JsonObject


@dataclass(frozen=True, slots=True)
class Close:
    """The model ends the connection with this code of RFC 6455."""

    code: int
    reason: str


Effect = JsonObject | Close
"""What the model wants done: send this event, or close."""


_SOUNDING = ("response.output_audio.delta", "output_audio_buffer.started")
"""From then on the voice is known."""


def tones() -> Speech:
    """Ears and mouth that need nothing: loudness, scripted hearing, tones."""
    return Speech(EnergyDetector(), HeardLines(), ToneVoice())


class MockModel:
    """One session. ``now`` is a clock that never runs back; its zero is where ``expires_at`` counts from.

    ``opening`` is a session update, already found right, that the session begins with. Where ``speech`` leaves
    hearing or speaking to engines outside, what they are to do is in ``orders``, and ``told`` takes what they did.
    With ``playback`` it is a call: sound comes by ``hear``, goes there, and ``played`` is told when it was heard.
    """

    def __init__(
        self,
        script: Script,
        *,
        seed: str,
        settings: ModelSettings | None = None,
        speech: Speech | None = None,
        opening: JsonObject | None = None,
        playback: Playback | None = None,
    ) -> None:
        settings, ids, conversation = settings or ModelSettings(), Ids(seed), Conversation()
        self.session_id = ids.new("sess")
        self._state = SessionState(
            ids=ids,
            settings=settings,
            speech=speech or tones(),
            configuration=Configuration(self.session_id, settings.model),
            conversation=conversation,
            timeline=Timeline(),
            servers=RemoteTools(servers_of(script), conversation, ids),
        )
        if opening is not None:
            self._state.configuration.update(opening)
        self._ears = Ears(self._state)
        self._loudspeaker = Loudspeaker(playback, conversation) if playback is not None else None
        self._answers = Answers(self._state, script, _stage(self._state, self._loudspeaker))
        self._echo = Echo(self._ears) if settings.echo else None
        self._expires: float | None = None
        self._closed = False
        self._handlers = self._handlers_with(ItemEvents(self._state))

    @property
    def deadline(self) -> float | None:
        """When ``tick`` wants to be called; None after the end."""
        if self._closed or self._expires is None:
            return None
        deadline = self._expires
        for due in (self._state.timeline.deadline, self._ears.deadline):
            if due is not None and due < deadline:
                deadline = due
        return deadline

    @property
    def closed(self) -> bool:
        """True once ``Close`` was returned."""
        return self._closed

    @property
    def hears_outside(self) -> bool:
        """True where an engine outside does the recognising."""
        return self._state.speech.recognizer is None

    def opened(self, now: float) -> list[Effect]:
        """The client is there: the session begins."""
        self._state.now = now
        self._expires = now + self._state.settings.session_limit_s
        self._state.configuration.expires_at = int(self._expires)
        self._list_tools()
        return self._numbered([{"type": "session.created", "session": self._state.configuration.values}])

    def receive(self, event: JsonObject, now: float) -> list[Effect]:
        """Take a client's event. What is wrong with it is answered, never raised."""
        effects = self.tick(now)
        if self._closed:
            return effects
        event_id = event.get("event_id")
        try:
            if not _is_plain_append(event):
                CLIENT_EVENT(event, "")
            told = self._handlers[event["type"]](event)
            if told == ():  # an append in which nothing was found: nothing has become due
                return effects
            effects += self._numbered(told)
        except Refused as refused:
            effects += self._numbered([refused.event(event_id if isinstance(event_id, str) else None)])
            if refused.code == BETA_REFUSED:
                self._closed = True
                return [*effects, Close(BETA_CLOSE, "beta api shape disabled")]
        return effects + self._perform()

    def hear(self, pcm: bytes, now: float) -> list[Effect]:
        """Take sound of a call, PCM."""
        effects = self.tick(now)
        if self._closed:
            return effects
        return effects + self._numbered(self._heard(self._ears.hear(pcm))) + self._perform()

    def played(self, item_id: str, now: float) -> list[Effect]:
        """All sound of an item was played, as far as it was given."""
        effects = self.tick(now)
        if self._closed or self._loudspeaker is None:
            return effects
        return effects + self._numbered(self._loudspeaker.played(item_id))

    def orders(self) -> list[Order]:
        """What engines outside are to do, since the last call."""
        orders = self._state.orders.copy()
        self._state.orders.clear()
        return orders

    def told(self, report: Report, now: float) -> list[Effect]:
        """Take what an engine has heard or spoken."""
        effects = self.tick(now)
        if self._closed:
            return effects
        if isinstance(report, Spoken):
            self._state.mouth.told(report)
        else:
            effects += self._numbered(self._ears.told(report))
        return effects + self._perform()

    def misread(self, reason: str, now: float) -> list[Effect]:
        """Take a message that is no event."""
        return self.tick(now) + ([] if self._closed else self._numbered([error_event("invalid_json", reason)]))

    def tick(self, now: float) -> list[Effect]:
        """Let time pass."""
        if self._closed:
            return []
        if now > self._state.now:
            self._state.now = now
        effects = self._perform()
        return effects + self.expire() if self._expires is not None and now >= self._expires else effects

    def expire(self) -> list[Effect]:
        """The session's time is over, now."""
        minutes = self._state.settings.session_limit_s / 60
        message = f"Your session hit the maximum duration of {minutes:g} minutes."
        effects = self._numbered([error_event("session_expired", message)])
        self._closed = True
        return [*effects, Close(1001, "session expired")]

    def push(self, event: JsonObject) -> JsonObject:
        """An event from outside, numbered like the model's own unless it is already."""
        return {"event_id": self._state.ids.new("event"), **event}

    def state(self) -> JsonObject:
        """What goes on inside, for people and tests."""
        active = self._answers.active
        return {
            "session": self._state.configuration.values,
            "items": [item.wire() for item in self._state.conversation.items],
            "active_response": active.id if active else None,
            "input_audio_ms": self._ears.audio_ms,
            "speaking": self._ears.speaking,
            "bill": dict(self._answers.bill),
        }

    def _numbered(self, events: Iterable[JsonObject]) -> list[Effect]:
        effects: list[Effect] = []
        for event in events:
            if event["type"] in _SOUNDING and (voice := self._answers.voice_of(event["response_id"])) is not None:
                self._state.configuration.fix_voice(voice)
            effects.append({"type": event["type"], "event_id": self._state.ids.new("event"), **event})
        return effects

    def _perform(self) -> list[Effect]:
        """Everything that is due, and the response that voice detection began once nothing hinders it."""
        state, ears = self._state, self._ears
        if state.timeline.idle and ears.deadline is None and not (self._answers.busy or ears.reply_wanted):
            return []  # so it is at most of the appends
        said = state.timeline.run(state.now)
        effects = self._numbered(said if self._echo is None else self._echoing(said, self._echo))
        for response in self._answers.finished():
            if response.plan.conversation and response.status in ("completed", "incomplete"):
                self._ears.rest(self._state.now + response.audio_ms / 1000)
        if self._answers.active is not None:
            self._ears.awake()
            return effects
        effects += self._numbered(self._ears.idle())
        if not self._ears.reply_wanted:
            return effects
        self._ears.reply_wanted = False
        try:
            self._answers.automatic()
        except Refused as refused:
            return effects + self._numbered([refused.event(None)])
        return effects + self._perform()

    def _handlers_with(self, items: ItemEvents) -> dict[str, Callable[[JsonObject], Iterable[JsonObject]]]:
        """What takes each client event."""
        return {
            "session.update": self._update_session,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._ears.commit,
            "input_audio_buffer.clear": self._ears.clear,
            "conversation.item.create": items.create,
            "conversation.item.retrieve": items.retrieve,
            "conversation.item.delete": items.delete,
            "conversation.item.truncate": items.truncate,
            "response.create": self._answers.create,
            "response.cancel": self._answers.cancel,
            "output_audio_buffer.clear": self._clear_output,
        }

    def _update_session(self, event: JsonObject) -> Iterator[JsonObject]:
        configuration, patch = self._state.configuration, event["session"]
        if self._state.settings.refuse_beta:
            check_shape(patch)
        before = configuration.speed if self._answers.active is not None else None
        configuration.update(patch, fixed_speed=before)
        self._ears.configure()
        yield {"type": "session.updated", "session": configuration.values}
        self._list_tools()

    def _list_tools(self) -> None:
        """Ask the MCP servers that are new for their tools."""
        state = self._state
        for definition in state.servers.configure(state.configuration.tools):
            state.timeline.start(state.servers.list_tools(definition, state.settings.think_s), state.now)

    def _append(self, event: JsonObject) -> Iterable[JsonObject]:
        told = self._ears.append(event)
        return self._heard(told) if told else ()

    def _heard(self, turns: Iterable[JsonObject]) -> Iterator[JsonObject]:
        for told in turns:
            yield told
            if self._ears.interrupted:
                self._ears.interrupted = False
                yield from self._answers.interrupt()
                if self._loudspeaker is not None:
                    yield from self._loudspeaker.clear()

    def _echoing(self, said: Iterable[JsonObject], echo: Echo) -> Iterator[JsonObject]:
        for event in said:
            active = self._answers.active
            yield event
            if active is not None:
                yield from self._heard(echo.follow(event, active.plan.sound_format))

    def _clear_output(self, event: JsonObject) -> Iterator[JsonObject]:
        if self._loudspeaker is not None:
            return self._loudspeaker.clear()
        message = f"Invalid value: '{event['type']}'. It is for sessions over WebRTC or SIP: here the client plays."
        raise wrong_value("type", message)


def _is_plain_append(event: JsonObject) -> bool:
    """True for the event of every 20 ms, which is right as far as its shape goes."""
    return len(event) == 2 and event.get("type") == "input_audio_buffer.append" and isinstance(event.get("audio"), str)


def _stage(state: SessionState, loudspeaker: Loudspeaker | None) -> Stage:
    return Stage(
        ids=state.ids,
        conversation=state.conversation,
        conversation_id=state.ids.new("conv"),
        mouth=state.mouth,
        loudspeaker=loudspeaker,
        think_s=state.settings.think_s,
        pace_s=state.settings.pace_s,
    )
