"""A live session: a model, its clock, and the connections that speak with it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from realtime.mock.clock import Clock
from realtime.mock.connection import Connection
from realtime.mock.faults import Expire
from realtime.mock.model import Close, Effect, MockModel
from realtime.mock.speech.contracts import Engines, Report
from realtime.protocol import json

_INBOX = 256


@dataclass(frozen=True, slots=True)
class Tick:
    """The model's deadline has come, or the connections have changed."""


class LiveSession:
    """Runs one model. One task owns it; all its connections send to it and see the same events.

    It ends with the model, by ``hang_up``, or when the last connection has gone.
    """

    def __init__(
        self, model: MockModel, clock: Clock, *, call_id: str | None = None, engines: Engines | None = None
    ) -> None:
        self.model = model
        self._engines = engines
        self.call_id = call_id
        self.connections: dict[str, Connection] = {}
        self._clock = clock
        self._inbox: asyncio.Queue[str | Expire | Tick | Report] = asyncio.Queue(_INBOX)
        self._hung_up = False

    async def run(self, first: Connection) -> None:
        """From the first connection to the end."""
        self.connections[first.id] = first
        async with asyncio.TaskGroup() as group:
            owner = group.create_task(self._own())
            if self._engines is not None:
                engines = group.create_task(self._engines.run(self._inbox.put))
                owner.add_done_callback(lambda _: engines.cancel())
            await self._attend(first)

    async def join(self, connection: Connection) -> None:
        """Let another connection take part until it has gone."""
        connection.push({"type": "session.created", "session": self.model.state()["session"]})
        self.connections[connection.id] = connection
        await self._attend(connection)

    def hang_up(self) -> None:
        """End it for all."""
        self._hung_up = True
        self.ring()

    def ring(self) -> None:
        """Have the owner look at the clock."""
        if not self._inbox.full():  # a full inbox wakes the owner by itself, and every message carries the time
            self._inbox.put_nowait(Tick())

    async def _attend(self, connection: Connection) -> None:
        try:
            await connection.run(self._inbox.put)
        finally:
            del self.connections[connection.id]
            self.ring()

    async def _own(self) -> None:
        self._emit(self.model.opened(self._clock.now()))
        while self.connections and not self.model.closed:
            if self._hung_up:
                self._emit([Close(1000, "hung up")])
                return
            alarm = self._arm()
            message = await self._inbox.get()
            if alarm is not None:
                alarm.cancel()
            self._emit(self._handle(message))
            self._order()

    def _order(self) -> None:
        """Pass on what ears and mouth outside are to do."""
        if self._engines is not None:
            for order in self.model.orders():
                self._engines.take(order)

    def _arm(self) -> asyncio.TimerHandle | None:
        deadline = self.model.deadline
        if deadline is None:
            return None
        return asyncio.get_running_loop().call_later(max(0.0, deadline - self._clock.now()), self.ring)

    def _handle(self, message: str | Expire | Tick | Report) -> list[Effect]:
        now = self._clock.now()
        if isinstance(message, Tick):
            return self.model.tick(now)
        if isinstance(message, Expire):
            return self.model.expire()
        if not isinstance(message, str):
            return self.model.told(message, now)
        try:
            event = json.decode_object(message)
        except ValueError as error:
            return self.model.misread(str(error), now)
        return self.model.receive(event, now)

    def _emit(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Close):
                for connection in self.connections.values():
                    connection.close(effect)
                continue
            text = json.encode(effect)
            for connection in self.connections.values():
                connection.send(text)
