"""The load: a fake upstream and the clients of all sessions, in one process and on one clock.

Spoken to by lines of JSON: ``{"port"}`` first; then for each ``{"kind", "url", "sessions", "seconds"}`` it answers
``idle`` (after one session came and went), waits for a line, then ``begin``, ``end`` and the result.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.bench.meter import Meter

UP_S, UP_BYTES = 0.020, 960
DOWN_S, DOWN_BYTES = 0.200, 9600
DELTAS_AN_ANSWER = 25
WARM_UP_S = 1.0
DRAIN_S = 1.0
GOLDEN = 0.618034
UPDATE = {"type": "session.update", "session": {"type": "realtime"}}


@dataclass
class Run:
    """The meters of one measurement."""

    up: Meter = field(default_factory=lambda: Meter(UP_BYTES))
    down: Meter = field(default_factory=lambda: Meter(DOWN_BYTES))


class Lab:
    """Fake upstream and clients; ``run`` is exchanged for each measurement."""

    def __init__(self) -> None:
        self.run = Run()
        self._phase = 0.0

    async def upstream(self, connection: ServerConnection) -> None:
        """One upstream session: listens, and talks without end once it is configured."""
        await connection.send('{"type":"session.created","event_id":"e0","session":{"id":"sess_lab"}}')
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen(connection, lambda: group.create_task(self._talk(connection))))
        except* ConnectionClosed:
            pass

    async def _listen(self, connection: ServerConnection, configured: Callable[[], object]) -> None:
        async for message in connection:
            assert isinstance(message, str)
            if '"input_audio_buffer.append"' in message[:80]:
                self.run.up.arrived(message, "audio")
            elif '"session.update"' in message[:80]:
                await connection.send('{"type":"session.updated","event_id":"e1","session":{"id":"sess_lab"}}')
                configured()
        raise ConnectionClosed(None, None)

    async def _talk(self, connection: ServerConnection) -> None:
        due = self._next_phase(DOWN_S)
        number = 0
        while True:
            number += 1
            for event in _answer_begins(number):
                await connection.send(json.dumps(event))
            for _ in range(DELTAS_AN_ANSWER):
                due += DOWN_S
                await asyncio.sleep(due - time.monotonic())
                await connection.send(
                    f'{{"type":"response.output_audio.delta","event_id":"d","response_id":"resp_{number}",'
                    f'"item_id":"item_{number}","output_index":0,"content_index":0,"delta":"{self.run.down.chunk()}"}}'
                )
            for event in _answer_ends(number):
                await connection.send(json.dumps(event))

    @asynccontextmanager
    async def client(self, kind: str, url: str) -> AsyncIterator[None]:
        """One client, talking and listening until the end of the block."""
        async with connect(url, compression=None, proxy=None, max_size=None) as connection:
            prefix, suffix, farewell = await _JOINS.get(kind, _join_upstream)(connection)
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._speak(connection, prefix, suffix)),
                    group.create_task(self._hear(connection)),
                ]
                yield
                for task in tasks:
                    task.cancel()
            await connection.send(farewell)

    def _next_phase(self, period: float) -> float:
        """When to begin, so that the sessions are spread over the period and do not all speak at once."""
        self._phase = (self._phase + GOLDEN) % 1
        return (math.floor(time.monotonic() / period) + 1 + self._phase) * period

    async def _speak(self, connection: ClientConnection, prefix: str, suffix: str) -> None:
        due = self._next_phase(UP_S)
        while True:
            due += UP_S
            await asyncio.sleep(due - time.monotonic())
            await connection.send(prefix + self.run.up.chunk() + suffix)

    async def _hear(self, connection: ClientConnection) -> None:
        async for message in connection:
            assert isinstance(message, str)
            head = message[:80]
            if "outputAudio/delta" in head:
                self.run.down.arrived(message, "data")
            elif "response.output_audio.delta" in head:
                self.run.down.arrived(message, "delta")
            elif '"error"' in head:
                raise RuntimeError(message[:400])

    async def measure(self, order: dict[str, Any], acknowledged: Callable[[], Any]) -> dict[str, Any]:
        """Carry out one order; returns the result."""
        kind, url, seconds = order["kind"], order["url"], order["seconds"]
        async with self.client(kind, url):
            await asyncio.sleep(WARM_UP_S / 2)
        tell(event="idle")
        await acknowledged()
        async with asyncio.TaskGroup() as group:
            ready, done = asyncio.Semaphore(0), asyncio.Event()
            for _ in range(order["sessions"]):
                group.create_task(self._session(kind, url, ready, done))
            for _ in range(order["sessions"]):
                await ready.acquire()
            run = await self._window(seconds)
            done.set()
        return {"event": "result", "up": run.up.result(), "down": run.down.result()}

    async def _session(self, kind: str, url: str, ready: asyncio.Semaphore, done: asyncio.Event) -> None:
        async with self.client(kind, url):
            ready.release()
            await done.wait()

    async def _window(self, seconds: float) -> Run:
        await asyncio.sleep(WARM_UP_S)
        run = self.run = Run()
        begin = time.monotonic_ns()
        for meter in (run.up, run.down):
            meter.begin, meter.end = begin, begin + int(seconds * 1e9)
        tell(event="begin")
        await asyncio.sleep(seconds)
        tell(event="end")
        await asyncio.sleep(DRAIN_S)
        return run


async def _join_upstream(connection: ClientConnection) -> tuple[str, str, str]:
    """A session of the Realtime API itself; returns what stands around the audio of an append, and a last word."""
    await connection.send(json.dumps(UPDATE))
    return '{"type":"input_audio_buffer.append","audio":"', '"}', '{"type":"input_audio_buffer.clear"}'


async def _join_gateway(connection: ClientConnection) -> tuple[str, str, str]:
    """The same through the JSON-RPC door; its last word ends the call, which would else outlive the client."""
    await _call(connection, 1, "initialize", {"clientInfo": {"name": "bench", "version": "1"}})
    await connection.send('{"method":"initialized"}')
    thread = (await _call(connection, 2, "thread/start", {}))["thread"]["id"]
    await _call(connection, 3, "thread/realtime/start", {"threadId": thread, "outputModality": "audio"})
    while "thread/realtime/started" not in str(await connection.recv()):
        pass
    head = f'{{"id":4,"method":"thread/realtime/appendAudio","params":{{"threadId":"{thread}","audio":{{"data":"'
    tail = '","sampleRate":24000,"numChannels":1,"samplesPerChannel":480}}}'
    return head, tail, f'{{"id":5,"method":"thread/realtime/stop","params":{{"threadId":"{thread}"}}}}'


async def _join_realtime(connection: ClientConnection) -> tuple[str, str, str]:
    """The same through the gateway's door of the Realtime API, which has configured the upstream by then."""
    while "session.created" not in str(await connection.recv()):
        pass
    return '{"type":"input_audio_buffer.append","audio":"', '"}', '{"type":"input_audio_buffer.clear"}'


