"""Calls over a link and their answers."""

from __future__ import annotations

import asyncio

import pytest

from realtime.commands.rpc_client import CallRefused, RpcClient
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from transports.errors import LinkClosed
from transports.link import memory_pair


class Pair:
    """A client, and the far end of its link."""

    def __init__(self) -> None:
        near, self.far = memory_pair()
        self.heard: list[tuple[str, JsonObject]] = []
        self.client = RpcClient(near, lambda method, params: self.heard.append((method, params)))

    async def asked(self) -> JsonObject:
        return json.decode_object(await self.far.receive())

    async def say(self, message: object) -> None:
        await self.far.send(message if isinstance(message, str) else json.encode(message))


@pytest.fixture
async def pair() -> Pair:
    return Pair()


async def test_answers_find_their_calls_in_any_order(pair: Pair) -> None:
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(pair.client.run())
        first = group.create_task(pair.client.call("a", {"n": 1}))
        second = group.create_task(pair.client.call("b", {"n": 2}))
        asked = [await pair.asked(), await pair.asked()]
        assert [(call["method"], call["params"]) for call in asked] == [("a", {"n": 1}), ("b", {"n": 2})]
        for call in reversed(asked):
            await pair.say({"id": call["id"], "result": {"of": call["method"]}})
        assert (await first, await second) == ({"of": "a"}, {"of": "b"})
        await pair.far.close()
        assert (await reader).clean


async def test_a_refusal_carries_its_code(pair: Pair) -> None:
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(pair.client.run())
        call = group.create_task(_refused(pair.client))
        asked = await pair.asked()
        error = {"code": -32600, "message": "no", "data": {"code": "forbidden"}}
        await pair.say({"id": asked["id"], "error": error})
        assert await call == ("forbidden", "no")
        reader.cancel()


async def test_notifications_come_in_order_and_garbage_is_left_out(pair: Pair) -> None:
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(pair.client.run())
        for message in (
            {"method": "a", "params": {"n": 1}},
            "no JSON",
            "[]",
            {"id": 77, "result": {}},
            {"method": "b"},
        ):
            await pair.say(message)
        await pair.far.close()
        await reader
    assert pair.heard == [("a", {"n": 1}), ("b", {})]


async def test_calls_that_wait_fail_when_the_link_ends(pair: Pair) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(pair.client.run())
        call = group.create_task(_lost(pair.client))
        await pair.asked()
        await pair.far.close()
        assert await call


async def test_what_is_told_has_no_id(pair: Pair) -> None:
    await pair.client.tell("initialized", {})
    assert await pair.asked() == {"method": "initialized", "params": {}}


async def _refused(client: RpcClient) -> tuple[str, str]:
    with pytest.raises(CallRefused) as refused:
        await client.call("x", {})
    return refused.value.code, refused.value.message


async def _lost(client: RpcClient) -> bool:
    with pytest.raises(LinkClosed):
        await client.call("x", {})
    return True
