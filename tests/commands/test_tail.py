"""A thread followed from the terminal."""

from __future__ import annotations

import asyncio
import io
import signal
from pathlib import Path

from realtime.commands.reporter import Screen
from realtime.commands.tail import Moments, Readable
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from tests.commands.running import address, finished, first_line, started, stopped

SAY = "what is 6 times 7? ask the agent"


class Page:
    """What is told, in words; every line without its time."""

    def __init__(self) -> None:
        self._out = io.StringIO()
        self.now = 1_000.0
        moments = Moments(lambda: self.now)
        self.readable = Readable(Screen(moments, self._out), moments)
        self._seq = 0

    def live(self, name: str, **params: object) -> None:
        self.readable.notified(f"thread/realtime/{name}", params)

    def record(self, method: str, **params: object) -> None:
        self._seq += 1
        self.readable.notified(method, {"seq": self._seq, **params})

    def stamped(self) -> list[str]:
        return [line.strip() for line in self._out.getvalue().splitlines()]

    def lines(self) -> list[str]:
        return [line[9:].rstrip() for line in self._out.getvalue().splitlines()]


def item(item_id: str, kind: str, **more: object) -> JsonObject:
    return {"id": item_id, "type": kind, "status": "completed", **more}


def test_a_talk_is_told_in_order() -> None:
    page = Page()
    page.live("started")
    page.record("item/started", item=item("s", "session"))
    page.record("item/started", item=item("u", "userMessage", status="inProgress"))
    page.live("transcript/delta", role="assistant", itemId="a", delta="It ")
    page.record("item/completed", item=item("u", "userMessage", text="how late is it?"))
    page.live("transcript/delta", role="assistant", itemId="a", delta="is noon.")
    page.record("item/completed", item=item("a", "assistantMessage", text="It is noon."))
    page.live("closed", reason="requested")
    assert page.lines() == [
        "       (a call has begun)",
        "you    how late is it?",
        "voice  It is noon.",
        "       (the call has ended: requested)",
    ]


def test_work_is_told_once() -> None:
    """A hand-off has a record, a live notification and a turn."""
    page = Page()
    page.record("item/started", item=item("h", "handoff", callId="c", text="the time", status="inProgress"))
    page.live("handoff", callId="c", state="started", text="the time")
    page.record("turn/started", turn={"id": "t", "status": "inProgress", "source": "handoff", "input": []})
    page.live("handoff", callId="c", state="progress", text="looking")
    page.record("item/completed", item=item("h", "handoff", callId="c", text="the time", output="noon"))
    asked = [{"type": "text", "text": "and now?"}]
    page.record("turn/started", turn={"id": "t2", "status": "inProgress", "source": "typed", "input": asked})
    error = {"message": "broken"}
    page.record("turn/completed", turn={"id": "t2", "status": "failed", "source": "typed", "error": error})
    assert page.lines() == [
        "agent  [started] the time",
        "agent  [progress] looking",
        "agent  [finished after 0.0 s] noon",
        "agent  [started] and now?",
        "agent  [failed after 0.0 s] broken",
    ]


def test_old_records_are_shown_at_the_time_at_which_they_were_said() -> None:
    page = Page()
    page.now = 9_000.0
    page.record("item/started", item=item("s", "session", createdAt=990_000))
    page.record("item/completed", item=item("u", "userMessage", text="a timer", createdAt=1_000_000))
    work = {"callId": "c", "turnId": "t", "text": "a timer", "createdAt": 1_000_500}
    page.record("item/started", item=item("h", "handoff", status="inProgress", **work))
    page.record("item/completed", item=item("h", "handoff", output="time is up", **work))
    turn = {"id": "t", "source": "handoff", "status": "completed", "startedAt": 1_000_500, "completedAt": 1_003_000}
    page.record("turn/completed", turn=turn)
    page.record("item/completed", item=item("a", "assistantMessage", text="Time is up.", createdAt=1_003_250))
    page.live("started")
    assert page.stamped() == [
        "0.00  you    a timer",
        "0.50  agent  [started] a timer",
        "3.00  agent  [finished after 2.5 s] time is up",
        "3.25  voice  Time is up.",
        "8000.00         (a call has begun)",
    ]


