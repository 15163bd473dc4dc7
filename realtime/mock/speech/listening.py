"""One session's recogniser: a process of its own, fed with turns in their order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from realtime.errors import Overloaded
from realtime.mock.speech.child import Child, ChildGone
from realtime.mock.speech.contracts import BYTES_PER_MS, Forget, Hear, Heard, Report, Unheard
from realtime.mock.speech.decoders import Decoders
from realtime.mock.speech.places import Place

log = logging.getLogger(__name__)

Tell = Callable[[Report], Awaitable[None]]

_MOST_WAITING = 120_000 * BYTES_PER_MS
_CRASHED = "The recogniser stopped unexpectedly; it starts anew for the next turn."
_NOT_STARTED = "The recogniser does not start; the gateway's log says why."
_BEHIND = "The speech came faster than it can be recognised."


class Listening:
    """Each turn ends with its words or with the reason why there are none; a crash costs the turns under way."""

    def __init__(self, decoders: Decoders, place: Place, *, early: bool) -> None:
        self._decoders = decoders
        self._place = place
        self._early = early
        self._orders: asyncio.Queue[Hear | Forget] = asyncio.Queue()
        self._waiting = 0
        self._child: Child | None = None
        self._under_way: dict[str, bool] = {}
        """Turns that the process has begun with, and whether it has all of their sound."""
        self._lost: dict[str, str] = {}

    def take(self, order: Hear | Forget) -> None:
        """Take an order; never waits."""
        if isinstance(order, Hear):
            self._waiting += len(order.pcm)
            if self._waiting > _MOST_WAITING:
                self._lost[order.turn] = _BEHIND
        self._orders.put_nowait(order)

    async def run(self, tell: Tell) -> None:
        """Until cancelled; then the process goes."""
        async with asyncio.TaskGroup() as group:
            try:
                if self._early:
                    await self._begin(group, tell)
                while True:
                    order = await self._orders.get()
                    if isinstance(order, Hear):
                        self._waiting -= len(order.pcm)
                        await self._hear(order, group, tell)
                    else:
                        await self._forget(order.turn)
            finally:
                child, self._child = self._child, None
                if child is not None:
                    await self._decoders.release(child)

    async def _hear(self, order: Hear, group: asyncio.TaskGroup, tell: Tell) -> None:
        turn = order.turn
        if turn not in self._lost and (reason := await self._begin(group, tell)) is not None:
            self._lost[turn] = reason
        if turn in self._lost:
            if order.last:
                await tell(Unheard(turn, self._lost.pop(turn)))
            return
        self._under_way[turn] = order.last
        await self._send({"type": "hear", "turn": turn, "last": order.last}, order.pcm)

    async def _forget(self, turn: str) -> None:
        self._lost.pop(turn, None)
        if self._under_way.pop(turn, None) is not None:
            await self._send({"type": "forget", "turn": turn})

    async def _begin(self, group: asyncio.TaskGroup, tell: Tell) -> str | None:
        """Have a process, begun now if there is none; else the reason why not."""
        if self._child is not None:
            return None
        try:
            self._place.take()
            self._child = await self._decoders.acquire()
        except Overloaded as refused:
            return refused.message
        except ChildGone:
            return _NOT_STARTED
        group.create_task(self._read(self._child, tell))
        return None

    async def _send(self, head: dict[str, object], sound: bytes = b"") -> None:
        if self._child is not None:
            try:
                await self._child.send(head, sound)
            except ChildGone as gone:
                log.debug("the recogniser's process is gone: %s", gone)  # the reader sees it, and deals with it

    async def _read(self, child: Child, tell: Tell) -> None:
        """What the process says, until it ends."""
        try:
            while True:
                head, _ = await child.receive()
                if head["last"] and self._under_way.get(head["turn"]):
                    del self._under_way[head["turn"]]
                await tell(Heard(head["turn"], head["text"], head["last"]))
        except ChildGone:
            if self._child is not child:
                return
        self._child = None
        log.error("the recogniser's process ended unexpectedly; a new one takes its place")
        lost, self._under_way = self._under_way, {}
        await self._decoders.release(child)
        for turn, complete in lost.items():
            if complete:
                await tell(Unheard(turn, _CRASHED))
            else:
                self._lost[turn] = _CRASHED


class Deaf:
    """Takes the place of a recogniser where none is installed, and says so for each turn."""

    def __init__(self, reason: str) -> None:
        self._reason = reason
        self._turns: asyncio.Queue[str] = asyncio.Queue()

    def take(self, order: Hear | Forget) -> None:
        """Take an order; never waits."""
        if isinstance(order, Hear) and order.last:
            self._turns.put_nowait(order.turn)

    async def run(self, tell: Tell) -> None:
        """Until cancelled."""
        while True:
            await tell(Unheard(await self._turns.get(), self._reason))
