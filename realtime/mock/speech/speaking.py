"""The mouth: one process that speaks for all sessions, and each session's line of what is to be said."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable

from realtime.mock.speech.child import Child, ChildGone, start
from realtime.mock.speech.contracts import Hush, Report, Spoken, Utter
from realtime.mock.speech.tone import ToneVoice

log = logging.getLogger(__name__)

_READY_S = 20.0
_SPEAK_S = 20.0


class Speaker:
    """Speaks a clause at a time, so that sessions take turns. Where there is no engine, or it fails: tones."""

    def __init__(self, *engines: str) -> None:
        self._engines = engines
        self._lock = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._child: Child | None = None
        self.engine: str | None = None
        """The engine's name, once ``open`` has found one."""

    async def open(self) -> None:
        """Find an engine."""
        try:
            await self._started()
        except (ChildGone, TimeoutError) as error:
            log.warning("no voice can be started: %s", error)

    async def close(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop()

    async def speak(self, text: str, *, voice: str, speed: float) -> bytes:
        """The sound of a clause."""
        async with self._lock:
            for _ in range(2 if self.engine is not None else 0):
                try:
                    return await self._ask({"text": text, "voice": voice, "speed": speed})
                except (ChildGone, TimeoutError) as error:
                    log.warning("the voice's process failed, a new one takes its place: %s", error)
                    await self.close()
        return ToneVoice().speak(text, voice=voice, speed=speed)

    async def _ask(self, what: dict[str, object]) -> bytes:
        child = await self._started()
        number = next(self._numbers)
        async with asyncio.timeout(_SPEAK_S):
            await child.send({"type": "speak", "id": number, **what})
            while True:
                head, sound = await child.receive()
                if head["id"] == number:  # an older one was asked for by somebody who has gone since
                    return sound

    async def _started(self) -> Child:
        if self._child is None:
            child = await start("speaking_child", *self._engines)
            try:
                async with asyncio.timeout(_READY_S):
                    head, _ = await child.receive()
            except BaseException:
                await child.stop()
                raise
            self._child = child
            self.engine = head["engine"]
        return self._child


class Saying:
    """One session's utterances, one after another."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._orders: asyncio.Queue[Utter] = asyncio.Queue()
        self._wanted: set[str] = set()

    def take(self, order: Utter | Hush) -> None:
        """Take an order; never waits."""
        if isinstance(order, Hush):
            self._wanted.discard(order.utterance)
        else:
            self._wanted.add(order.utterance)
            self._orders.put_nowait(order)

    async def run(self, tell: Callable[[Report], Awaitable[None]]) -> None:
        """Until cancelled."""
        while True:
            order = await self._orders.get()
            for left, clause in zip(reversed(range(len(order.clauses))), order.clauses, strict=True):
                if order.utterance not in self._wanted:
                    break
                pcm = await self._speaker.speak(clause, voice=order.voice, speed=order.speed)
                await tell(Spoken(order.utterance, clause, pcm, last=left == 0))
            self._wanted.discard(order.utterance)
