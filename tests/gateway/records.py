"""Records as they were acknowledged, and as they are found: what both must hold together."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.gateway.rpc_client import JsonObject

PAGE = 1000


async def fetch(http: aiohttp.ClientSession, url: str, thread: str, after: int = 0) -> list[JsonObject]:
    """A thread's records above a number, by the HTTP door."""
    records: list[JsonObject] = []
    while True:
        query = {"after": after + len(records), "limit": PAGE}
        async with http.get(f"{url}/v1/threads/{thread}/items", params=query) as answer:
            page = await answer.json()
            assert answer.status == 200, page
        records += page["data"]
        if not page["more"]:
            assert page["seq"] == after + len(records)
            return records


async def completed(http: aiohttp.ClientSession, thread: str, right: Callable[[JsonObject], bool]) -> JsonObject:
    """The first item of a thread to be complete and right, as soon as its record is there; ``http`` is the gateway's.

    It is listened for from the beginning of the thread on.
    """
    unlimited = aiohttp.ClientTimeout(total=None)
    async with http.get(f"/v1/threads/{thread}/events", params={"after": "0"}, timeout=unlimited) as stream:
        assert stream.status == 200, await stream.text()
        method = ""
        async for line in stream.content:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "event":
                method = value
            elif name == "data" and method == "item/completed":
                item: JsonObject = json.loads(value)["item"]
                if right(item):
                    return item
    raise AssertionError("the events ended before")


def read(database: Path, thread: str) -> list[JsonObject]:
    """A thread's records, from the file that no gateway holds open."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute(
            "SELECT seq, method, body FROM records WHERE thread_id = ? ORDER BY seq", (json.dumps(thread),)
        ).fetchall()
        (head,) = connection.execute("SELECT head FROM threads WHERE id = ?", (json.dumps(thread),)).fetchone()
    assert head == len(rows)
    return [
        {"seq": seq, "method": method, "params": {"threadId": thread, "seq": seq, **json.loads(body)}}
        for seq, method, body in rows
    ]


@dataclass(slots=True)
class Log:
    """A thread's records as they were found, contiguous from 1; what is open in it."""

    thread: str
    records: list[JsonObject] = field(default_factory=list)
    open: dict[tuple[str, str], JsonObject] = field(default_factory=dict)
    """What was begun and is not completed: kind and id to the record."""

    def extend(self, records: Iterable[JsonObject]) -> None:
        """Take what came after; raises ``AssertionError`` for a gap, a double, or an end without a begin."""
        for record in records:
            assert record["seq"] == len(self.records) + 1, f"{record} after {len(self.records)}"
            assert record["params"]["threadId"] == self.thread
            self.records.append(record)
            self._follow(record)

    def _follow(self, record: JsonObject) -> None:
        kind, _, state = record["method"].partition("/")
        key = (kind, record["params"][kind]["id"])
        if state == "started":
            assert key not in self.open, f"begun twice: {record}"
            self.open[key] = record
        elif self.open.pop(key, None) is None:
            assert kind == "item", f"ended and never begun: {record}"

    def missing(self, notes: Iterable[JsonObject]) -> Iterator[JsonObject]:
        """The acknowledgements of this thread that the records do not keep."""
        turns = {record["params"]["turn"]["id"] for record in self.records if record["method"] == "turn/started"}
        for note in notes:
            kept = note["turn"] in turns if "turn" in note else self._keeps(note)
            if not kept:
                yield note

    def _keeps(self, note: JsonObject) -> bool:
        if note["seq"] > len(self.records):
            return False
        record = self.records[note["seq"] - 1]
        if "text" in note:
            return bool(record["params"].get("item", {}).get("text") == note["text"])
        return bool(record == {name: note[name] for name in ("seq", "method", "params")})
