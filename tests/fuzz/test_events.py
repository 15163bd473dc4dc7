"""Whatever a voice model sends, the core takes it, and all that it asks for in return can be done."""

from __future__ import annotations

import time
from collections import Counter
from random import Random

import pytest

from realtime.core import actions as act
from realtime.core.call import State
from realtime.protocol import json
from realtime.protocol import realtime as ev
from realtime.protocol.ids import CallId, ItemId, TurnId
from realtime.protocol.passed import Passed
from realtime.protocol.realtime_v1 import V1Codec, V2Codec, codec_for
from tests.core.driver import Driver
from tests.core.face_world import FACE
from tests.fuzz.events import CALLS, ITEMS, Model
from tests.fuzz.verdicts import REASONS

SEED = 20260726
COUNTS = [5_000, pytest.param(200_000, marks=pytest.mark.long)]
EVENTS_A_TALK = 250
INT64 = 2**63


class Talk:
    """A conversation under fire: events of the model between commands of others and the passing of time."""

    def __init__(self, random: Random) -> None:
        self.random = random
        version = random.choice(("v2", "v2", "v1"))
        self.codec: V1Codec | V2Codec = codec_for(version)
        face = FACE if version == "v2" and random.random() < 0.5 else None
        self.driver = Driver(
            version=version,
            modality=random.choice(("audio", "text")) if face is None else "audio",
            barge_in=random.random() < 0.8,
            face=face,
        )
        if face is not None:
            self.driver.receive("session.updated", session={"type": "realtime"})
        self.has_face = face is not None
        self.opening = 1
        self.closes: list[str] = []
        self.answered: Counter[str] = Counter()

    def hear(self, message: bytes) -> ev.ServerEvent:
        """One message of the model."""
        event = self.codec.decode(message)
        talk = self.driver.conversation
        self.check(talk.receive(event, talk.generation, now=self.driver.now))
        return event

    def disturb(self) -> None:
        """Something that is not the model's."""
        chance, driver = self.random.random(), self.driver
        if chance < 0.3:
            self.check(driver.tick(self.random.choice((0.0, 0.1, 5.0))))
        elif driver.conversation.state is State.REOPENING:
            self.check(driver.apply(act.UpstreamOpened(self.opening)))
        elif chance < 0.33:
            self.check(driver.lose(clean=chance < 0.31))
        else:
            self.check(driver.apply(self._command()))

    def _command(self) -> act.Command:
        if self.has_face and self.random.random() < 0.5:
            return act.ClientSent(self._client_event(), 1)
        call, turn = CallId(f"{self.random.choice(CALLS)}{self.random.randrange(200)}"), TurnId("turn_1")
        commands: tuple[act.Command, ...] = (
            act.AppendText("hi", "user"),
            act.AppendSpeech("say it"),
            act.Interrupt(),
            act.CommitAudio(),
            act.ClearAudio(),
            act.Played(ItemId(self.random.choice(ITEMS)), self.random.choice((0, 10, 86_400_000))),
            act.TurnStarted(call, turn),
            act.TurnJoined(call, turn),
            act.TurnRefused(call, "nobody took it"),
            act.AgentSaid(turn, "found it", final=True),
            act.TurnEnded(turn, "completed", "4"),
        )
        return self.random.choice(commands)

    def _client_event(self) -> json.JsonObject:
        """What a client of the Realtime API may send at any time."""
        item_id, heard_ms = self.random.choice(ITEMS), self.random.choice((-1, 0, 10))
        content = [{"type": "input_text", "text": "hi"}]
        events: tuple[json.JsonObject, ...] = (
            {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"transcription": None}}}},
            {"type": "session.update", "session": {"type": "realtime", "tools": [{"type": "function", "name": "t"}]}},
            {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}},
            {"type": "conversation.item.retrieve", "item_id": item_id},
            {"type": "conversation.item.delete", "item_id": item_id},
            {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": heard_ms},
            {"type": "response.create", "response": {"conversation": self.random.choice(("auto", "none"))}},
            {"type": "response.cancel"},
            {"type": "input_audio_buffer.commit"},
        )
        return self.random.choice(events)

    def check(self, actions: list[act.Action]) -> None:
        """All of it can be said on the wires, and nothing follows the end."""
        for action in actions:
            assert not self.closes, f"{action} after the end"
            self._check(action)

    def _check(self, action: act.Action) -> None:
        match action:
            case act.Send():
                self._count_output(self._sendable(action.event))
            case act.Open():
                self.opening = action.generation
            case act.Begin():
                for event in action.events:
                    self._sendable(event)
            case act.Notify():
                assert json.decode_object(json.encode(action.notification.params))["threadId"] == "thread"
            case act.Relay():
                json.encode(action.event)
            case act.Record():
                json.encode(action.draft.body)
                json.encode(action.draft.key)
            case act.Play():
                chunk = action.chunk
                json.encode([chunk.data, chunk.sample_rate, chunk.num_channels, chunk.samples_per_channel])
                assert chunk.duration_ms >= 0
            case act.Close():
                assert action.reason in REASONS
                self.closes.append(action.reason)

    def _sendable(self, event: ev.ClientEvent) -> json.JsonObject:
        text = self.codec.encode(event)
        sent = json.decode_object(text) if text is not None else {}
        if not isinstance(event, Passed):  # what a client asks for goes up as it came
            assert sent.get("audio_end_ms", 1) in range(1, INT64)
        return sent

    def _count_output(self, sent: json.JsonObject) -> None:
        item = sent.get("item", {})
        if item.get("type") == "function_call_output":
            self.answered[item["call_id"]] += 1
            assert self.answered[item["call_id"]] == 1, "a tool was answered twice"


@pytest.mark.parametrize("count", COUNTS)
def test_any_event_is_taken(count: int) -> None:
    random = Random(SEED)
    model, begun = Model(random), time.perf_counter()
    kinds: Counter[type[ev.ServerEvent]] = Counter()
    reasons: Counter[str] = Counter()
    slowest, which = 0.0, ""
    talk = Talk(random)
    for number in range(count):
        if number % EVENTS_A_TALK == 0 or talk.closes:
            reasons.update(talk.closes or ["alive"])
            talk = Talk(random)
        name, message = model.message()
        start = time.perf_counter()
        event = talk.hear(message)
        took = time.perf_counter() - start
        if took > slowest:
            slowest, which = took, name
        kinds[type(event)] += 1
        if isinstance(event, ev.Malformed):
            assert event.reason.isprintable(), "a log would show it as more than one line"
        if random.random() < 0.2 and not talk.closes:
            talk.disturb()
    seconds = time.perf_counter() - begun
    print(f"{count} events in {seconds:.1f} s, {dict(reasons)}, slowest {slowest * 1000:.1f} ms: {which}")
    assert set(ev.ServerEvent.__subclasses__()) <= set(kinds), "a class of events was never met"
    assert kinds[ev.Malformed] < count / 2
