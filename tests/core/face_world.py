"""A client of the Realtime API, the conversation with its face, and the voice model: in memory, on a clock of ours."""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import replace
from typing import Any

from realtime.core import actions as act
from realtime.core.call import State
from realtime.core.config import FaceConfig
from realtime.core.conversation import Conversation
from realtime.mock.model import Effect, MockModel
from realtime.protocol import realtime as ev
from realtime.protocol.ids import SessionId, ThreadId, TurnId
from realtime.protocol.json import JsonObject
from tests.core.machine_script import Moods, Setting
from tests.mock.order import OrderChecker

TOOLS = tuple(
    {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}}
    for name in ("background_agent", "remain_silent")
)
OURS = ("background_agent", "remain_silent", "[BACKEND]", "see above", '"voxgate": "')
FACE = FaceConfig(
    SessionId("sess_face"), ThreadId("thread"), "gpt-realtime", "Be kind.", context="A secret context.", tools=TOOLS
)


class FaceWorld:
    """``seen`` is all that the client got, each event checked for its order and for what is ours."""

    def __init__(self, moods: list[str]) -> None:
        self.now = 100.0
        setting = Setting()
        config = setting.config("vg")
        session = {**config.session, "instructions": "Be kind.\n\nA secret context.", "tools": list(TOOLS)}
        config = replace(config, session=session, barge_in=False, face=FACE)
        self._setting = setting
        self._script = Moods(moods)
        self.script_delegates = any(mood in ("agent", "say and agent", "two calls", "empty request") for mood in moods)
        self.conversation = Conversation(config)
        self.models: dict[int, MockModel] = {}
        self.down: deque[tuple[int, JsonObject]] = deque()
        self.seen: list[JsonObject] = []
        self.order = OrderChecker()
        self.turns: list[TurnId] = []
        self._sent = 0
        self._opens: list[int] = []
        self._perform(self.conversation.start(now=self.now))
        self.open()

    # -- the client --------------------------------------------------------------------------------

    def send(self, kind: str, **members: Any) -> str:
        """A client event; returns the ``event_id`` that it bears."""
        self._sent += 1
        event_id = f"mine_{self._sent}"
        self._apply(act.ClientSent({"type": kind, "event_id": event_id, **members}, 1))
        return event_id

    def say(self, text: str) -> str:
        """A typed message; returns the id that the client gave it."""
        item_id = f"item_{self._sent}"
        content = [{"type": "input_text", "text": text}]
        item = {"id": item_id, "type": "message", "role": "user", "content": content}
        self.send("conversation.item.create", item=item)
        return item_id

    def of(self, kind: str) -> list[JsonObject]:
        """What came of a type."""
        return [event for event in self.seen if event["type"] == kind]

    def error_of(self, event_id: str) -> JsonObject | None:
        """The error that answers an event of the client's."""
        return next((e["error"] for e in self.of("error") if e["error"]["event_id"] == event_id), None)

    # -- the upstream ------------------------------------------------------------------------------

    def lose(self) -> None:
        """The connection that is talked over drops, with all that is on its way."""
        if self.conversation.state is State.OPEN:
            generation = self.conversation.generation
            self.models.pop(generation, None)
            self.down.clear()
            self.order.heard_ms = 0
            self._apply(act.UpstreamLost(generation, act.Loss("gone")))

    def open(self) -> None:
        """The connection that is wanted comes."""
        while self._opens:
            generation = self._opens.pop()
            model = self.models[generation] = self._setting.model(self._script, f"model/{generation}")
            self._take(generation, model.opened(self.now))
            self._apply(act.UpstreamOpened(generation))

    def hear(self, events: list[JsonObject]) -> None:
        """Sound, which goes by the conversation."""
        model = self.models.get(self.conversation.generation)
        if model is not None:
            for event in events:
                self._take(self.conversation.generation, model.receive(event, self.now))
        self.exchange()

    def end_turns(self) -> None:
        """The agent has its answer."""
        turns, self.turns = self.turns, []
        for turn_id in turns:
            self._apply(act.AgentSaid(turn_id, "it rains", final=True))
            self._apply(act.TurnEnded(turn_id, "completed", "it rains"))

    def exchange(self) -> None:
        """What is on its way arrives."""
        while self.down:
            generation, value = self.down.popleft()
            event = ev.decode_value(value)
            self._perform(self.conversation.receive(event, generation, now=self.now))

    def flow(self, seconds: float) -> None:
        """Time passes."""
        end = self.now + seconds
        while True:
            self.exchange()
            dues = [model.deadline for model in self.models.values()]
            due = min((each for each in (*dues, self.conversation.deadline) if each is not None), default=math.inf)
            if due > end:
                break
            self.now = max(self.now, due)
            for generation, model in list(self.models.items()):
                self._take(generation, model.tick(self.now))
            if self.conversation.deadline is not None and self.conversation.deadline <= self.now:
                self._perform(self.conversation.tick(now=self.now))
        self.now = end

    def come_to_rest(self) -> None:
        """All ends well."""
        self._script.calm = True
        for _ in range(12):
            self.open()
            self.flow(6.0)
            self.end_turns()
        self.flow(6.0)

    # -- inside ------------------------------------------------------------------------------------

    def _apply(self, command: act.Command) -> None:
        self._perform(self.conversation.apply(command, now=self.now))
        self.exchange()

    def _take(self, generation: int, effects: list[Effect]) -> None:
        self.down.extend((generation, effect) for effect in effects if isinstance(effect, dict))

    def _perform(self, actions: list[act.Action]) -> None:
        for action in actions:
            match action:
                case act.Relay():
                    self._see(action.event)
                case act.Send():
                    self._up(action.event)
                case act.Begin():
                    for event in action.events:
                        self._up(event)
                case act.Open():
                    self._opens.append(action.generation)
                case act.StartOrJoinTurn():
                    turn_id = TurnId(f"turn_{action.call_id}")
                    self.turns.append(turn_id)
                    self._perform(self.conversation.apply(act.TurnStarted(action.call_id, turn_id), now=self.now))
                case _:
                    pass

    def _up(self, event: ev.ClientEvent) -> None:
        model = self.models.get(self.conversation.generation)
        if model is not None:
            values = json.loads(ev.encode(event))
            self._take(self.conversation.generation, model.receive(values, self.now))

    def _see(self, event: JsonObject) -> None:
        event = json.loads(json.dumps(event))
        text = json.dumps(event)
        assert not [ours for ours in (*OURS, "A secret context.") if ours in text], event
        if event["type"] == "response.done" and event["response"].get("usage") is None:
            event["response"]["usage"] = dict.fromkeys(("total_tokens", "input_tokens", "output_tokens"), 0)
        self.seen.append(event)
        self.order.see(event)
