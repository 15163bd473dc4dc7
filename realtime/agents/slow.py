"""An agent that is slow when told to be, so that people can see a talk go on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from realtime.agents.agent import AgentTask, AgentUpdate, BackgroundAgent, Progress

SLOW_S: Final = 8.0
_NAME: Final = "slow-agent"
_MOST: Final = 1000
"""Threads that wait for such a task, whose people may never ask for one."""


class SlowAgent:
    """Another agent, whose next task of a thread takes ``SLOW_S`` longer after a strike."""

    def __init__(self, agent: BackgroundAgent) -> None:
        self._agent = agent
        self._slow: dict[str, None] = {}

    async def run(self, task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        """As the other agent, perhaps later."""
        if task.thread_id in self._slow:
            del self._slow[task.thread_id]
            yield Progress(f"This takes about {SLOW_S:.0f} seconds longer, on purpose.")
            await asyncio.sleep(SLOW_S)
        async with aclosing(self._agent.run(task)) as updates:
            async for update in updates:
                yield update

    async def close(self) -> None:
        """End the other agent."""
        await self._agent.close()

    def offered(self) -> dict[str, str]:
        """The harm, and what its button says."""
        return {_NAME: "Slow the agent down"}

    def strike(self, name: str, label: str) -> str:
        """Make the next task of this thread slow."""
        del name
        self._slow[label] = None
        while len(self._slow) > _MOST:
            del self._slow[next(iter(self._slow))]
        return f"The agent's next task takes {SLOW_S:.0f} seconds longer. Talk on meanwhile, steer it, or cancel it."
