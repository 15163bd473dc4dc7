"""The threads that something happens on, each with its lane."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from realtime.errors import GatewayError, StoreError
from realtime.lanes import Sink, ThreadLane
from realtime.protocol import appserver as app
from realtime.protocol.ids import ThreadId
from realtime.protocol.json import JsonObject
from realtime.settings import LimitsSettings
from realtime.telemetry import Telemetry
from realtime.threads.store import ThreadStore

log = logging.getLogger(__name__)

IDLE_S = 60.0
"""A lane that nobody used for so long is closed; the next use opens it again."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """What a returning client is told first: the thread with its head, and whether its position held."""

    thread: app.Thread
    resumed: bool
    reason: str | None
    after: int
    """Records above this number are replayed."""
    realtime: JsonObject | None = None
    """The state of the thread's live call, where there is one."""


@dataclass(slots=True)
class _Open:
    lane: ThreadLane
    writer: asyncio.Task[None]
    used_at: float


class OpenThreads:
    """Every method raises only ``GatewayError``s. A sink is a subscribed client."""

    def __init__(
        self,
        store: ThreadStore,
        limits: LimitsSettings,
        on_failure: Callable[[ThreadId, StoreError], None],
        telemetry: Telemetry,
    ) -> None:
        self._store = store
        self._limits = limits
        self._on_failure = on_failure
        self._telemetry = telemetry
        self._open: dict[ThreadId, _Open] = {}
        self._deletions = 0
        self._group: asyncio.TaskGroup | None = None

    # -- open ones -----------------------------------------------------------------------------------

    async def lane(self, thread_id: ThreadId) -> ThreadLane:
        """The thread's lane, opened when it is not; raises ``ThreadNotFound``."""
        known = self._open.get(thread_id)
        while known is None:
            deletions = self._deletions
            thread = await self._store.thread(thread_id)
            if deletions == self._deletions:  # else it may be this one that is no more
                known = self._open.get(thread_id) or self._begin(thread)  # another may have been quicker
        known.used_at = asyncio.get_running_loop().time()
        return known.lane

    def lane_if_open(self, thread_id: ThreadId) -> ThreadLane | None:
        """The thread's lane, if something uses it."""
        known = self._open.get(thread_id)
        return known.lane if known else None

    async def subscribe(self, thread_id: ThreadId, sink: Sink) -> None:
        """From now on the sink gets the thread's records and live notifications; idempotent."""
        (await self.lane(thread_id)).attach(sink)

    def unsubscribe(self, thread_id: ThreadId, sink: Sink) -> app.Unsubscribed:
        """From now on the sink gets nothing of the thread; says what it had been."""
        known = self._open.get(thread_id)
        if known is None:
            return "notLoaded"
        return "unsubscribed" if known.lane.detach(sink) else "notSubscribed"

    def forget(self, sink: Sink) -> None:
        """The client has gone: it is subscribed to nothing."""
        for known in self._open.values():
            known.lane.detach(sink)

    async def prepare_resume(self, params: app.ThreadResumeParams, sink: Sink) -> Resumption:
        """Fix the head and hold everything newer back for this sink; the door answers the call, then replays."""
        lane = await self.lane(params.thread_id)
        stored = await self._store.thread(params.thread_id)  # the lane does not hear that it was put away
        head = lane.hold(sink)
        thread = replace(stored, seq=head)
        after = head if params.after_seq is None else params.after_seq
        if after > head or params.epoch not in (None, thread.epoch):
            return Resumption(thread, resumed=False, reason="position_unknown", after=0)
        return Resumption(thread, resumed=True, reason=None, after=after)

    async def replay(self, resumption: Resumption, sink: Sink) -> None:
        """Send the records above ``after`` up to the head, ``thread/replayDone``, then let go what was held."""
        lane = await self.lane(resumption.thread.id)
        await lane.replay(sink, resumption.after, resumption.thread.seq, resumed=resumption.resumed)

    async def delete(self, thread_id: ThreadId) -> None:
        """Remove the thread with all its records, and tell whoever watches it; what runs on it must have ended.

        Where the store fails all is as before: the thread is there, and so are those who watch it.
        """
        await self._store.thread(thread_id)
        known = self._open.get(thread_id)
        if known is not None:
            with suppress(GatewayError):  # whether the store works, the deletion tells
                await known.lane.record()  # what was said last is stored and told first
        await self._store.delete(thread_id)
        self._deletions += 1
        known = self._open.pop(thread_id, None)
        if known is not None:
            known.lane.close(deleted=True)
            await self._shut(known)

    # -- life ----------------------------------------------------------------------------------------

    def begin(self, group: asyncio.TaskGroup) -> None:
        """From now on lanes may be opened; the group owns their writers."""
        self._group = group

    async def sweep(self, in_use: Callable[[ThreadId], bool]) -> None:
        """Close the lanes that nobody watches, and on which nothing runs."""
        now = asyncio.get_running_loop().time()
        for thread_id, known in list(self._open.items()):
            if self._open.get(thread_id) is not known:
                continue  # it was deleted while another was closed
            idle = not known.lane.sinks and not in_use(thread_id)
            if idle and now - known.used_at >= IDLE_S:
                del self._open[thread_id]
                await self._shut(known)

    async def flush(self) -> None:
        """Wait until what was recorded so far is stored and told, or for ``limits.drain_s``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.drain_s):
                for known in list(self._open.values()):
                    with suppress(GatewayError):  # whoever recorded it is told
                        await known.lane.record()

    async def close(self) -> None:
        """Store what waits, then let go of all lanes."""
        self._group = None
        for known in list(self._open.values()):
            await self._shut(known)
        self._open.clear()

    def _begin(self, thread: app.Thread) -> _Open:
        if self._group is None:
            raise StoreError("the gateway is not running")

        def failed(error: StoreError) -> None:
            self._on_failure(thread.id, error)

        lane = ThreadLane(
            thread,
            self._store,
            limit=self._limits.lane,
            clock_ms=_unix_ms,
            telemetry=self._telemetry,
            on_failure=failed,
        )
        known = self._open[thread.id] = _Open(lane, self._group.create_task(self._write(lane, failed)), 0.0)
        return known

    async def _write(self, lane: ThreadLane, failed: Callable[[StoreError], None]) -> None:
        """Run a lane's writer. The one place where an unforeseen exception of a lane ends."""
        try:
            await lane.run()
        except Exception:
            log.exception("the writer of thread %s failed", lane.thread.id)
            self._open.pop(lane.thread.id, None)
            failed(StoreError("the thread can no longer be written"))

    async def _shut(self, known: _Open) -> None:
        known.lane.close()
        await asyncio.wait([known.writer], timeout=self._limits.drain_s)
        known.writer.cancel()


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000
