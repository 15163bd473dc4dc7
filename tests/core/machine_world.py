"""The world around the conversation of the state machine: clock, connections, agent, clients."""

from __future__ import annotations

from collections import Counter

from realtime.core import actions as act
from realtime.core.call import State
from realtime.core.conversation import Conversation
from realtime.protocol import realtime as ev
from realtime.protocol.json import JsonObject
from tests.core.machine_oracle import Oracle
from tests.core.machine_script import Moods, Setting
from tests.core.machine_turns import AgentTurns
from tests.core.machine_wire import Weather, Wire
from tests.core.machine_wishes import hold

_FORGIVEN = {
    "response.create": {"conversation_already_has_active_response"},
    "response.cancel": {"response_cancel_not_active"},
    "input_audio_buffer.commit": {"input_audio_buffer_commit_empty"},
}
"""Refusals by the voice model that a right conversation may meet, by the event that was refused."""


class World:
    """``now`` is the invented clock, in seconds. ``met`` counts what the step that runs has met."""

    def __init__(self, setting: Setting, script: Moods) -> None:
        self.now = 1000.0
        self.met: Counter[str] = Counter()
        self.turns = AgentTurns()
        self.script = script
        self.setting = setting
        self.weather = Weather()
        self.jammed_up = self.jammed_down = False
        self.denying = False
        self._calls = 0
        self.call()

    def call(self) -> None:
        """A new call on the thread; the agent may still be at work for the one before."""
        self._calls += 1
        config = self.setting.config(f"vg{self._calls}")
        self.turns.hang_up()
        self.weather.clear()
        self.jammed_up = self.jammed_down = self.denying = False
        self.oracle = Oracle(config)
        self.wires: dict[int, Wire] = {}
        self.conversation = Conversation(config)
        self._perform(self.conversation.start(now=self.now))

    @property
    def open(self) -> bool:
        """The call is up and talks over a connection."""
        return self.conversation.state is State.OPEN

    @property
    def closed(self) -> bool:
        """The call is over."""
        return self.conversation.state is State.CLOSED

    @property
    def wire(self) -> Wire | None:
        """The connection that is talked over."""
        wire = self.wires.get(self.conversation.generation)
        return wire if wire is not None and wire.begun else None

    @property
    def opening(self) -> Wire | None:
        """The connection that is being made, the newest if there are several."""
        return next((wire for wire in reversed(self.wires.values()) if wire.phase == "opening"), None)

    # -- inputs ------------------------------------------------------------------------------------

    def apply(self, command: act.Command) -> None:
        """A command of whomever."""
        self.oracle.begun_input()
        self.oracle.obeys(command, self.now)
        if isinstance(command, act.TurnJoined):
            self.met["steer"] += 1
        self._perform(self.conversation.apply(command, now=self.now))

    def tick(self) -> None:
        """The clock has come to the conversation's deadline: afterwards it names a later one."""
        due = self.conversation.deadline
        if due is None or due > self.now:
            return
        self.oracle.begun_input()
        actions = self.conversation.tick(now=self.now)
        if any(isinstance(action, act.Send) and isinstance(action.event, ev.ResponseCancel) for action in actions):
            self.oracle.expires()
        self._perform(actions)
        due = self.conversation.deadline
        hold(due is None or due > self.now, "a tick leaves no deadline behind that has passed")

    def open_wire(self, wire: Wire) -> None:
        """The connection is made."""
        wire.phase = "open"
        wire.take(wire.model.opened(self.now))
        self.oracle.made(wire.generation, self.now)
        self.apply(act.UpstreamOpened(wire.generation))

    def lose_wire(self, wire: Wire, loss: act.Loss) -> None:
        """The connection is gone, or was never made, and the conversation is told."""
        wire.cut()
        wire.phase = "gone"
        self.met["reconnect"] += 1
        self.apply(act.UpstreamLost(wire.generation, loss))

    def push(self, event: JsonObject) -> None:
        """The voice model says something out of turn."""
        if self.wire is not None and self.wire.alive:
            self.wire.down.append(self.wire.model.push(event))

    # -- time --------------------------------------------------------------------------------------

    def flow(self, seconds: float) -> None:
        """Time passes, and everything that is due in it happens, in order."""
        end = self.now + seconds
        self.exchange()
        while (due := self._due()) is not None and due <= end and not self.closed:
            self.now = max(self.now, due)
            self._tick_all()
            self.exchange()
        self.now = end
        self._tick_all()
        self.exchange()

    def leap(self, seconds: float) -> None:
        """The clock jumps: whatever was due in between happens late, and at once."""
        self.now += seconds
        self._tick_all()

    def exchange(self) -> None:
        """Everything on its way arrives, as far as the lines are free."""
        moved = True
        while moved and not self.closed:
            moved = False
            for wire in list(self.wires.values()):
                moved |= self._carry_up(wire)
                moved |= self._carry_down(wire)

    def carry_up(self) -> None:
        """What the conversation sent reaches the voice model; what that says stays on its way."""
        for wire in list(self.wires.values()):
            self._carry_up(wire)

    def _due(self) -> float | None:
        dues = [self.conversation.deadline, *(wire.deadline for wire in self.wires.values())]
        known = [due for due in dues if due is not None and due > self.now]
        return min(known, default=None)

    def _tick_all(self) -> None:
        self.tick()
        for wire in list(self.wires.values()):
            wire.tick(self.now)

    def _carry_up(self, wire: Wire) -> bool:
        moved = False
        while wire.up and wire.alive and not self.jammed_up and wire.loss is None:
            self._hand_up(wire, wire.up.popleft())
            moved = True
        return moved

    def _hand_up(self, wire: Wire, event: JsonObject) -> None:
        kind = event["type"]
        if kind == "response.create" and self.denying:
            self.denying = False
            error = {"type": "invalid_request_error", "code": "invalid_value", "message": "no"}
            wire.take([wire.model.push({"type": "error", "error": {**error, "event_id": event["event_id"]}})])
            return
        effects = wire.model.receive(event, self.now)
        for effect in effects:
            if isinstance(effect, dict) and effect["type"] == "error":
                code = effect["error"]["code"]
                known = code in _FORGIVEN.get(kind, ()) or code == "session_expired"
                hold(known, f"the voice model refused {event}: {effect['error']}")
        wire.take(effects)

    def _carry_down(self, wire: Wire) -> bool:
        if self.jammed_down or wire.dead:
            return False
        moved = False
        while wire.down and wire.phase == "open" and not self.closed:
            moved = True
            arrived, lost = wire.arrive(self.now)
            if lost is not None:
                self.oracle.wishes.lost(ev.decode_value(lost))
            if arrived is not None:
                self._hand_down(wire, arrived)
        if wire.loss is not None and wire.phase == "open" and not wire.down:
            self.lose_wire(wire, wire.loss)
            moved = True
        return moved

    def _hand_down(self, wire: Wire, value: JsonObject) -> None:
        event = ev.decode_value(value)
        hold(not isinstance(event, (ev.Malformed, ev.Unknown)), f"not understood: {value}")
        self.oracle.begun_input()
        first = event.event_id not in wire.told
        wire.told.add(event.event_id)
        if first and self.open and wire.generation == self.conversation.generation:
            self.oracle.hears(event, self.now)
            if isinstance(event, ev.ErrorEvent) and event.error.code == "conversation_already_has_active_response":
                self.met["refusal"] += 1
        self._perform(self.conversation.receive(event, wire.generation, now=self.now))

    # -- actions -----------------------------------------------------------------------------------

    def _perform(self, actions: list[act.Action]) -> None:
        for action in actions:
            self.oracle.sees(action, self.now)
            match action:
                case act.Open():
                    model = self.setting.model(self.script, f"{self._calls}/{action.generation}")
                    self.wires[action.generation] = Wire(action.generation, model, self.weather)
                case act.Begin():
                    self._begin(action)
                case act.Send():
                    self._send(action.event)
                case act.Flush():
                    self.met["barge-in"] += 1
                case act.StartOrJoinTurn():
                    self.apply(self.turns.hand_over(action.call_id))
                case _:
                    pass

    def _begin(self, action: act.Begin) -> None:
        for generation in [known for known in self.wires if known < action.generation]:
            self.wires.pop(generation).phase = "gone"
        wire = self.wires[action.generation]
        hold(wire.phase == "open", "only a connection that is made is talked over")
        wire.begun = True
        wire.up.clear()  # what was meant for the connection before
        wire.up.extend(event.model_dump(exclude_none=True) for event in action.events)
        if action.generation > 1:
            self.met["reconnect"] += 1

    def _send(self, event: ev.ClientEvent) -> None:
        wire = self.wires.get(self.conversation.generation)
        if wire is not None and wire.alive:
            wire.up.append(event.model_dump(exclude_none=True))

    # -- rest --------------------------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """Nothing new happens any more: connections come, the agent ends, and time goes on until all is quiet."""
        self.script.calm, self.script.next = True, None
        self.weather.clear()
        self.jammed_up = self.jammed_down = self.denying = False
        for _ in range(60):
            self._smooth()
            self.flow(self.setting.response_s / 4)
            if self.closed or self._quiet():
                break
        else:
            hold(self.closed, f"never came to rest: {self.oracle.state}")
        if not self.closed:
            self.oracle.rests()
        self.script.calm = False

    def _smooth(self) -> None:
        if self.turns.running is not None and self.open:
            self.apply(self.turns.ended(self.turns.running, "completed"))
        for wire in list(self.wires.values()):
            if wire.phase == "opening":
                self.open_wire(wire)
            elif wire.dead and wire.phase == "open":
                self.lose_wire(wire, act.Loss("it was dead"))
        if self.wire is not None and self.wire.alive and self._speaking(self.wire):
            self.wire.up.append({"type": "input_audio_buffer.clear"})

    def _speaking(self, wire: Wire) -> bool:
        """Either side thinks so: the call may never have been told that the speech ended."""
        state = self.oracle.state
        return wire.model.state()["speaking"] or (state is not None and state["speaking"])

    def _quiet(self) -> bool:
        wire = self.wire
        if not self.open or wire is None or not wire.alive or not wire.idle or self.turns.running is not None:
            return False
        state = self.oracle.state
        busy = state is not None and (state["responseActive"] or state["responseWanted"] or state["speaking"])
        return wire.model.state()["active_response"] is None and not busy
