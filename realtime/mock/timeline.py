"""What happens by itself: performances that go on as the clock does."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Protocol

from realtime.protocol.json import JsonObject


class Awaited(Protocol):
    """Something that happens outside, at no known time."""

    @property
    def ready(self) -> bool:
        """True once it has happened."""
        ...


Performance = Iterator[float | JsonObject | Awaited]
"""Yields events to send now, numbers: seconds to wait before going on, and what else to wait for."""


class Timeline:
    """Runs performances side by side, each by its own clock, in the order in which they are due.

    Time comes in from outside. A late call makes up for all that was due, in its order.
    """

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Performance]] = []
        self._waiting: list[tuple[Awaited, Performance]] = []
        self._order = 0

    @property
    def deadline(self) -> float | None:
        """When ``run`` has something to do next."""
        return self._due[0][0] if self._due else None

    @property
    def idle(self) -> bool:
        """Whether nothing goes on and nothing waits."""
        return not (self._due or self._waiting)

    def start(self, performance: Performance, now: float) -> None:
        """Begin at ``now``, with the next ``run``."""
        self._push(now, performance)

    def run(self, now: float) -> Iterator[JsonObject]:
        """Everything that is due until ``now``. An event is yielded before what follows it happens."""
        self._wake(now)
        while self._due and self._due[0][0] <= now:
            due, _, performance = heapq.heappop(self._due)
            for step in performance:
                if isinstance(step, (int, float)):
                    self._push(due + step, performance)
                    break
                if isinstance(step, dict):
                    yield step
                elif not step.ready:
                    self._waiting.append((step, performance))
                    break

    def _wake(self, now: float) -> None:
        """What was waited for has happened: go on from now."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        for awaited, performance in waiting:
            if awaited.ready:
                self._push(now, performance)
            else:
                self._waiting.append((awaited, performance))

    def _push(self, due: float, performance: Performance) -> None:
        self._order += 1
        heapq.heappush(self._due, (due, self._order, performance))
