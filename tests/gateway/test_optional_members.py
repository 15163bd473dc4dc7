"""Members that may be left out, or be null: they mean what they say, and nothing when they say nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway import errands
from tests.gateway.in_process import opened
from tests.gateway.rpc_client import RefusedError, RpcClient, connected

SLOW = [{"type": "text", "text": "do the slow work"}]
GO = [{"type": "text", "text": errands.GO}]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[RpcClient]:
    async with (
        opened(tmp_path, agent={"spec": errands.SPEC}, upstream={"base_url": "embedded"}) as address,
        connected(address) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("method", "named"),
    [("turn/steer", "expectedTurnId"), ("turn/steer", "turnId"), ("turn/interrupt", "turnId")],
)
async def test_what_is_meant_for_another_turn_leaves_the_running_one_alone(
    client: RpcClient, method: str, named: str
) -> None:
    thread = await client.start_thread()
    turn = (await client.call("turn/start", threadId=thread, input=SLOW))["turn"]["id"]
    with pytest.raises(RefusedError) as refusal:
        await client.call(method, threadId=thread, input=GO, **{named: "another"})
    assert (refusal.value.code, refusal.value.name) == (-32600, "turn_not_found")
    assert client.named("turn/completed") == []
    await client.call(method, threadId=thread, input=GO, **{named: turn})
    ended = (await client.until("turn/completed")).params["turn"]
    assert ended["id"] == turn
    assert ended["status"] == ("completed" if method == "turn/steer" else "interrupted")


async def test_null_is_left_out(client: RpcClient) -> None:
    thread = await client.start_thread()
    listed = await client.call("thread/list", cursor=None, limit=None, archived=None)
    assert [one["id"] for one in listed["data"]] == [thread]
    await client.call("turn/start", threadId=thread, input=[{"type": "text", "text": "hi"}], clientMetadata=None)
    await client.until("turn/completed")
    read = (await client.call("thread/read", threadId=thread, includeTurns=None))["thread"]
    assert [turn["output"] for turn in read["turns"]] == [errands.QUICK]
    with pytest.raises(RefusedError) as refusal:
        await client.call("thread/realtime/appendText", threadId=thread, text="hi", role=None, respond=None)
    assert refusal.value.name == "session_not_found"


async def test_a_thread_read_without_its_turns_has_none(client: RpcClient) -> None:
    thread = await client.start_thread()
    await client.call("turn/start", threadId=thread, input=[{"type": "text", "text": "hi"}])
    await client.until("turn/completed")
    assert (await client.call("thread/read", threadId=thread, includeTurns=False))["thread"]["turns"] == []
