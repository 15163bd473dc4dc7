"""The agent that is slow on purpose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from realtime.agents.agent import Progress
from realtime.agents.none import NoAgent
from realtime.agents.slow import SlowAgent
from realtime.errors import AgentError
from realtime.protocol.ids import ThreadId
from tests.agents.fakes import task


async def test_only_the_thread_that_was_struck_is_slow_and_only_once() -> None:
    agent = SlowAgent(NoAgent())
    struck = task("what time is it")
    other = replace(struck, thread_id=ThreadId("another"))
    agent.strike("slow-agent", struck.thread_id)
    with pytest.raises(AgentError):  # at once: there is no agent behind it
        await anext(agent.run(other))
    assert isinstance(await anext(agent.run(struck)), Progress)
    with pytest.raises(AgentError):
        await anext(agent.run(struck))
