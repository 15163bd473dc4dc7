"""Server-sent events: records numbered, live beside them, no gap and no double after a return."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest

import realtime.server.sse as sse
from realtime.errors import StoreError
from realtime.protocol import json
from realtime.protocol.appserver import Shed
from realtime.protocol.ids import ThreadId
from realtime.protocol.json import JsonObject
from realtime.settings import LimitsSettings
from tests.server.fake import Doors, open_doors


@dataclass
class Event:
    name: str
    data: JsonObject
    number: int | None


class Listener:
    """Reads a stream the way a browser's EventSource does."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.comments = 0

    async def event(self) -> Event:
        """The next event; counts the comments before it."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(5):
            while True:
                line = (await self.response.content.readuntil(b"\n")).decode().removesuffix("\n")
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields:
                    number = int(fields["id"]) if "id" in fields else None
                    return Event(fields["event"], json.decode_object(fields["data"]), number)


@asynccontextmanager
async def listening(
    doors: Doors, thread_id: ThreadId, *, last: str | None = None, query: str = ""
) -> AsyncIterator[Listener]:
    headers = {"Last-Event-ID": last} if last is not None else {}
    url = f"{doors.address}/v1/threads/{thread_id}/events{query}"
    async with doors.http.get(url, headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield Listener(response)


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    async with open_doors() as opened:
        yield opened


async def test_a_new_listener_begins_at_the_head(doors: Doors) -> None:
    thread_id = doors.threads.make(3)
    async with listening(doors, thread_id) as listener:
        assert (await listener.event()).name == "thread/replayDone"
        doors.threads.record(thread_id)
        event = await listener.event()
        assert (event.name, event.number, event.data["seq"]) == ("item/completed", 4, 4)


async def test_live_notifications_carry_no_number(doors: Doors) -> None:
    thread_id = doors.threads.make(1)
    async with listening(doors, thread_id) as listener:
        assert (await listener.event()).number is None
        doors.threads.live(thread_id, "thread/realtime/transcript/delta", {"delta": "a\nb"}, Shed.DELTA)
        event = await listener.event()
        assert (event.name, event.number) == ("thread/realtime/transcript/delta", None)
        assert event.data == {"threadId": thread_id, "delta": "a\nb"}


@pytest.mark.parametrize("by_query", [False, True])
async def test_a_returning_listener_gets_the_rest_once(doors: Doors, by_query: bool) -> None:
    thread_id = doors.threads.make(2)
    seen: list[int] = []
    for _ in range(20):
        last = str(seen[-1]) if seen else "0"
        query, header = (f"?after={last}", None) if by_query else ("", last)
        async with listening(doors, thread_id, last=header, query=query) as listener:
            while True:
                event = await listener.event()
                if event.number is None:
                    break
                seen.append(event.number)
            doors.threads.record(thread_id)
            event = await listener.event()
            assert event.number is not None
            seen.append(event.number)
        doors.threads.record(thread_id)
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) >= 40


async def test_the_header_counts_more_than_the_query(doors: Doors) -> None:
    """A browser repeats the query of its first connection, and adds where it got to."""
    thread_id = doors.threads.make(5)
    async with listening(doors, thread_id, last="4", query="?after=0") as listener:
        assert (await listener.event()).number == 5


async def test_a_lost_position_is_said(doors: Doors) -> None:
    thread_id = doors.threads.make(2)
    async with listening(doors, thread_id, last="7") as listener:
        assert [(await listener.event()).number for _ in range(2)] == [1, 2]
        assert (await listener.event()).data["resumed"] is False


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "", "٣", "9" * 30])
async def test_a_position_that_is_none_is_refused(doors: Doors, last: str) -> None:
    url = f"{doors.address}/v1/threads/{doors.threads.make()}/events"
    async with doors.http.get(url, headers={"Last-Event-ID": last}) as response:
        assert response.status == 422
        error = (await response.json())["error"]
        assert error["field"] == "Last-Event-ID"
        assert error["message"] == "Invalid request: Last-Event-ID must be an event's id: a whole number, 0 or more"


async def test_refusals_before_the_stream_are_plain_answers(doors: Doors) -> None:
    async with doors.http.get(f"{doors.address}/v1/threads/00000000-0000-7000-8000-000000000000/events") as response:
        assert (response.status, (await response.json())["error"]["code"]) == (404, "thread_not_found")
    doors.journal.failures["prepare_resume"] = StoreError("down")
    async with doors.http.get(f"{doors.address}/v1/threads/{doors.threads.make()}/events") as response:
        assert (response.status, (await response.json())["error"]["code"]) == (503, "store_unavailable")


async def test_silence_is_filled_with_comments(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_S", 0.02)
    thread_id = doors.threads.make()
    async with listening(doors, thread_id) as listener:
        await listener.event()
        async with asyncio.timeout(5):
            while not (await listener.response.content.readuntil(b"\n")).startswith(b":"):
                pass
        doors.threads.record(thread_id)
        assert (await listener.event()).number == 1


async def test_a_listener_that_leaves_is_found_out_and_forgotten(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_S", 0.02)
    thread_id = doors.threads.make()
    async with listening(doors, thread_id) as listener:
        await listener.event()
        listener.response.close()
    await doors.journal.until("forget")
    assert doors.threads.sinks[thread_id] == []


async def test_a_listener_that_does_not_read_is_cut_off() -> None:
    async with open_doors(limits=LimitsSettings(client_messages=32, client_bytes=65_536)) as doors:
        thread_id = doors.threads.make()
        async with listening(doors, thread_id) as listener:
            await listener.event()
            connection = listener.response.connection
            assert connection is not None
            assert connection.transport is not None
            connection.transport.pause_reading()
            async with asyncio.timeout(10):
                while doors.threads.sinks[thread_id]:
                    doors.threads.record(thread_id, "x" * 8000)
                    await asyncio.sleep(0)  # the writer has its turn
            connection.transport.resume_reading()
            with pytest.raises(aiohttp.ClientError):
                await listener.response.content.read()


async def test_a_replay_that_fails_ends_the_stream(doors: Doors) -> None:
    doors.journal.failures["replay"] = StoreError("down")
    async with listening(doors, doors.threads.make(2), last="0") as listener:
        assert await listener.response.content.read() == b""
