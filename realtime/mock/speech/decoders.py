"""The processes that recognise: one a session, one more kept warm as long as there are places."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from realtime.mock.speech.child import Child, ChildGone, start
from realtime.mock.speech.model_folder import ENGINE, RecognitionModel, refused

log = logging.getLogger(__name__)

MODULE = "listening_child"
_START_S = 60.0
_ATTEMPTS = 2


async def prove(model: RecognitionModel) -> None:
    """Have a process load the model once; raises ``ConfigurationError`` when it does not come to hear."""
    try:
        child = await start(MODULE, str(model.folder))
        try:
            async with asyncio.timeout(_START_S):
                await child.receive()
        finally:
            await child.stop()
    except (ChildGone, TimeoutError):
        raise refused(model.folder, f"{ENGINE} does not load it as {model.kind}; its own words stand above") from None


class Decoders:
    """Lends processes that are ready. ``begin`` comes first; what is started belongs to that group."""

    def __init__(self, places: int, folder: Path | None = None) -> None:
        self._places = places
        self._arguments = () if folder is None else (str(folder),)
        self._ready: asyncio.Queue[Child | None] = asyncio.Queue()
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._waiting = 0
        self._held = 0

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Start the first one now: loading the models takes half a second of a core."""
        self._group = group
        self._top_up()

    async def acquire(self) -> Child:
        """A process for one session; raises ``ChildGone`` when none can be started."""
        self._waiting += 1
        try:
            child = await self._next()
        finally:
            self._waiting -= 1
        self._held += 1
        self._top_up()
        return child

    async def release(self, child: Child) -> None:
        """It is not needed any more, or has ended. None serves two sessions: it has learned a voice."""
        self._held -= 1
        await child.stop()
        self._top_up()

    async def close(self) -> None:
        """End those that wait, and start no more."""
        self._group = None
        for task in self._tasks:
            task.cancel()
        while not self._ready.empty():
            child = self._ready.get_nowait()
            if child is not None:
                await child.stop()

    async def _next(self) -> Child:
        for _ in range(_ATTEMPTS):
            self._top_up()
            child = await self._ready.get()
            if child is not None and child.running:
                return child
        raise ChildGone("the recogniser does not start")

    def _top_up(self) -> None:
        spare = 1 if self._held + self._waiting < self._places else 0
        while self._group is not None and self._ready.qsize() + self._starting < self._waiting + spare:
            self._starting += 1
            task = self._group.create_task(self._start())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _start(self) -> None:
        child: Child | None = None
        try:
            async with asyncio.timeout(_START_S):
                child = await start(MODULE, *self._arguments)
                await child.receive()
        except (ChildGone, TimeoutError) as error:
            log.warning("the recogniser's process did not start: %s", error)
            if child is not None:
                await child.stop()
            child = None
        except asyncio.CancelledError:
            if child is not None:
                await child.stop()
            raise
        finally:
            self._starting -= 1
        self._ready.put_nowait(child)
