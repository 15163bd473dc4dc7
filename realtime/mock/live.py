"""A live session: a model, its clock, and the connections that speak with it."""

from __future__ import annotations

import asyncio
import math

from realtime.mock.clock import Clock
from realtime.mock.connection import Connection
from realtime.mock.faults import Expire, HangUp
from realtime.mock.model import Close, Effect, MockModel
from realtime.mock.speech.contracts import Engines, Report
from realtime.protocol import json
from transports.peer import MediaPeer


class LiveSession:
    """Runs one model. All its connections send to it and see the same events.

    Law: whoever brings something has it dealt with at once and in whole; nothing here waits meanwhile, so
    nothing comes between. It ends with the model, by ``hang_up``, or when the last connection has gone.
    """

    def __init__(
        self, model: MockModel, clock: Clock, *, call_id: str | None = None, engines: Engines | None = None
    ) -> None:
        self.model = model
        self._engines = engines
        self.call_id = call_id
        self.peer: MediaPeer | None = None
        """What speaks and listens, in a call."""
        self.connections: dict[str, Connection] = {}
        self._clock = clock
        self._rung = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._due = math.inf
        self._hung_up = False

    @property
    def over(self) -> bool:
        """Whether it has ended, though its connections may still be told."""
        return self._hung_up or self.model.closed

    async def run(self, first: Connection) -> None:
        """From the first connection to the end."""
        self.connections[first.id] = first
        async with asyncio.TaskGroup() as group:
            self._emit(self.model.opened(self._clock.now()))
            keeper = group.create_task(self._keep_time())
            if self._engines is not None:
                engines = group.create_task(self._engines.run(self._hear_of))
                keeper.add_done_callback(lambda _: engines.cancel())
            await self._attend(first)

    async def join(self, connection: Connection) -> None:
        """Let another connection take part until it has gone."""
        connection.push({"type": "session.created", "session": self.model.state()["session"]})
        self.connections[connection.id] = connection
        await self._attend(connection)

    def hear(self, pcm: bytes) -> None:
        """Take sound of a call."""
        if not self.over:
            self._take(self.model.hear(pcm, self._clock.now()))

    def played(self, item_id: str) -> None:
        """What a call was given of an item has been played."""
        if not self.over:
            self._take(self.model.played(item_id, self._clock.now()))

    def hang_up(self) -> None:
        """End it for all; again, it does nothing."""
        if self._hung_up:
            return
        self._hung_up = True
        self._emit([Close(1000, "hung up")])
        self.ring()

    def take(self, message: str) -> None:
        """A message from none of the connections."""
        self._deal(message)

    def ring(self) -> None:
        """Have the clock looked at, and whether anybody is there."""
        self._rung.set()

    async def _attend(self, connection: Connection) -> None:
        try:
            await connection.run(self._deal)
        finally:
            del self.connections[connection.id]
            self.ring()

    async def _hear_of(self, report: Report) -> None:
        self._deal(report)

    def _deal(self, message: str | Expire | HangUp | Report) -> None:
        """Take what a connection or an engine brings."""
        if isinstance(message, HangUp):
            self.hang_up()
        elif not self._hung_up:
            self._take(self._answer(message))

    def _take(self, effects: list[Effect]) -> None:
        self._emit(effects)
        self._order()
        self._arm()
        if self.model.closed:
            self.ring()

    def _order(self) -> None:
        """Pass on what ears and mouth outside are to do."""
        if self._engines is not None:
            for order in self.model.orders():
                self._engines.take(order)

    def _answer(self, message: str | Expire | Report) -> list[Effect]:
        now = self._clock.now()
        if isinstance(message, Expire):
            return self.model.expire()
        if not isinstance(message, str):
            return self.model.told(message, now)
        try:
            event = json.decode_object(message)
        except ValueError as error:
            return self.model.misread(str(error), now)
        return self.model.receive(event, now)

    async def _keep_time(self) -> None:
        try:
            while self.connections and not self.over:
                self._arm()
                await self._rung.wait()
                self._rung.clear()
                self._disarm()
                self._emit(self.model.tick(self._clock.now()))
                self._order()
        finally:
            self._disarm()

    def _arm(self) -> None:
        """Ring when the model's deadline comes. An alarm that rings too early is cheaper than a new one each time."""
        deadline = self.model.deadline
        if deadline is None or deadline >= self._due:
            return
        self._disarm()
        self._due = deadline
        wait_s = max(0.0, deadline - self._clock.now())
        self._alarm = asyncio.get_running_loop().call_later(wait_s, self.ring)

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._due = None, math.inf

    def _emit(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Close):
                for connection in self.connections.values():
                    connection.close(effect)
                continue
            text = json.encode(effect)
            for connection in self.connections.values():
                connection.send(text)