def test_work_whose_beginning_was_not_shown_has_taken_its_time() -> None:
    page = Page()
    turn = {"id": "t", "source": "typed", "status": "interrupted", "startedAt": 1_000_000, "completedAt": 1_004_000}
    page.record("turn/completed", turn=turn)
    assert page.stamped() == ["0.00  agent  [cancelled after 4.0 s]"]


def test_trouble_is_told() -> None:
    page = Page()
    page.live("transcript/delta", role="assistant", itemId="a", delta="It ")
    page.live("reconnecting", attempt=1)
    page.readable.remark("connection lost, trying again")
    page.record("item/completed", item=item("a", "assistantMessage", text="It is noon."))
    page.live("error", code="upstream_lost", message="the upstream is gone")
    assert page.lines() == [
        "voice  It  …",
        "       (the upstream: reconnecting)",
        "       (connection lost, trying again)",
        "voice  It is noon.",
        "error  the upstream is gone (upstream_lost)",
    ]


async def talk(folder: Path, url: str, *more: str) -> str:
    """A talk of one question; returns its thread."""
    status, out, _ = await finished(folder, "call", "--url", url, "--modality", "text", "--json", "--text", SAY, *more)
    assert status == 0
    return str(json.decode_object(out.splitlines()[-1])["threadId"])


async def test_a_thread_is_followed_from_its_beginning(tmp_path: Path) -> None:
    async with started(tmp_path, "serve", "--port", "0") as gateway:
        url = address(await first_line(gateway))
        thread_id = await talk(tmp_path, url)
        async with started(tmp_path, "tail", thread_id, "--url", url, "--after", "0") as tail:
            lines = [(await first_line(tail))[9:].rstrip() for _ in range(4)]
            assert await stopped(tail, signal.SIGINT) == (0, "", "")
    assert lines[:2] == [f"you    {SAY}", f"agent  [started] {SAY}"]
    assert lines[2].startswith("agent  [finished after 0.")
    assert lines[3].startswith("voice  ")
    assert "42" in lines[3]


async def test_what_was_missed_is_shown_once_after_a_drop(tmp_path: Path, free_port: int) -> None:
    port = str(free_port)
    async with started(tmp_path, "serve", "--port", port) as gateway:
        url = address(await first_line(gateway))
        thread_id = await talk(tmp_path, url)
        async with started(tmp_path, "tail", thread_id, "--url", url, "--after", "0", "--json") as tail:
            seqs = await records_to_a_call_s_end(tail, calls=1)
            await stopped(gateway, signal.SIGKILL)
            async with started(tmp_path, "serve", "--port", port) as again:
                await first_line(again)
                await talk(tmp_path, url, "--thread", thread_id)
                seqs += await records_to_a_call_s_end(tail, calls=1)
            status, _, err = await stopped(tail, signal.SIGTERM)
    assert (status, err.splitlines()[0]) == (0, "voxgate: connection lost, trying again")
    assert seqs == list(range(1, len(seqs) + 1))


async def records_to_a_call_s_end(tail: asyncio.subprocess.Process, *, calls: int) -> list[int]:
    """The numbers of all records up to the one that ends a call's item."""
    seqs: list[int] = []
    while calls:
        line = json.decode_object(await first_line(tail))
        params = line["params"]
        if line["method"].startswith(("item/", "turn/")):
            seqs.append(params["seq"])
        if line["method"] == "item/completed" and params["item"]["type"] == "session":
            calls -= 1
    return seqs


async def test_what_cannot_be_followed_is_said_in_one_line(tmp_path: Path, free_port: int) -> None:
    async with started(tmp_path, "serve", "--port", "0") as gateway:
        url = address(await first_line(gateway))
        for thread_id, where, told in (
            ("nonsense", url, "invalid_params"),
            ("00000000-0000-7000-8000-000000000000", url, "thread_not_found"),
            ("nonsense", f"ws://127.0.0.1:{free_port}", "is the gateway running?"),
        ):
            status, out, err = await finished(tmp_path, "tail", thread_id, "--url", where)
            assert (status, out, len(err.splitlines())) == (1, "", 1)
            assert told in err
