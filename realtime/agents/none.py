"""No background agent: every wish is refused, clearly."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from realtime.agents.agent import AgentTask, AgentUpdate
from realtime.errors import AgentError


class NoAgent:
    """Refuses every task."""

    async def run(self, task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        """Raises ``AgentError``."""
        raise AgentError("no background agent is set up here")
        yield  # makes this a generator

    async def close(self) -> None:
        """Nothing is held."""
