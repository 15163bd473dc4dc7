"""An agent that is slow when told to be, so that people can see a talk go on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from realtime.agents.agent import AgentTask, AgentUpdate, BackgroundAgent, Progress

SLOW_S: Final = 8.0
_NAME: Final = "slow-agent"


class SlowAgent:
    """Another agent, whose next task takes ``SLOW_S`` longer after a strike."""

    def __init__(self, agent: BackgroundAgent) -> None:
        self._agent = agent
        self._slow = False

    async def run(self, task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        """As the other agent, perhaps later."""
        if self._slow:
            self._slow = False
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
        """Make the next task slow, whosever it is."""
        del name, label
        self._slow = True
        return f"The agent's next task takes {SLOW_S:.0f} seconds longer. Talk on meanwhile, steer it, or cancel it."
