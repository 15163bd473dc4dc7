"""What may happen to a call: the rules of the state machine. Each execution of a rule is one step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from realtime.core import actions as act
from realtime.protocol.ids import ItemId
from tests.core.machine_script import MOODS, Moods, Setting, sound
from tests.core.machine_wire import Fate
from tests.core.machine_world import World

KINDS = ("reconnect", "refusal", "barge-in", "steer")

_SETTINGS = st.builds(
    Setting,
    modality=st.sampled_from(["audio"] * 7 + ["text"]),
    push_to_talk=st.sampled_from([False] * 7 + [True]),
    transcription=st.sampled_from(["works", "works", "fails", "none"]),
    limit_s=st.sampled_from([1e6, 1e6, 90.0]),
    history_items=st.sampled_from([200, 200, 6]),
    speak_progress=st.booleans(),
    reconnect=st.sampled_from([True] * 9 + [False]),
)
_MOODS = st.lists(st.sampled_from(sorted(MOODS)), min_size=3, max_size=8)
_FATES: list[Fate] = ["lose", "double", "late"]
_STRIKES = st.tuples(st.integers(0, 12), st.sampled_from(_FATES), st.integers(1, 8))
_MOMENTS = st.sampled_from([0.0, 0.03, 0.1, 0.3, 0.6, 1.5])
_ERRORS = st.sampled_from(
    ["brand_new", "response_cancel_not_active", "item_truncate_invalid_item_id", "rate_limit_exceeded", None]
)


@dataclass(slots=True)
class Tally:
    """Steps so far, and how many of them met each kind of event while they ran."""

    steps: int = 0
    met: Counter[str] = field(default_factory=Counter)

    def share(self, kind: str) -> float:
        """The share of steps that met it."""
        return self.met[kind] / max(1, self.steps)


class CallMachine(RuleBasedStateMachine):
    """A call, its connections, its agent and its clients, in any order that chance thinks of."""

    tally: ClassVar[Tally] = Tally()
    world: World

    @initialize(setting=_SETTINGS, moods=_MOODS)
    def begin(self, setting: Setting, moods: list[str]) -> None:
        """The first call of a thread."""
        self.world = World(setting, Moods(moods))
        self._open()

    # -- the person ----------------------------------------------------------------------------------

    @rule(respond=st.sampled_from([True, True, False, None]), role=st.sampled_from(["user", "developer", "assistant"]))
    def type_text(self, respond: bool | None, role: Any) -> None:
        self.world.apply(act.AppendText("typed words", role, respond))

    @rule(loud=st.integers(1, 4), quiet=st.integers(0, 4), after=_MOMENTS)
    def speak(self, loud: int, quiet: int, after: float) -> None:
        self._speak(loud, quiet)
        self.world.flow(after)

    @rule(pause=_MOMENTS)
    def cut_in(self, pause: float) -> None:
        """The voice is made to speak, and the person speaks over it."""
        self._be_ready()
        self._ask("say")
        self.world.flow(0.3 + pause)
        self._speak(1, 0)
        self.world.exchange()

    @rule(mood=st.sampled_from(["say", "endless", "agent"]), pause=_MOMENTS)
    def stop_the_answer(self, mood: str, pause: float) -> None:
        """The voice is made to speak, and the client stops it."""
        self._be_ready()
        self._ask(mood)
        self.world.flow(0.2 + pause)
        self.world.apply(act.Interrupt())

    @rule()
    def interrupt(self) -> None:
        self.world.apply(act.Interrupt())

    @rule(after=_MOMENTS)
    def ask_while_voice_detection_answers(self, after: float) -> None:
        """The voice model begins an answer of its own while a request is on its way to it."""
        self._be_ready()
        self._speak(1, 3)
        self.world.carry_up()
        self.world.apply(act.AppendText("and this", respond=True))
        self.world.flow(after)

    @rule(texts=st.integers(1, 3), mood=st.sampled_from(["say", "agent", "endless", "silent"]), after=_MOMENTS)
    def ask_behind_speech(self, texts: int, mood: str, after: float) -> None:
        """The same, with the speech itself still on its way."""
        self._be_ready()
        self._speak(2, 4)
        self.world.script.next = mood
        for _ in range(texts):
            self.world.apply(act.AppendText("and this", respond=True))
        self.world.flow(after)

    @rule(which=st.integers(0, 3), ms=st.sampled_from([0, 50, 300, 700, 5000]))
    def report_played(self, which: int, ms: int) -> None:
        known = self.world.oracle.items[-4:]
        if known:
            self.world.apply(act.Played(ItemId(known[which % len(known)]), ms))

    @rule(commit=st.booleans())
    def release_the_key(self, commit: bool) -> None:
        self.world.apply(act.CommitAudio() if commit else act.ClearAudio())

    @rule(race=st.sampled_from([True, True, True, False]))
    def let_the_voice_say(self, race: bool) -> None:
        if race:
            self._be_ready()
            self._speak(1, 3)
            self.world.carry_up()
        self.world.apply(act.AppendSpeech("say this"))
        self.world.exchange()

    # -- the agent -----------------------------------------------------------------------------------

    @rule(mood=st.sampled_from(sorted(MOODS)), pause=_MOMENTS)
    def ask_for(self, mood: str, pause: float) -> None:
        self._ask(mood)
        self.world.flow(pause)

    @rule(pause=_MOMENTS)
    def hand_over(self, pause: float) -> None:
        """The agent is at work, and the voice hands it more."""
        self._be_ready()
        self._steer("agent", pause)

    @rule(mood=st.sampled_from(["say and agent", "two calls"]), said=st.booleans(), pause=_MOMENTS)
    def hand_over_and_speak(self, mood: str, said: bool, pause: float) -> None:
        """The same beside other words, and the agent may have something to say to it."""
        self._be_ready()
        self._steer(mood, pause)
        turns = self.world.turns
        if said and turns.heard and turns.running is not None:
            self.world.apply(turns.said(turns.running, final=False))

    @precondition(lambda self: self.world.turns.running is not None)
    @rule(final=st.booleans())
    def agent_says(self, final: bool) -> None:
        turns = self.world.turns
        if turns.heard and turns.running is not None:
            self.world.apply(turns.said(turns.running, final=final))

    @precondition(lambda self: self.world.turns.running is not None)
    @rule(how=st.sampled_from(["completed", "failed", "interrupted"]), word=st.booleans())
    def agent_ends(self, how: str, word: bool) -> None:
        turns, world = self.world.turns, self.world
        if turns.running is None:
            return
        turn_id, heard = turns.running, turns.heard
        if word and heard:
            world.apply(turns.said(turn_id, final=True))
        ended = turns.ended(turn_id, how)
        if heard:
            world.apply(ended)

    @rule()
    def agent_refuses_the_next(self) -> None:
        self.world.turns.refusing = True

    # -- time and the line ---------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.02, 0.1, 0.5, 2.0, 8.0, 25.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.flow(seconds)

    @rule(seconds=st.sampled_from([0.5, 5.0, 30.0, 86.0, 600.0]))
    def the_clock_jumps(self, seconds: float) -> None:
        self.world.leap(seconds)

    @rule(after=_MOMENTS)
    def the_limit_comes_while_the_person_speaks(self, after: float) -> None:
        """Where there is a limit: else the clock jumps."""
        self.world.leap(78.0)
        self.world.exchange()
        self._speak(1, 3)
        self.world.flow(0.02)
        self._open()
        self.world.flow(after)

    @rule(strikes=st.lists(_STRIKES, min_size=1, max_size=4), seconds=_MOMENTS)
    def the_line_is_bad(self, strikes: list[tuple[int, Fate, int]], seconds: float) -> None:
        self.world.weather.strikes.extend(strikes)
        self.world.flow(seconds)

    @rule(up=st.booleans(), down=st.booleans(), seconds=_MOMENTS)
    def the_line_is_jammed(self, up: bool, down: bool, seconds: float) -> None:
        self.world.jammed_up, self.world.jammed_down = up, down
        self.world.flow(seconds)
        self.world.jammed_up = self.world.jammed_down = False

    @precondition(lambda self: self.world.wire is not None)
    @rule(known=st.sampled_from([True, True, False]), clean=st.booleans(), arrive=st.booleans())
    def the_connection_drops(self, known: bool, clean: bool, arrive: bool) -> None:
        world = self.world
        wire = world.wire
        if wire is None or wire.dead or wire.phase != "open":
            return
        if arrive:
            world.exchange()
        wire.dead = True
        if known and wire.phase == "open":
            world.lose_wire(wire, act.Loss("dropped", clean=clean))

    @precondition(lambda self: self.world.opening is not None)
    @rule(preamble=st.booleans())
    def a_connection_comes(self, preamble: bool) -> None:
        """It is lost again at once, within its preamble, where ``preamble`` says so."""
        wire = self.world.opening
        if wire is None:
            return
        self.world.open_wire(wire)
        if preamble and wire is self.world.wire:
            wire.dead = True

    @precondition(lambda self: self.world.opening is not None)
    @rule(final=st.sampled_from([False] * 7 + [True]))
    def a_connection_does_not_come(self, final: bool) -> None:
        wire = self.world.opening
        if wire is not None:
            self.world.lose_wire(wire, act.Loss("refused", code="upstream_refused", retryable=not final))

    @precondition(lambda self: any(wire.dead for wire in self.world.wires.values()))
    @rule()
    def a_dead_connection_is_noticed(self) -> None:
        for wire in list(self.world.wires.values()):
            if wire.dead and wire.phase == "open":
                self.world.lose_wire(wire, act.Loss("no answer"))

    @precondition(lambda self: self.world.wire is not None and self.world.wire.alive)
    @rule(kind=st.sampled_from(["expires", "expires", "error", "denial"]), code=_ERRORS, seconds=_MOMENTS)
    def the_upstream_complains(self, kind: str, code: str | None, seconds: float) -> None:
        world, wire = self.world, self.world.wire
        if wire is None:
            return
        if kind == "expires" and wire.loss is None:
            wire.take(wire.model.expire())
        elif kind == "denial":
            self._be_ready()
            world.denying = True
            for _ in range(2):
                world.apply(act.AppendText("typed words", respond=True))
        else:
            world.push({"type": "error", "error": {"type": "server_error", "code": code, "message": "hm"}})
        world.flow(seconds)
        world.denying = False

    # -- ends ----------------------------------------------------------------------------------------

    @rule(fatal=st.booleans())
    def the_call_ends(self, fatal: bool) -> None:
        """By the client, or by an error that is for good. Whatever comes then moves nothing."""
        world = self.world
        if fatal and world.wire is not None and world.wire.alive:
            world.push({"type": "error", "error": {"code": "insufficient_quota", "message": "pay"}})
            world.exchange()
        world.apply(act.Stop())
        self._after_the_end()

    @rule()
    def all_comes_to_rest(self) -> None:
        self.world.come_to_rest()

    @invariant()
    def one_more_step(self) -> None:
        """Count the step, judge what was told, and begin anew where the call is over."""
        if not hasattr(self, "world"):
            return
        world = self.world
        self.tally.steps += 1
        self.tally.met.update(kind for kind in KINDS if world.met[kind])
        world.met.clear()
        if world.closed:
            self._after_the_end()
        else:
            world.oracle.check_state(open_calls=world.open)

    def teardown(self) -> None:
        """Everything comes to rest, and then to an end."""
        if hasattr(self, "world"):
            self.world.come_to_rest()
            self.world.apply(act.Stop())

    # -- details -------------------------------------------------------------------------------------

    def _after_the_end(self) -> None:
        world = self.world
        world.apply(act.AppendText("too late", respond=True))
        world.tick()
        world.call()
        self._open()

    def _open(self) -> None:
        wire = self.world.opening
        if wire is not None:
            self.world.open_wire(wire)

    def _be_ready(self) -> None:
        """As far as it can be had at once: a connection, and silence."""
        if not self.world.open:
            self._open()
        self.world.apply(act.Interrupt())
        self.world.flow(0.1)

    def _ask(self, mood: str) -> None:
        self.world.script.next = mood
        self.world.apply(act.AppendText("typed words", respond=True))
        self.world.exchange()

    def _steer(self, mood: str, pause: float) -> None:
        """A hand-off of this mood joins the turn that runs, or one that begins now."""
        if self.world.turns.running is None and self.world.open:
            self.world.apply(self.world.turns.typed())
        self._ask(mood)
        self.world.flow(0.6 + pause)

    def _speak(self, loud: int, quiet: int) -> None:
        wire = self.world.wire
        if wire is not None and wire.alive:
            wire.up.extend(sound(loud, quiet))
