"""The built-in agent: needs no key, no network and no model, and is useful all the same."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Final

from prompts.delegation import request_of
from realtime.agents import dates, notes, units
from realtime.agents.agent import AgentTask, AgentUpdate, Memory, Output, Progress, Steering
from realtime.agents.arithmetic import evaluate
from realtime.agents.clock import Clock, SystemClock
from realtime.agents.numerals import spoken
from realtime.agents.timers import Timers
from realtime.agents.wishes import wishes

ABILITIES: Final = "I can tell the time and date, calculate, convert units, remember things and run timers."

_QUESTION: Final = re.compile(
    r"^(?:what(?:'s| is| are| do you get (?:for|if you))?|how much (?:is|are|makes?)|calculate|compute|evaluate|solve"
    r"|the (?:result|value) of)\s+"
)
_ORDER: Final = re.compile(r"^(?:add|subtract|multiply|divide)\b")
_ABOUT_ITSELF: Final = re.compile(r"\b(?:who are you|what are you|what can you do|what do you do|help)\b")


class EmbeddedAgent:
    """Answers in short sentences that can be spoken; the same wish at the same moment has the same answer.

    While a timer runs it listens: steering may ask, change or cancel, or wish for something else.
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
                yield Output(await self._reply(text, timers, task.memory))
            for words, over in timers.at(self._clock.monotonic()):
                yield Output(words) if over else Progress(words)

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
        low = wish.lower()
        return (
            timers.answer(low, self._clock.monotonic())
            or await notes.answer(wish, memory)
            or dates.answer(low, self._clock.now())
            or units.answer(low)
            or _calculated(low)
            or await notes.look_up(wish, memory)
            or (ABILITIES if _ABOUT_ITSELF.search(low) else f"I cannot do that. {ABILITIES}")
        )


def _calculated(wish: str) -> str | None:
    expression = _QUESTION.sub("", wish).strip(" =")
    try:
        value = evaluate(expression)
    except ValueError as error:
        return str(error)
    if value is None:
        return None
    subject = "the result" if _ORDER.match(expression) else expression
    return f"{subject[:1].upper()}{subject[1:]} is {spoken(value)}."
