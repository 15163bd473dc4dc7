"""A mock that listens."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from realtime.mock.server import MockServer


@pytest.fixture
async def server() -> AsyncIterator[MockServer]:
    async with MockServer(seed=7) as server:
        yield server


@pytest.fixture
async def http(server: MockServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
        yield session
