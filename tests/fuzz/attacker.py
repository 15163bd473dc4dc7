"""A hostile client: sends what the vocabulary gives, and holds every answer against the envelope's rules."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.fuzz.calls import KEPT_THREADS, Frame, Vocabulary, expected_answer
from tests.fuzz.oddities import JsonObject
from tests.fuzz.verdicts import CLOSES, REASONS, check_answer

WINDOW = 20
ANSWER_S = 20.0
FRAMES_A_CONNECTION = 400

Key = tuple[type, str | int | None]


def _ignore(frame: Frame) -> None:
    del frame


@dataclass
class Attacker:
    """``codes`` counts the answers by ``data.code``, ``closes`` the connections by close code."""

    url: str
    known: Vocabulary
    on_sent: Callable[[Frame], None] = _ignore
    codes: Counter[str] = field(default_factory=Counter)
    closes: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    sent: int = 0
    _missing: Counter[Key] = field(default_factory=Counter)
    _sent_as: dict[Key, Frame] = field(default_factory=dict)
    _answered: asyncio.Event = field(default_factory=asyncio.Event)
    _last: list[Frame] = field(default_factory=list)

    async def run(self, count: int) -> None:
        """Send so many messages, over one connection after another."""
        while self.sent < count:
            async with connect(self.url, compression=None, max_size=None, ping_interval=None, proxy=None) as socket:
                self._missing.clear()
                self._sent_as.clear()
                async with asyncio.TaskGroup() as group:
                    reader = group.create_task(self._read(socket))
                    await self._attack(socket, min(count, self.sent + FRAMES_A_CONNECTION))
                    reader.cancel()

    async def _attack(self, socket: ClientConnection, until: int) -> None:
        try:
            if self.known.random.random() < 0.9:
                await self._send(socket, Frame("hello", b'{"id":0,"method":"initialize","params":{"clientInfo":{}}}'))
            while self.sent < until:
                await self._send(socket, self.known.frame())
                self.sent += 1
                await self._wait(WINDOW)
            await self._wait(0)
            if self.known.random.random() < 0.3:
                socket.transport.abort()
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else 1006
            if code not in CLOSES:
                self.problems.append(f"closed with {code} after {self._last[-1]}")
            self.closes[code] += 1

    async def _send(self, socket: ClientConnection, frame: Frame) -> None:
        answered, call_id = expected_answer(frame.data)
        self._missing[type(call_id), call_id] += answered
        self._sent_as[type(call_id), call_id] = frame
        self._last = [*self._last[-WINDOW:], frame]
        self.on_sent(frame)
        await socket.send(frame.data, text=frame.text)

    async def _wait(self, outstanding: int) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                while self._missing.total() > outstanding:
                    self._answered.clear()
                    await self._answered.wait()
        except TimeoutError:
            unanswered = [self._sent_as[key] for key, count in self._missing.items() if count]
            self.problems.append(f"never answered: {unanswered}; the last were {self._last}")
            self._missing.clear()

    def _judge(self, message: JsonObject) -> None:
        try:
            self._receive(message)
        except AssertionError as error:
            self.problems.append(str(error)[:2000])

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                self._judge(json.loads(text))
        except ConnectionClosed:
            pass  # the sender finds out, and judges the code
        finally:
            self._missing.clear()
            self._answered.set()

    def _receive(self, message: JsonObject) -> None:
        if "method" in message:
            self._notified(message["method"], message["params"])
            return
        check_answer(message)
        key = (type(message["id"]), message["id"])
        assert self._missing[key] > 0, f"answered without a call, or twice: {message} {self._last}"
        self._missing[key] -= 1
        self._answered.set()
        self.codes[message["error"]["data"]["code"] if "error" in message else "result"] += 1
        thread = message.get("result", {}).get("thread")
        if thread is not None and thread["id"] not in self.known.threads:
            self.known.threads.append(thread["id"])
            del self.known.threads[:-KEPT_THREADS]

    def _notified(self, method: str, params: JsonObject) -> None:
        if method == "thread/realtime/closed":
            assert params["reason"] in REASONS, params
        if method == "thread/realtime/error":
            assert params["code"] != "internal", params


def attackers(url: str, seed: int, count: int = 4) -> list[Attacker]:
    """Clients that know the same threads."""
    threads: list[str] = []
    return [Attacker(url, Vocabulary(Random(f"{seed}/{n}"), threads, prefix=f"c{n}-")) for n in range(count)]
