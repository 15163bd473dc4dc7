"""A memory, a time and tasks for agents under test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal

from realtime.agents.agent import AgentMessage, AgentTask, AgentUpdate, BackgroundAgent, Output, Progress
from realtime.agents.embedded import EmbeddedAgent
from realtime.agents.steering import Ear
from realtime.protocol.ids import ThreadId, TurnId

NOON = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)
"""A Wednesday."""


class Memory:
    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def remember(self, key: str, value: str) -> None:
        self.kept[key] = value

    async def recall(self) -> Mapping[str, str]:
        return dict(self.kept)


class Time:
    """A clock that moves only when told to; ``asked`` is set whenever somebody waits."""

    def __init__(self) -> None:
        self._passed = 0.0
        self._alarms: list[tuple[float, asyncio.Timeout]] = []
        self.asked = asyncio.Event()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[None]:
        async with asyncio.timeout(None if seconds > 0 else 0) as alarm:
            entry = (self._passed + seconds, alarm)
            self._alarms.append(entry)
            self.asked.set()
            try:
                yield
            finally:
                self._alarms.remove(entry)

    async def pass_by(self, seconds: float) -> None:
        """Let time pass; those whose time is up are woken. Somebody must wait."""
        async with asyncio.timeout(5):
            await self.asked.wait()
        self.asked.clear()
        self._passed += seconds
        for due, alarm in self._alarms:
            if due <= self._passed:
                alarm.reschedule(asyncio.get_running_loop().time())


def task(
    request: str,
    *,
    prompt: str | None = None,
    ear: Ear | None = None,
    memory: Memory | None = None,
    history: Sequence[AgentMessage] = (),
    conversation: Literal["live", "ended"] | None = None,
) -> AgentTask:
    return AgentTask(
        thread_id=ThreadId("thread"),
        turn_id=TurnId("turn"),
        prompt=prompt or request,
        request=request,
        steering=ear or new_ear(),
        memory=memory or Memory(),
        history=history,
        metadata={"x-codex-turn-metadata": "{}"},
        conversation=conversation,
    )


def new_ear(limit: int = 16) -> Ear:
    return Ear(limit, lambda text: None)


async def updates(agent: BackgroundAgent, given: AgentTask) -> list[AgentUpdate]:
    return [update async for update in agent.run(given)]


async def reply(agent: BackgroundAgent, request: str, memory: Memory | None = None) -> str:
    """The one message that answers a request."""
    said = await updates(agent, task(request, memory=memory))
    assert len(said) == 1
    assert isinstance(said[0], Output)
    return said[0].text


class Talk:
    """The embedded agent at work, in a task of ``group``: what it says, and a way to steer it."""

    def __init__(self, group: asyncio.TaskGroup, request: str) -> None:
        self.clock = Time()
        self.ear = new_ear()
        self._said: asyncio.Queue[AgentUpdate | None] = asyncio.Queue()
        self.work = group.create_task(self._listen(task(request, ear=self.ear)))

    async def _listen(self, given: AgentTask) -> None:
        async for update in EmbeddedAgent(self.clock).run(given):
            self._said.put_nowait(update)
        self._said.put_nowait(None)

    async def next(self) -> str | None:
        """The next text, remarks in brackets; None at the end."""
        async with asyncio.timeout(5):
            update = await self._said.get()
        return f"({update.text})" if isinstance(update, Progress) else update.text if update else None


@asynccontextmanager
async def talking(request: str) -> AsyncIterator[Talk]:
    """A talk that is over, or cancelled, by the end of the block."""
    async with asyncio.TaskGroup() as group:
        yield Talk(group, request)
