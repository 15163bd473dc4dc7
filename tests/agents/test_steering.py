from __future__ import annotations

import asyncio

import pytest

from realtime.agents.steering import Ear
from realtime.errors import Overloaded


def ear(limit: int = 3) -> tuple[Ear, list[str]]:
    heard: list[str] = []
    return Ear(limit, heard.append), heard


async def test_what_is_put_is_taken_in_order_and_noted_when_taken() -> None:
    own, heard = ear()
    own.put("a")
    own.put("b")
    assert heard == []
    assert await anext(aiter(own)) == "a"
    assert heard == ["a"]
    assert own.take() == ["b"]
    assert own.take() == []
    assert heard == ["a", "b"]


async def test_a_listener_waits_for_what_comes() -> None:
    own, _ = ear()
    async with asyncio.TaskGroup() as group:
        text = group.create_task(_next(own))
        await asyncio.sleep(0)  # one turn of the loop: it waits by now
        own.put("late")
    assert text.result() == "late"


async def test_a_cancelled_wait_loses_nothing() -> None:
    own, heard = ear()
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await anext(aiter(own))
    own.put("there")
    assert await anext(aiter(own)) == "there"
    assert heard == ["there"]


async def test_the_ear_is_bounded() -> None:
    own, _ = ear(1)
    own.check_room()
    own.put("a")
    with pytest.raises(Overloaded):
        own.check_room()
    with pytest.raises(Overloaded):
        own.put("b")
    assert own.take() == ["a"]
    own.put("c")


async def _next(own: Ear) -> str:
    return await anext(aiter(own))
