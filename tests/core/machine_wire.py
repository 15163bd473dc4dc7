"""A connection of the state machine: a voice model behind a line that loses, doubles and delays."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from realtime.core.actions import Loss
from realtime.mock.model import Close, Effect, MockModel
from realtime.protocol.json import JsonObject

LATE_S = 2.0
"""What is late comes after this time, however few events overtake it."""

Fate = Literal["lose", "double", "late"]


@dataclass(slots=True)
class Weather:
    """Which of the events to come are struck: after ``skip`` others, one of this fate, ``window`` places late."""

    strikes: deque[tuple[int, Fate, int]] = field(default_factory=deque)
    passed: int = 0

    def next(self) -> tuple[Fate, int] | None:
        """What becomes of the next event."""
        if not self.strikes or self.passed < self.strikes[0][0]:
            self.passed += 1
            return None
        _, fate, window = self.strikes.popleft()
        self.passed = 0
        return fate, window

    def clear(self) -> None:
        """Nothing is struck any more."""
        self.strikes.clear()


@dataclass(slots=True)
class _Late:
    event: JsonObject
    window: int
    due: float


class Wire:
    """One connection. ``up`` and ``down`` are what is on the way; nothing moves by itself."""

    def __init__(self, generation: int, model: MockModel, weather: Weather) -> None:
        self.generation = generation
        self.model = model
        self.phase: Literal["opening", "open", "gone"] = "opening"
        self.dead = False
        """Broken, and nobody has noticed."""
        self.loss: Loss | None = None
        """What is to be reported when ``down`` is empty."""
        self.begun = False
        self.told: set[str | None] = set()
        """Ids of events that arrived: of a double, the first one counts."""
        self.up: deque[JsonObject] = deque()
        self.down: deque[JsonObject] = deque()
        self._late: list[_Late] = []
        self._weather = weather

    @property
    def alive(self) -> bool:
        """True while events can pass."""
        return self.phase == "open" and not self.dead

    @property
    def idle(self) -> bool:
        """True when nothing is on the way."""
        return not (self.up or self.down or self._late)

    @property
    def deadline(self) -> float | None:
        """When something happens here by itself."""
        dues = [late.due for late in self._late]
        if self.alive and self.loss is None and self.model.deadline is not None:
            dues.append(self.model.deadline)
        return min(dues, default=None)

    def take(self, effects: list[Effect]) -> None:
        """What the model says goes on its way."""
        for effect in effects:
            if isinstance(effect, Close):
                self.loss = Loss(effect.reason, clean=True)
            else:
                self.down.append(effect)

    def tick(self, now: float) -> None:
        """Time passes at the model, and for what is late."""
        if self.alive and self.loss is None:
            self.take(self.model.tick(now))
        for late in [late for late in self._late if late.due <= now]:
            self._late.remove(late)
            self.down.append(late.event)

    def arrive(self, now: float) -> tuple[JsonObject | None, JsonObject | None]:
        """The next event that comes out: (what arrives, what was lost)."""
        event = self.down.popleft()
        struck = self._weather.next()
        for late in self._late:
            late.window -= 1
        for late in [late for late in self._late if late.window <= 0]:
            self._late.remove(late)
            self.down.appendleft(late.event)
        if struck is None:
            return event, None
        fate, window = struck
        if fate == "lose":
            return None, event
        self._late.append(_Late(event, window, now + LATE_S))
        return (event if fate == "double" else None), None

    def cut(self) -> None:
        """Whatever was on the way is gone."""
        self.up.clear()
        self.down.clear()
        self._late.clear()
