"""The contract of a background agent: who does the work that the voice hands over."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from realtime.protocol.ids import ThreadId, TurnId


@dataclass(frozen=True, slots=True)
class Progress:
    """A finished remark on the way: the voice may mention it."""

    text: str


@dataclass(frozen=True, slots=True)
class Output:
    """A finished message of the result. The last one of a turn is the turn's output."""

    text: str


AgentUpdate = Progress | Output


@dataclass(frozen=True, slots=True)
class AgentMessage:
    """A line of what the agent was told or said in the thread's earlier turns."""

    role: Literal["user", "assistant"]
    text: str


class Memory(Protocol):
    """Remember and recall within the thread."""

    async def remember(self, key: str, value: str) -> None:
        """Keep ``value`` under ``key`` for as long as the thread lives."""
        ...

    async def recall(self) -> Mapping[str, str]:
        """All that was remembered, oldest first."""
        ...


class Steering(Protocol):
    """The agent's ear while it works."""

    def __aiter__(self) -> AsyncIterator[str]:
        """Texts that steer the running task, as they come; never ends by itself."""
        ...

    def take(self) -> list[str]:
        """What has come and was not read yet, without waiting."""
        ...


@dataclass(frozen=True, slots=True)
class AgentTask:
    """One run. ``prompt`` is what the agent is told; ``request`` is the bare wish inside it.

    For a hand-off ``prompt`` is the ``<realtime_delegation>`` text and ``request`` what the voice
    passed on; for a typed turn both are the person's words. ``metadata`` is sent along where the
    agent's service takes metadata. ``conversation`` says whether the person talks with the voice
    right now, or did before in this thread; None: there was no spoken conversation.
    """

    thread_id: ThreadId
    turn_id: TurnId
    prompt: str
    request: str
    steering: Steering
    memory: Memory
    history: Sequence[AgentMessage] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    conversation: Literal["live", "ended"] | None = None


@runtime_checkable
class BackgroundAgent(Protocol):
    """Runs tasks, several at once (one a thread)."""

    def run(self, task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        """Work on the task; the end of the generator is the end of the turn.

        Raises ``AgentError`` when it fails. Cancelling the consuming task, or closing the generator,
        stops the work. What steers the task and was never read is run as a task of its own afterwards,
        in the same turn, so an agent need not listen.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
