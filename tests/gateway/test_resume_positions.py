"""From where a client resumes: any position it may name, and several resumes at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.canary import Canary
from tests.gateway.busy_thread import busy_thread
from tests.gateway.process import GatewayProcess, Serve, serving
from tests.gateway.rpc_client import JsonObject, Notification, RefusedError, RpcClient, connected

ABSENT = "01a20478-0b52-7b66-b0fa-f0acb79e3888"
TURNS = 3
RECORDS = 2 * TURNS
"""A turn leaves two records."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A gateway, a thread with ``RECORDS`` records that wait for nobody, and the client that made them."""

    gateway: GatewayProcess
    canary: Canary
    thread: str
    epoch: str
    writer: RpcClient

    @asynccontextmanager
    async def client(self) -> AsyncIterator[RpcClient]:
        """Another client."""
        async with connected(self.gateway.rpc, self.canary) as client:
            yield client

    async def work(self) -> None:
        """Two more records."""
        await work(self.writer, self.thread)


async def work(client: RpcClient, thread: str) -> None:
    """A turn, from start to end."""
    seen = len(client.notifications)
    await client.call("turn/start", threadId=thread, input=[{"type": "text", "text": "what is 2 + 3"}])
    await client.until("turn/completed", after=seen)


@asynccontextmanager
async def scene(environment: dict[str, str], folder: Path, canary: Canary) -> AsyncIterator[Scene]:
    async with serving(Serve(environment, folder)) as gateway, connected(gateway.rpc, canary) as writer:
        thread = (await writer.call("thread/start"))["thread"]
        for _ in range(TURNS):
            await work(writer, thread["id"])
        yield Scene(gateway, canary, thread["id"], thread["epoch"], writer)


@dataclass(frozen=True, slots=True)
class Row:
    """A position and what must come of it."""

    position: JsonObject
    replayed: range
    resumed: bool = True
    own_epoch: bool = False


WHOLE = range(1, RECORDS + 1)
NOTHING = range(0)

ROWS = (
    Row({}, NOTHING),
    Row({"afterSeq": None}, NOTHING),
    Row({"afterSeq": 0}, WHOLE),
    Row({"afterSeq": 1}, range(2, RECORDS + 1)),
    Row({"afterSeq": RECORDS - 1}, range(RECORDS, RECORDS + 1)),
    Row({"afterSeq": RECORDS}, NOTHING),
    Row({"afterSeq": 2}, range(3, RECORDS + 1), own_epoch=True),
    Row({"afterSeq": RECORDS + 1}, WHOLE, resumed=False),
    Row({"afterSeq": 10**9}, WHOLE, resumed=False),
    Row({"afterSeq": 2**63}, WHOLE, resumed=False),
    Row({"afterSeq": 2, "epoch": "another"}, WHOLE, resumed=False),
    Row({"afterSeq": RECORDS, "epoch": ""}, WHOLE, resumed=False),
    Row({"epoch": "another"}, WHOLE, resumed=False),
    Row({"audio": None}, NOTHING, own_epoch=True),
    Row({"afterSeq": RECORDS + 1}, WHOLE, resumed=False, own_epoch=True),
)


async def test_a_position_is_resumed_or_said_to_be_lost(
    gateway_env: dict[str, str], tmp_path: Path, canary: Canary
) -> None:
    async with scene(gateway_env, tmp_path, canary) as set_:
        for row in ROWS:
            async with set_.client() as client:
                epoch = {"epoch": set_.epoch} if row.own_epoch else {}
                result = await client.call("thread/resume", threadId=set_.thread, **row.position, **epoch)
                await client.until("thread/replayDone")
            assert result["seq"] == result["thread"]["seq"] == RECORDS, row
            assert result["epoch"] == set_.epoch, row
            assert result["resumed"] is row.resumed, row
            assert result.get("reason") == (None if row.resumed else "position_unknown"), row
            done = {"threadId": set_.thread, "seq": RECORDS, "resumed": row.resumed}
            assert shape(client) == ["answer", "answer", *row.replayed, done], row


REFUSED: tuple[tuple[JsonObject, str, str | None], ...] = (
    ({"threadId": ABSENT, "afterSeq": 0}, "thread_not_found", None),
    ({"threadId": "no id", "afterSeq": 0}, "invalid_params", "threadId"),
    ({}, "invalid_params", "threadId"),
    ({"afterSeq": -1}, "invalid_params", "afterSeq"),
    ({"afterSeq": "1"}, "invalid_params", "afterSeq"),
    ({"afterSeq": 1.5}, "invalid_params", "afterSeq"),
    ({"afterSeq": True}, "invalid_params", "afterSeq"),
    ({"afterSeq": 1, "epoch": 5}, "invalid_params", "epoch"),
)


