"""Nothing is acknowledged before it is flushed: the order of the system calls shows it, which no kill can."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.gateway.process import Serve, serving
from tests.gateway.rpc_client import Notification, RpcClient, connected

CALLS = "fsync,fdatasync,write,pwrite64,sendto,sendmsg,writev"
AT_ONCE = 4
"""Threads that are written at a time, so that some share a commit."""
FIRST_ID = 1_000_000
STARTED = "thread/realtime/started"

_CALL = re.compile(r"(\d+) +(\w+)\(\d+<([^>]*)>(.*)")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>")
_MARK = re.compile(r"mark-(\d{6})")
_ANSWER = re.compile(r'\{\\"id\\":(\d+),\\"result\\":\{\\"seq\\":')
_RECORD = re.compile(r'item/completed\\",(?:(?!\\"method\\").)*?mark-(\d{6})')


@dataclass(slots=True)
class Order:
    """Positions in the trace: when each mark's row was first written to the log, flushes, and each first sending."""

    written: dict[int, int] = field(default_factory=dict)
    flushes: list[tuple[int, int]] = field(default_factory=list)
    """When each flush of the log began and when it had succeeded."""
    answered: dict[int, int] = field(default_factory=dict)
    notified: dict[int, int] = field(default_factory=dict)

    def unflushed(self, sent: dict[int, int]) -> list[int]:
        """The marks that were sent without a whole flush between the row's write and the sending."""
        return [mark for mark, at in sorted(sent.items()) if not self._flushed(self.written.get(mark, at), at)]

    def _flushed(self, written: int, sent: int) -> bool:
        return any(written < begun and done < sent for begun, done in self.flushes)


class Trace:
    """Reads a tracer's lines, first to last."""

    def __init__(self) -> None:
        self.order = Order()
        self._flushing: dict[str, int] = {}

    def read(self, lines: Iterable[str]) -> Order:
        for at, line in enumerate(lines):
            if (resumed := _RESUMED.match(line)) is not None:
                self._resume(at, resumed[1], line)
            elif (call := _CALL.match(line)) is not None:
                thread, name, path, rest = call.groups()
                if path.startswith("socket:"):
                    self._send(at, rest)
                elif path.endswith("-wal"):
                    self._log(at, thread, name, rest)
        return self.order

    def _send(self, at: int, data: str) -> None:
        for found in _ANSWER.finditer(data):
            self.order.answered.setdefault(int(found[1]) - FIRST_ID, at)
        for found in _RECORD.finditer(data):
            self.order.notified.setdefault(int(found[1]), at)

    def _log(self, at: int, thread: str, name: str, rest: str) -> None:
        if name == "pwrite64":
            for found in _MARK.finditer(rest):
                self.order.written.setdefault(int(found[1]), at)
        elif rest.endswith("<unfinished ...>"):
            self._flushing[thread] = at
        elif rest.endswith("= 0"):
            self.order.flushes.append((at, at))

    def _resume(self, at: int, thread: str, line: str) -> None:
        begun = self._flushing.pop(thread, None)
        if begun is not None and line.endswith("= 0"):
            self.order.flushes.append((begun, at))


async def acknowledge(client: RpcClient, count: int) -> None:
    """Have so many texts stored, on several threads at a time; the answer to each has its mark in the id."""
    marks = iter(range(count))

    async def speak() -> None:
        thread = await client.start_thread()
        await client.call("thread/realtime/start", threadId=thread, outputModality="text")
        await client.until(lambda seen: seen.method == STARTED and seen.params["threadId"] == thread)
        for mark in marks:
            text = f"mark-{mark:06}"
            params = {"threadId": thread, "text": text, "respond": False}
            answer = await client.send("thread/realtime/appendText", params, request_id=FIRST_ID + mark)
            seen = await client.until(_stores(text))
            assert await answer == {"seq": seen.seq}

    await asyncio.gather(*(speak() for _ in range(AT_ONCE)))


def _stores(text: str) -> Callable[[Notification], bool]:
    return lambda seen: seen.seq is not None and seen.item.get("text") == text


async def traced(environment: dict[str, str], folder: Path, count: int) -> Order:
    """Acknowledge under a tracer that stands beside the gateway, and read its notes once both have ended."""
    trace = folder / "trace"
    os.mkfifo(trace)
    end = os.open(trace, os.O_RDWR)  # so that reading ends even if no tracer ever writes
    tracer = ("strace", "-D", "-f", "-y", "-s", "200000", "-o", str(trace), "-e", f"trace={CALLS}")
    reading = asyncio.create_task(asyncio.to_thread(trace.read_text, errors="replace"))
    serve = Serve(environment, folder / "data", before=tracer)
    try:
        async with serving(serve) as gateway, connected(gateway.rpc) as client:
            await acknowledge(client, count)
    finally:
        os.close(end)
    return Trace().read((await reading).splitlines())


def judge(order: Order, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(
            f"\n{len(order.answered)} answers, {len(order.notified)} records, {len(order.flushes)} flushes of the log"
        )
    everything = set(range(count))
    assert set(order.written) == set(order.answered) == set(order.notified) == everything
    assert order.unflushed(order.answered) == []
    assert order.unflushed(order.notified) == []


@pytest.mark.needs("strace")
async def test_a_flush_stands_between_the_write_and_the_sending(
    gateway_env: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(await traced(gateway_env, tmp_path, 30), 30, capsys)


@pytest.mark.long
@pytest.mark.needs("strace")
async def test_a_flush_stands_between_each_of_a_thousand_writes_and_sendings(
    gateway_env: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge(await traced(gateway_env, tmp_path, 1000), 1000, capsys)


def test_an_acknowledgement_before_the_flush_is_found() -> None:
    write = '7 pwrite64(3</d/v.db-wal>, "mark-000001", 4096, 0) = 4096'
    flush = ["7 fdatasync(3</d/v.db-wal> <unfinished ...>", "7 <... fdatasync resumed>)    = 0"]
    send = f'8 write(9<socket:[1]>, "{{\\"id\\":{FIRST_ID + 1},\\"result\\":{{\\"seq\\":2}}", 30) = 30'
    for early in ([write, send, *flush], [*flush, write, send], [write, flush[0], send, flush[1]]):
        order = Trace().read(early)
        assert order.unflushed(order.answered) == [1]
    kept = Trace().read([write, *flush, send])
    assert kept.answered == {1: 3}
    assert kept.unflushed(kept.answered) == []
