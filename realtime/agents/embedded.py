"""The built-in agent: needs no key, no network and no model, and is useful all the same."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Final

from prompts.delegation import request_of
from realtime.agents import dates
from realtime.agents.agent import AgentTask, AgentUpdate, Output
from realtime.agents.arithmetic import evaluate
from realtime.agents.clock import Clock, SystemClock
from realtime.agents.numerals import spoken
from realtime.agents.wishes import wishes

ABILITIES: Final = "I can tell the time and the date and calculate."
_QUESTION: Final = re.compile(
    r"^(?:what(?:'s| is| are)?|how much (?:is|are)|calculate|compute|evaluate|solve|the result of)\s+"
)


class EmbeddedAgent:
    """Answers in short sentences that can be spoken; the same question at the same time has the same answer."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    async def run(self, task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        """Answer every wish of the request."""
        found = wishes(request_of(task.request))
        answers = [self._answer(wish) for wish in found] or [ABILITIES]
        yield Output(" ".join(answers))

    async def close(self) -> None:
        """Nothing is held."""

    def _answer(self, wish: str) -> str:
        low = wish.lower()
        return dates.answer(low, self._clock.now()) or self._calculated(low) or f"I cannot do that. {ABILITIES}"

    def _calculated(self, wish: str) -> str | None:
        expression = _QUESTION.sub("", wish).strip(" =")
        try:
            value = evaluate(expression)
        except ValueError as error:
            return str(error)
        return None if value is None else f"{expression} is {spoken(value)}."
