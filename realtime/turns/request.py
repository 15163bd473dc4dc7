"""What a turn is asked for, what it needs of its thread, and who listens to it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from realtime.agents.agent import Memory
from realtime.protocol import appserver as app
from realtime.protocol.ids import CallId, ItemId, TurnId

Commit = Awaitable[list[app.Record]]
HandoffState = Literal["started", "steered", "progress", "finished", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """What an agent is asked to do.

    ``prompt`` is what it is told, ``request`` the bare wish inside it. A hand-off has the ``call_id``
    of its function call, and that call's ``item_id`` where it has one. ``live`` says that a call runs
    on the thread (a hand-off's always does).
    """

    prompt: str
    request: str
    source: Literal["typed", "handoff"]
    metadata: Mapping[str, str] = field(default_factory=dict)
    call_id: CallId | None = None
    item_id: ItemId | None = None
    live: bool = False


class TurnListener(Protocol):
    """A live session that began or joined a turn; its coroutines may wait for room in its inbox."""

    async def said(self, turn_id: TurnId, text: str, *, final: bool) -> None:
        """The agent finished a message: of its result (``final``), or a remark on the way."""
        ...

    async def ended(self, turn_id: TurnId, turn: app.Turn) -> None:
        """The turn is over: ``status``, ``output`` and ``error`` tell how."""
        ...


class TurnLane(Memory, Protocol):
    """What a turn asks of its thread's lane: see ``realtime.lanes.ThreadLane``."""

    @property
    def thread(self) -> app.Thread: ...
    def record(self, *drafts: app.Draft) -> Commit: ...
    def live(self, notification: app.Notification, *, shed: app.Shed = ...) -> None: ...
    async def latest(self, *, methods: Sequence[str], limit: int) -> list[app.Record]: ...


@dataclass(frozen=True, slots=True)
class Started:
    """A turn was begun; ``committed`` is done when its start is stored."""

    turn: app.Turn
    committed: Commit


@dataclass(frozen=True, slots=True)
class Joined:
    """The running turn was steered; ``committed`` is done when what steers it is stored."""

    turn: app.Turn
    committed: Commit
