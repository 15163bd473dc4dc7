"""The built-in agent: needs no key, no network and no model, and is useful all the same."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Final

from prompts.delegation import request_of
from realtime.agents import calculation, dates, notes, times, units
from realtime.agents.agent import AgentTask, AgentUpdate, Memory, Output, Progress, Steering
from realtime.agents.clock import Clock, SystemClock
from realtime.agents.timers import Timers
from realtime.agents.wishes import wishes

ABILITIES: Final = "I can tell the time and date, calculate, convert units, remember things and run timers."

_POSSESSIVE: Final = re.compile(r"\b(?:my|our)\b")
"""What day the person's own appointment is, no calendar knows."""
_ABOUT_ITSELF: Final = re.compile(r"\b(?:who are you|what are you|what can you do|what do you do|help)\b")


class EmbeddedAgent:
    """Answers in short sentences that can be spoken; the same wish at the same moment has the same answer.

    While a timer runs it listens: steering may ask, change or cancel, or wish for something else. All that
    is said meanwhile is progress; the message with which the last timer ends is the result.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    async def run(self, task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        """Answer every wish of the request; with timers, stay until the last of them has ended."""
        timers = Timers()
        said = await self._reply(task.request, timers, task.memory)
        yield Progress(said) if timers else Output(said)
        while timers:
            text = await self._steered(task.steering, timers.next())
            if text is not None:
                said = await self._reply(text, timers, task.memory)
                yield Progress(said) if timers else Output(said)
            for words, last in timers.at(self._clock.monotonic()):
                yield Output(words) if last else Progress(words)

    async def close(self) -> None:
        """Nothing is held."""

    async def _steered(self, steering: Steering, until: float) -> str | None:
        """What steers, or None when the moment has come first."""
        try:
            async with self._clock.timeout(until - self._clock.monotonic()):
                return await anext(aiter(steering))
        except TimeoutError:
            return None

    async def _reply(self, request: str, timers: Timers, memory: Memory) -> str:
        answers = [await self._answer(wish, timers, memory) for wish in wishes(request_of(request))]
        return " ".join(answers) or f"What can I do? {ABILITIES}"

    async def _answer(self, wish: str, timers: Timers, memory: Memory) -> str:
        low, now = wish.lower(), self._clock.now()
        return (
            timers.answer(low, self._clock.monotonic(), now)
            or await notes.answer(wish, memory)
            or (await notes.find(wish, memory) if notes.is_own(wish) else None)
            or (None if _POSSESSIVE.search(low) else times.answer(low, now) or dates.answer(low, now))
            or units.answer(low)
            or calculation.answer(low)
            or await notes.look_up(wish, memory)
            or (ABILITIES if _ABOUT_ITSELF.search(low) else f"I cannot do that. {ABILITIES}")
        )
