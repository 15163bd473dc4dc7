"""From where a listener to server-sent events is served: any ``Last-Event-ID`` or ``after`` it may send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.gateway.process import Serve, serving
from tests.gateway.rpc_client import connected

ABSENT = "01a20478-0b52-7b66-b0fa-f0acb79e3888"
RECORDS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """A request and which records it is replayed."""

    replayed: range
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    resumed: bool = True


WHOLE = range(1, RECORDS + 1)

ROWS = (
    Row(range(0)),
    Row(WHOLE, {"Last-Event-ID": "0"}),
    Row(range(3, RECORDS + 1), {"Last-Event-ID": "2"}),
    Row(range(0), {"Last-Event-ID": str(RECORDS)}),
    Row(WHOLE, {"Last-Event-ID": str(RECORDS + 1)}, resumed=False),
    Row(WHOLE, {"Last-Event-ID": "9" * 15}, resumed=False),
    Row(range(2, RECORDS + 1), query={"after": "1"}),
    Row(range(4, RECORDS + 1), {"Last-Event-ID": "3"}, {"after": "0"}),
)
REFUSED = ("x", "-1", "1.5", "", "٣", "1" * 20)


async def test_a_listener_is_served_from_the_position_it_names(gateway_env: dict[str, str], tmp_path: Path) -> None:
    async with (
        serving(Serve(gateway_env, tmp_path)) as gateway,
        connected(gateway.rpc) as client,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http,
    ):
        thread = await client.start_thread()
        for _ in range(RECORDS // 2):
            seen = len(client.notifications)
            await client.call("turn/start", threadId=thread, input=[{"type": "text", "text": "what is 2 + 3"}])
            await client.until("turn/completed", after=seen)
        url = f"{gateway.url}/v1/threads/{thread}/events"
        for row in ROWS:
            async with http.get(url, headers=row.headers, params=row.query) as answer:
                assert answer.status == 200, row
                assert answer.content_type == "text/event-stream"
                replayed, done = await read_replay(answer.content)
            assert replayed == list(row.replayed), row
            assert done == {"threadId": thread, "seq": RECORDS, "resumed": row.resumed}, row
        for position in REFUSED:
            async with http.get(url, headers={"Last-Event-ID": position}) as answer:
                assert answer.status == 422, position
                error = (await answer.json())["error"]
            assert (error["code"], error["field"]) == ("invalid_params", "Last-Event-ID")
        async with http.get(f"{gateway.url}/v1/threads/{ABSENT}/events", headers={"Last-Event-ID": "1"}) as answer:
            assert answer.status == 404
            assert (await answer.json())["error"]["code"] == "thread_not_found"


async def read_replay(stream: aiohttp.StreamReader) -> tuple[list[int], dict[str, object]]:
    """The ids of the records that came, and what was said when all were there."""
    ids: list[int] = []
    while True:
        event = dict(line.split(": ", 1) for line in (await stream.readuntil(b"\n\n")).decode().strip().split("\n"))
        data: dict[str, object] = json.loads(event["data"])
        if event["event"] == "thread/replayDone":
            return ids, data
        assert data["seq"] == int(event["id"])
        ids.append(int(event["id"]))
