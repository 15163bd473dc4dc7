"""The connections of one call: each has a task that opens it and then reads it, and one that writes.

The tasks do not raise across the session's group: they post what happened and return.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from realtime.core import actions as act
from realtime.core.config import SessionConfig
from realtime.errors import UpstreamClosed, UpstreamError, UpstreamRejected
from realtime.protocol.realtime import ClientEvent
from realtime.queues import UpstreamOutbox
from realtime.session.inbox import Heard
from realtime.session.upstream import ControlPath, UpstreamConnection

log = logging.getLogger(__name__)

LEAVE_S = 1.0
"""What the writer and a closing handshake may take at the end."""
DIAL_S = 5.0
"""How much longer a call that is being made may take, so that it is known and can be hung up."""


@dataclass(slots=True)
class _Wire:
    """One connection with its tasks."""

    reader: asyncio.Task[None]
    connection: UpstreamConnection | None = None
    writer: asyncio.Task[None] | None = None
    fresh: bool = True
    """Nothing could be sent yet: what a new connection is told at once is bounded by who tells it."""


class Wires:
    """``post`` puts a message into the session's inbox, waiting for room."""

    def __init__(
        self,
        config: SessionConfig,
        path: ControlPath,
        outbox: UpstreamOutbox,
        post: Callable[[Heard | act.Command], Awaitable[None]],
    ) -> None:
        self._config = config
        self._path = path
        self._outbox = outbox
        self._post = post
        self._wires: dict[int, _Wire] = {}
        self._dialling: asyncio.Task[None] | None = None
        self.group: asyncio.TaskGroup | None = None
        """Owns the tasks; None before the session runs."""

    def dial(self, delay: float) -> None:
        """Have the call made after ``delay`` seconds."""
        if self.group is not None:
            self._dialling = self.group.create_task(self._dial(delay))

    def open(self, generation: int, delay: float) -> None:
        """Make the connection of this generation after ``delay`` seconds."""
        if self.group is not None:
            self._wires[generation] = _Wire(self.group.create_task(self._read(generation, delay)))

    def begin(self, action: act.Begin) -> None:
        """Talk over this connection from now on; others are left."""
        for generation in [known for known in self._wires if known < action.generation]:
            self.drop(generation)
        wire = self._wires.get(action.generation)
        if wire is None or wire.connection is None or self.group is None:
            return
        encoded = [wire.connection.codec.encode(event) for event in action.events]
        preamble = [text for text in encoded if text is not None]
        self._outbox.attend(True)
        wire.writer = self.group.create_task(self._write(wire, wire.connection, preamble))

    def send(self, generation: int, event: ClientEvent) -> None:
        """Queue an event in the words of this connection; raises ``Overloaded``."""
        wire = self._wires.get(generation)
        codec = wire.connection.codec if wire is not None and wire.connection is not None else None
        text = codec.encode(event) if codec is not None else event.model_dump_json(exclude_none=True)
        if text is not None:
            self._outbox.put(text, bounded=wire is None or not wire.fresh)

    def drop(self, generation: int) -> None:
        """End a connection, unless it has ended."""
        wire = self._wires.pop(generation, None)
        if wire is None:
            return
        wire.reader.cancel()
        if wire.writer is not None:
            wire.writer.cancel()
            self._outbox.attend(False)
            self._outbox.drop_control()  # what must survive stands in the history

    async def leave(self) -> None:
        """Let the writer send what is left, then end every connection."""
        self._outbox.drop_audio()
        self._outbox.close()
        writers = [wire.writer for wire in self._wires.values() if wire.writer is not None]
        if writers:
            await asyncio.wait(writers, timeout=LEAVE_S)
        for wire in self._wires.values():
            for task in (wire.reader, wire.writer):
                if task is not None:
                    task.cancel()
        if self._dialling is not None:
            await asyncio.wait([self._dialling], timeout=DIAL_S)
            self._dialling.cancel()

    async def _dial(self, delay: float) -> None:
        if self._path.dial is None:
            return
        try:
            await _pause(delay)
            await self._post(act.CallAnswered(await self._path.dial(self._config)))
        except UpstreamError as error:
            await self._post(act.CallRefused(_loss(error)))

    async def _read(self, generation: int, delay: float) -> None:
        """Open a connection, then read it to its end."""
        connection: UpstreamConnection | None = None
        try:
            await _pause(delay)
            connection = self._wires[generation].connection = await self._path.open(self._config)
            await self._post(act.UpstreamOpened(generation))
            while True:
                await self._post(Heard(generation, await connection.receive()))
        except UpstreamError as error:
            await self._post(act.UpstreamLost(generation, _loss(error)))
        finally:
            if connection is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LEAVE_S):
                        await connection.close()

    async def _write(self, wire: _Wire, connection: UpstreamConnection, preamble: list[str]) -> None:
        wire.fresh = False
        try:
            for text in preamble:
                await connection.send(text)
            while (queued := await self._outbox.get()) is not None:
                await connection.send(queued)
        except UpstreamClosed:
            log.debug("call %s: the upstream is gone", self._config.session_id)  # the reader says why


async def _pause(delay: float) -> None:
    if delay:
        await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret


def _loss(error: UpstreamError) -> act.Loss:
    """What the core is told of it."""
    clean = isinstance(error, UpstreamClosed) and error.clean
    gone = isinstance(error, UpstreamRejected) and error.status in (404, 410)
    # A model in this process that has no place says so at once: the person can type meanwhile.
    wait_s = (error.retry_after_ms or 0) / 1000 if isinstance(error, UpstreamRejected) else 0.0
    return act.Loss(
        error.message, code=error.code, clean=clean, retryable=error.retryable, gone=gone, retry_after_s=wait_s
    )
