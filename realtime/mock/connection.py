"""One connection to a session: frames in, frames out, and faults on the way."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import assert_never

from realtime.mock.carrier import Carrier
from realtime.mock.faults import CloseWith, Cut, Deliver, Expire, Faults, FrameLine, HangUp, Pause, Step
from realtime.mock.journal import Journal
from realtime.mock.model import Close
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from transports.errors import LinkClosed

Deliverer = Callable[[str | Expire | HangUp], None]
"""Takes what has come: a frame's text, or how the session is to end now."""

_AT_A_STRETCH = 64
"""Frames that one connection may bring before it lets others go on."""

MOST_QUEUED = 32 * 1024 * 1024
"""Characters that wait for a client that does not read, before it is closed with 1008."""


class Connection:
    """A reader and a writer. ``number`` gives an event from outside its ``event_id``.

    What is sent waits here, up to ``MOST_QUEUED``.
    """

    def __init__(
        self,
        conn: str,
        carrier: Carrier,
        *,
        faults: Faults,
        journal: Journal,
        number: Callable[[JsonObject], JsonObject],
    ) -> None:
        self.id = conn
        self._carrier = carrier
        self._faults = faults
        self._journal = journal
        self._number = number
        self._outbox: asyncio.Queue[str | Close] = asyncio.Queue()
        self._queued = 0
        self._over = asyncio.Event()
        self._slow = False
        self._reader: asyncio.Task[None] | None = None
        self._frozen = False

    async def run(self, deliver: Deliverer) -> None:
        """The life of the connection; returns when it is over."""
        async with asyncio.TaskGroup() as group:
            self._reader = group.create_task(self._read(deliver))
            writer = group.create_task(self._write(deliver))
            await self._over.wait()
            self._reader.cancel()
            writer.cancel()
        if self._slow:
            await self._carrier.close(1008, "the client does not read")

    async def stop(self) -> None:
        """Leave: the client sees a close handshake."""
        await self._carrier.close(1001, "going away")
        self._over.set()

    def send(self, text: str) -> None:
        """Send a frame when those before it are gone."""
        if self._queued > MOST_QUEUED:
            self._slow = True
            self._over.set()
            return
        self._queued += len(text)
        self._outbox.put_nowait(text)

    def close(self, how: Close) -> None:
        """End the connection when all that waits is sent."""
        self._outbox.put_nowait(how)

    def push(self, event: JsonObject) -> None:
        """Send an event that the model knows nothing of."""
        self.send(json.encode(self._number(event)))

    async def _read(self, deliver: Deliverer) -> None:
        line = FrameLine()

        async def hand(text: str) -> None:
            deliver(text)

        try:
            for count in itertools.count(1):
                frame = await self._carrier.receive()
                text = frame if isinstance(frame, str) else frame.decode(errors="replace")
                self._journal.write(self.id, "client", text)
                struck = self._faults.strike("client", text)
                if struck or line.holds or self._frozen:
                    for step in line.steps(text, struck):
                        await self._act(step, hand, deliver)
                else:
                    deliver(text)
                if count % _AT_A_STRETCH == 0:
                    await asyncio.sleep(0)
        except LinkClosed:
            self._over.set()

    async def _write(self, deliver: Deliverer) -> None:
        line = FrameLine()
        try:
            while not isinstance(frame := await self._outbox.get(), Close):
                self._queued -= len(frame)
                for step in line.steps(frame, self._faults.strike("server", frame)):
                    if isinstance(step, (Expire, HangUp)):
                        self._forget_queued()
                    await self._act(step, self._send, deliver)
            await self._carrier.close(frame.code, frame.reason)
        except LinkClosed:
            pass
        self._over.set()

    def _forget_queued(self) -> None:
        """What was said after the moment at which the session ends is not said."""
        queued = [self._outbox.get_nowait() for _ in range(self._outbox.qsize())]
        for close in (each for each in queued if isinstance(each, Close)):
            self._outbox.put_nowait(close)
        self._queued = 0

    async def _send(self, text: str) -> None:
        self._journal.write(self.id, "server", text)
        await self._carrier.send(text)

    async def _act(self, step: Step, pass_on: Callable[[str], Awaitable[None]], deliver: Deliverer) -> None:
        """Take a step; raises ``LinkClosed`` where it ends the connection: the frame goes nowhere then."""
        if self._frozen:
            await _forever()
        match step:
            case Deliver(text):
                await pass_on(text)
            case Pause(seconds):
                await (_forever() if seconds is None else asyncio.sleep(seconds))
            case Cut("half_open"):
                await self._freeze()
            case Cut(how):
                await self._carrier.abort(reset=how == "rst")
                raise LinkClosed("cut")
            case CloseWith(code, reason):
                await self._carrier.close(code, reason)
                raise LinkClosed(reason, code=code)
            case Expire() | HangUp():
                deliver(step)
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