async def test_what_is_no_position_is_refused(gateway_env: dict[str, str], tmp_path: Path, canary: Canary) -> None:
    async with scene(gateway_env, tmp_path, canary) as set_, set_.client() as client:
        for named, code, field in REFUSED:
            params = named if "threadId" in named or not named else {"threadId": set_.thread, **named}
            with pytest.raises(RefusedError) as refusal:
                await client.call("thread/resume", **params)
            assert (refusal.value.code, refusal.value.name) == (-32600, code), named
            assert refusal.value.data.get("field") == field, named
        assert client.notifications == []
        assert (await client.call("thread/resume", threadId=set_.thread))["seq"] == RECORDS


async def test_two_resumes_at_once_are_served_one_after_the_other(
    gateway_env: dict[str, str], tmp_path: Path, canary: Canary
) -> None:
    async with scene(gateway_env, tmp_path, canary) as set_, set_.client() as client:
        answers = [
            await client.send("thread/resume", {"threadId": set_.thread, "afterSeq": after})
            for after in (0, RECORDS - 2)
        ]
        assert [(await answer)["resumed"] for answer in answers] == [True, True]
        await set_.work()
        await client.until(lambda seen: seen.method == "turn/completed" and seen.seq == RECORDS + 2)
    done = {"threadId": set_.thread, "seq": RECORDS, "resumed": True}
    came = [entry for entry in shape(client) if entry != "answer"]
    assert came == [*WHOLE, done, RECORDS - 1, RECORDS, done, RECORDS + 1, RECORDS + 2]


async def test_a_second_resume_of_a_connection_gives_what_is_new_once(
    gateway_env: dict[str, str], tmp_path: Path, canary: Canary
) -> None:
    async with scene(gateway_env, tmp_path, canary) as set_, set_.client() as client:
        await client.call("thread/resume", threadId=set_.thread, afterSeq=0)
        await set_.work()
        await client.until(lambda seen: seen.seq == RECORDS + 2)
        first = len(client.notifications)
        assert (await client.call("thread/resume", threadId=set_.thread, afterSeq=RECORDS))["seq"] == RECORDS + 2
        await set_.work()
        await client.until(lambda seen: seen.seq == RECORDS + 4, after=first)
    again = [seen.seq for seen in client.notifications[first:]]
    assert again == [RECORDS + 1, RECORDS + 2, RECORDS + 2, RECORDS + 3, RECORDS + 4]
    assert [seen.method for seen in client.notifications[first:]].count("thread/replayDone") == 1


async def test_resumes_on_a_busy_connection_keep_its_order(
    gateway_env: dict[str, str], tmp_path: Path, canary: Canary
) -> None:
    async with (
        serving(Serve(gateway_env, tmp_path)) as gateway,
        busy_thread(gateway) as busy,
        connected(gateway.rpc, canary) as client,
    ):
        head, positions = 0, []
        for _ in range(20):
            seen = len(client.notifications)
            positions.append(max(0, head - 3))
            head = (await client.call("thread/resume", threadId=busy.id, afterSeq=positions[-1]))["seq"]
            await client.until(_newer_than(head), after=seen)
    follow(client.messages, positions)


def follow(messages: list[JsonObject], positions: list[int]) -> None:
    """After each answer the replay from its position and nothing else, to its end; between them what is new, once."""
    newest, head = 0, 0
    waiting = iter(positions)
    replay: list[int] | None = None
    for message in messages:
        params = message.get("params", {})
        if "resumed" in message.get("result", {}):
            assert replay is None
            assert newest in (0, message["result"]["seq"])
            head = newest = message["result"]["seq"]
            replay = [*range(next(waiting) + 1, head + 1)]
        elif message.get("method") == "thread/replayDone":
            assert (replay, params["seq"]) == ([], head)
            replay = None
        elif replay is not None:
            assert replay
            assert params["seq"] == replay.pop(0), "nothing comes between the records of a replay"
        elif "seq" in params:
            newest += 1
            assert params["seq"] == newest
    assert list(waiting) == []


def _newer_than(seq: int) -> Callable[[Notification], bool]:
    return lambda seen: (seen.seq or 0) > seq


async def test_two_clients_that_resume_at_once_both_get_all(
    gateway_env: dict[str, str], tmp_path: Path, canary: Canary
) -> None:
    async with scene(gateway_env, tmp_path, canary) as set_, set_.client() as one, set_.client() as other:
        answers = [
            await client.send("thread/resume", {"threadId": set_.thread, "afterSeq": 0}) for client in (one, other)
        ]
        assert [(await answer)["seq"] for answer in answers] == [RECORDS, RECORDS]
        await set_.work()
        for client in (one, other):
            await client.until(lambda seen: seen.seq == RECORDS + 2)
            assert [seen.seq for seen in client.notifications] == [*WHOLE, RECORDS, RECORDS + 1, RECORDS + 2]


def shape(client: RpcClient) -> list[Any]:
    """All that came, in order: ``answer``, the number of a record, or the params of anything else."""
    shapes: list[Any] = []
    for message in client.messages:
        if "method" not in message:
            shapes.append("answer")
        elif message["method"].startswith(("item/", "turn/")):
            shapes.append(message["params"]["seq"])
        else:
            shapes.append(message["params"])
    return shapes
