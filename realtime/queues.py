"""Bounded, ordered ways out."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from realtime.errors import Overloaded, SlowConsumer


class _Entry(NamedTuple):
    number: int
    text: str
    duration_ms: float


class UpstreamOutbox:
    """Two lanes to the upstream, one order.

    Control never gets lost: when its lane is full, ``put`` raises ``Overloaded``. Audio is bounded by
    duration: when full, the oldest chunk goes, since late speech is worse than lost speech. What
    enters either lane is numbered together and leaves lowest number first, so a commit never
    overtakes the audio before it.
    """

    def __init__(self, *, audio_ms: float = 1000.0, control: int = 256) -> None:
        self._audio: deque[_Entry] = deque()
        self._control: deque[_Entry] = deque()
        self._audio_limit = audio_ms
        self._control_limit = control
        self._audio_ms = 0.0
        self._number = 0
        self._news = asyncio.Event()
        self._closed = False
        self._moved = asyncio.Event()
        self.attended = True
        """False while there is no connection and the one before is lost: nobody waits for room then."""
        self.dropped = 0
        """Chunks dropped so far."""

    def put(self, text: str, *, bounded: bool = True) -> None:
        """Queue a control message."""
        if bounded and len(self._control) >= self._control_limit:
            raise Overloaded("too many events wait for the upstream")
        self._control.append(self._entry(text, 0.0))
        self._news.set()

    def put_audio(self, text: str, duration_ms: float) -> int:
        """Queue a chunk; returns how many older ones were dropped to make room."""
        self._audio.append(self._entry(text, duration_ms))
        self._audio_ms += duration_ms
        dropped = 0
        while self._audio_ms > self._audio_limit and len(self._audio) > 1:
            self._audio_ms -= self._audio.popleft().duration_ms
            dropped += 1
        self.dropped += dropped
        self._news.set()
        return dropped

    async def room(self, duration_ms: float) -> None:
        """Wait until a chunk fits without any loss: for clients that may send faster than they speak."""
        while self._audio and self._audio_ms + duration_ms > self._audio_limit and self.attended and not self._closed:
            self._moved.clear()
            await self._moved.wait()

    def attend(self, attended: bool) -> None:
        """There is a connection, or it was lost."""
        self.attended = attended
        self._moved.set()

    def close(self) -> None:
        """No more comes: ``get`` returns None once what is queued has left."""
        self._closed = True
        self._moved.set()
        self._news.set()

    def drop_control(self) -> None:
        """Forget queued control messages: the connection they were meant for is gone."""
        self._control.clear()

    def drop_audio(self) -> None:
        """Forget queued audio."""
        self._audio.clear()
        self._audio_ms = 0.0

    def __len__(self) -> int:
        return len(self._audio) + len(self._control)

    async def get(self) -> str | None:
        """The next message, waiting for one; None after ``close``. For one consumer."""
        while (entry := self._next()) is None:
            if self._closed:
                return None
            self._news.clear()
            await self._news.wait()
        return entry.text

    def _next(self) -> _Entry | None:
        if self._audio and (not self._control or self._audio[0].number < self._control[0].number):
            entry = self._audio.popleft()
            self._audio_ms -= entry.duration_ms
            self._moved.set()
            return entry
        return self._control.popleft() if self._control else None

    def _entry(self, text: str, duration_ms: float) -> _Entry:
        self._number += 1
        return _Entry(self._number, text, duration_ms)


class Rank(IntEnum):
    """How dear a message to a client is, cheapest first: what is shed when the client is slow."""

    AUDIO = 0
    DELTA = 1
    RECORD = 2
    """Never shed: records, answers, errors, states."""


def byte_length(text: str) -> int:
    """What a text takes on the wire, as UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


class _Parcel(NamedTuple):
    number: int
    text: str
    size: int
    duration_ms: float
    put_at: float