_JOINS = {"gateway": _join_gateway, "realtime": _join_realtime}


async def _call(connection: ClientConnection, call_id: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
    await connection.send(json.dumps({"id": call_id, "method": method, "params": params}))
    while True:
        answer = json.loads(await connection.recv())
        if answer.get("id") == call_id:
            result: dict[str, Any] = answer["result"]
            return result


def _answer_begins(number: int) -> list[dict[str, Any]]:
    item = {"id": f"item_{number}", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    response = {"id": f"resp_{number}", "object": "realtime.response", "status": "in_progress", "output": []}
    return [
        {"type": "response.created", "event_id": "r", "response": response},
        {"type": "response.output_item.added", "event_id": "i", "response_id": f"resp_{number}", "item": item},
        {"type": "conversation.item.added", "event_id": "a", "item": item},
    ]


def _answer_ends(number: int) -> list[dict[str, Any]]:
    item = {"id": f"item_{number}", "type": "message", "role": "assistant", "status": "completed", "content": []}
    response = {"id": f"resp_{number}", "object": "realtime.response", "status": "completed", "output": [item]}
    return [
        {"type": "conversation.item.done", "event_id": "c", "item": item},
        {"type": "response.output_item.done", "event_id": "o", "response_id": f"resp_{number}", "item": item},
        {"type": "response.done", "event_id": "f", "response": response},
    ]


def tell(**values: Any) -> None:
    """One line to whoever started us."""
    print(json.dumps(values), flush=True)


async def main() -> None:
    """Take orders until the input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    lab = Lab()
    async with serve(lab.upstream, "127.0.0.1", 0, compression=None, max_size=None) as server:
        tell(port=next(iter(server.sockets)).getsockname()[1])
        while line := await reader.readline():
            tell(**await lab.measure(json.loads(line), reader.readline))


if __name__ == "__main__":
    uvloop.run(main())
