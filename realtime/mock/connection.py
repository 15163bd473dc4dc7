"""A model at work on a connection: frames in, frames out, time, and faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, assert_never

from realtime.mock.faults import CloseWith, Cut, Deliver, Expire, Faults, FrameLine, Pause, Step
from realtime.mock.journal import Journal
from realtime.mock.model import Close, Effect, MockModel
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from transports.errors import LinkClosed
from transports.link import MessageLink

_INBOX = 256


class Carrier(MessageLink, Protocol):
    """A message link that can also break."""

    async def abort(self, *, reset: bool) -> None:
        """End it without a close handshake, by RST if asked for."""
        ...


class MemoryCarrier:
    """A plain link as a carrier: it cannot break, only end."""

    def __init__(self, link: MessageLink) -> None:
        self._link = link

    async def send(self, text: str) -> None:
        """Pass it on."""
        await self._link.send(text)

    async def receive(self) -> str | bytes:
        """Pass it on."""
        return await self._link.receive()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Pass it on."""
        await self._link.close(code, reason)

    async def abort(self, *, reset: bool) -> None:
        """End the link; what ends in memory leaves no trace of how."""
        del reset
        await self._link.close(1006, "aborted")


def unix_clock() -> Callable[[], float]:
    """Unix seconds that never jump; to be made inside a running loop."""
    loop = asyncio.get_running_loop()
    offset = time.time() - loop.time()
    return lambda: loop.time() + offset


@dataclass(frozen=True, slots=True)
class Tick:
    """The model's deadline has come."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The connection has ended."""


class Connection:
    """Runs one session until either side ends it. One task owns the model; a reader and a writer move frames."""

    def __init__(self, conn: str, carrier: Carrier, model: MockModel, *, faults: Faults, journal: Journal) -> None:
        self.id = conn
        self.model = model
        self._carrier = carrier
        self._faults = faults
        self._journal = journal
        self._clock = unix_clock()
        self._inbox: asyncio.Queue[str | Tick | Expire | Gone] = asyncio.Queue(_INBOX)
        self._outbox: asyncio.Queue[Effect] = asyncio.Queue()
        self._reader: asyncio.Task[None] | None = None
        self._frozen = False

    async def run(self) -> None:
        """The life of the connection; returns when it is over."""
        async with asyncio.TaskGroup() as group:
            self._reader = group.create_task(self._read())
            writer = group.create_task(self._write())
            if await self._own():
                await asyncio.wait((self._reader, writer), return_when=asyncio.FIRST_COMPLETED)
            self._reader.cancel()
            writer.cancel()

    async def stop(self) -> None:
        """Leave: the client sees a close handshake."""
        await self._carrier.close(1001, "going away")

    def push(self, event: JsonObject) -> None:
        """Send an event that the model knows nothing of."""
        self._outbox.put_nowait(self.model.push(event))

    async def _own(self) -> bool:
        """Drive the model; True when it ended the session, False when the client has gone."""
        loop = asyncio.get_running_loop()
        self._emit(self.model.opened(self._clock()))
        while not self.model.closed:
            alarm = self._arm(loop)
            message = await self._inbox.get()
            if alarm is not None:
                alarm.cancel()
            if isinstance(message, Gone):
                return False
            self._emit(self._handle(message))
        return True

    def _arm(self, loop: asyncio.AbstractEventLoop) -> asyncio.TimerHandle | None:
        deadline = self.model.deadline
        if deadline is None:
            return None
        return loop.call_later(max(0.0, deadline - self._clock()), self._ring)

    def _ring(self) -> None:
        if not self._inbox.full():  # a full inbox wakes the owner by itself, and every message carries the time
            self._inbox.put_nowait(Tick())

    def _handle(self, message: str | Tick | Expire) -> list[Effect]:
        now = self._clock()
        if isinstance(message, Tick):
            return self.model.tick(now)
        if isinstance(message, Expire):
            return self.model.expire()
        try:
            event = json.decode_object(message)
        except ValueError as error:
            return self.model.misread(str(error), now)
        return self.model.receive(event, now)

    def _emit(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._outbox.put_nowait(effect)

    # -- moving frames ---------------------------------------------------------------------

    async def _read(self) -> None:
        line = FrameLine()
        try:
            while True:
                frame = await self._carrier.receive()
                text = frame if isinstance(frame, str) else frame.decode(errors="replace")
                self._journal.write(self.id, "client", text)
                for step in line.steps(text, self._faults.strike("client", text)):
                    await self._act(step, self._inbox.put)
        except LinkClosed:
            await self._inbox.put(Gone())

    async def _write(self) -> None:
        line = FrameLine()
        try:
            while not isinstance(effect := await self._outbox.get(), Close):
                text = json.encode(effect)
                for step in line.steps(text, self._faults.strike("server", text)):
                    await self._act(step, self._send)
            await self._carrier.close(effect.code, effect.reason)
        except LinkClosed:
            await self._inbox.put(Gone())

    async def _send(self, text: str) -> None:
        self._journal.write(self.id, "server", text)
        await self._carrier.send(text)

    async def _act(self, step: Step, deliver: Callable[[str], Awaitable[None]]) -> None:
        if self._frozen:
            await _forever()
        match step:
            case Deliver(text):
                await deliver(text)
            case Pause(seconds):
                await (_forever() if seconds is None else asyncio.sleep(seconds))
            case Cut("half_open"):
                await self._freeze()
            case Cut(how):
                await self._carrier.abort(reset=how == "rst")
            case CloseWith(code, reason):
                await self._carrier.close(code, reason)
            case Expire():
                await self._inbox.put(step)
            case _:
                assert_never(step)

    async def _freeze(self) -> None:
        """Half-open: nothing is read any more, not even a ping, and nothing is written."""
        self._frozen = True
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()
        await _forever()


async def _forever() -> None:
    await asyncio.get_running_loop().create_future()
