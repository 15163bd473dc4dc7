"""The JSON-RPC door: handshake, every method, order, subscriptions."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.server.fake import Doors, open_doors


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    async with open_doors() as opened:
        yield opened


async def test_initialize_names_the_server(doors: Doors) -> None:
    async with doors.caller(initialize=False) as caller:
        result = await caller.result("initialize", {"clientInfo": {"name": "t"}})
        assert result["userAgent"].startswith("voxgate/")
        assert result["serverInfo"]["name"] == "voxgate"


async def test_both_paths_are_the_same_door(doors: Doors) -> None:
    for path in ("/", "/v1/rpc"):
        async with doors.caller(path) as caller:
            assert "thread" in await caller.result("thread/start")