class ClientOutbox:
    """What waits for one client, bounded in messages and bytes, leaving in the order it came.

    When full, audio goes first, oldest first, then deltas. When only records are left and there is no
    room, ``put`` raises ``SlowConsumer``, and takes nothing any more, lest the client miss what it cannot
    know of: it is to be closed and may come back and resume. A single message above the byte limit passes
    when nothing else waits.

    One task takes batches; a batch counts as unsent until the next one is asked for.
    """

    def __init__(
        self, *, max_messages: int = 1024, max_bytes: int = 1_048_576, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lanes: tuple[deque[_Parcel], deque[_Parcel], deque[_Parcel]] = (deque(), deque(), deque())
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._clock = clock
        self._number = 0
        self._count = 0
        self._bytes = 0
        self._batch_at: float | None = None
        self._news = asyncio.Event()
        self._moved = asyncio.Event()
        self._closed = False
        self._refused = False
        self.shed_audio = 0
        """Chunks of audio shed so far."""
        self.shed_audio_ms = 0.0
        self.shed_deltas = 0

    def put(self, text: str, rank: Rank, duration_ms: float = 0.0) -> None:
        """Queue a message; ``duration_ms`` is that of its audio. Raises ``SlowConsumer`` when a record has no room."""
        size = byte_length(text)
        parcel = _Parcel(self._number, text, size, duration_ms, self._clock())
        self._number += 1
        if self._refused or not self._make_room(size, rank):
            if rank is Rank.RECORD:
                self._refused = True
                raise SlowConsumer("too many messages wait for this client")
            self._count_shed(parcel, rank)
            return
        self._lanes[rank].append(parcel)
        self._count += 1
        self._bytes += size
        self._news.set()

    async def get_batch(self, max_bytes: int = 65_536) -> list[str]:
        """What waits, in order, up to ``max_bytes`` (but at least one message); empty once closed and drained."""
        self._batch_at = None
        while not self._count:
            if self._closed:
                return []
            self._news.clear()
            await self._news.wait()
        batch: list[str] = []
        taken = 0
        while self._count and taken < max_bytes:
            parcel = self._take(self._oldest_lane())
            batch.append(parcel.text)
            taken += parcel.size
        self._batch_at = self._clock()
        self._moved.set()
        return batch

    async def room(self, size: int = 0) -> None:
        """Wait until a message of so many bytes leaves half of either bound free; raises ``SlowConsumer`` once closed.

        For replays: ask before each record, then live messages still find the other half. A message that takes
        more than half waits until nothing else does.
        """
        while not self._closed and not self._has_room(size):
            self._moved.clear()
            await self._moved.wait()
        if self._closed or self._refused:
            raise SlowConsumer("the client has gone")

    def stalled_for(self) -> float:
        """For how many seconds a record has waited, or the batch that was taken has not been sent."""
        records = self._lanes[Rank.RECORD]
        since = [at for at in (self._batch_at, records[0].put_at if records else None) if at is not None]
        return self._clock() - min(since) if since else 0.0

    def close(self) -> None:
        """No more comes; what waits still leaves."""
        self._closed = True
        self._moved.set()
        self._news.set()

    def __len__(self) -> int:
        return self._count

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait (UTF-8)."""
        return self._bytes

    def _make_room(self, size: int, rank: Rank) -> bool:
        """Shed what is cheaper, or as cheap and older, until the message fits; records are never shed."""
        if self._fits(size):
            return True
        for cheaper in (Rank.AUDIO, Rank.DELTA):
            if cheaper > rank:
                break
            lane = self._lanes[cheaper]
            while lane and not self._fits(size):
                self._count_shed(self._take(lane), cheaper)
        return self._fits(size)

    def _fits(self, size: int) -> bool:
        if not self._count:
            return True
        return self._count < self._max_messages and self._bytes + size <= self._max_bytes

    def _has_room(self, size: int) -> bool:
        if not self._count:
            return True
        return self._count * 2 < self._max_messages and (self._bytes + size) * 2 < self._max_bytes

    def _oldest_lane(self) -> deque[_Parcel]:
        waiting = [lane for lane in self._lanes if lane]
        return waiting[0] if len(waiting) == 1 else min(waiting, key=lambda lane: lane[0].number)

    def _take(self, lane: deque[_Parcel]) -> _Parcel:
        parcel = lane.popleft()
        self._count -= 1
        self._bytes -= parcel.size
        return parcel

    def _count_shed(self, parcel: _Parcel, rank: Rank) -> None:
        if rank is Rank.AUDIO:
            self.shed_audio += 1
            self.shed_audio_ms += parcel.duration_ms
        else:
            self.shed_deltas += 1
