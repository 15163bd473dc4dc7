"""An agent for scripted talks: its answers depend on nothing but the request."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from prompts.delegation import request_of
from realtime.agents.agent import AgentTask, AgentUpdate, Output, Progress
from realtime.settings import AgentSettings

SPEC = f"{__name__}:make"
QUICK = "That makes 144."
BEGUN = "The slow work has begun."
DONE = "The slow work is done."
GO = "you may finish now"


class Errands:
    """Answers at once, save for slow work: that waits until it is steered with ``GO``."""

    async def run(self, task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        """One errand."""
        if "slow" not in request_of(task.request):
            yield Output(QUICK)
            return
        yield Progress(BEGUN)
        async for words in task.steering:
            if GO in words:
                break
        yield Output(DONE)

    async def close(self) -> None:
        """Nothing is held."""


def make(settings: AgentSettings) -> Errands:
    """The factory that ``agent.spec`` names."""
    del settings
    return Errands()
