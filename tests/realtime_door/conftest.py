"""A mock, and a gateway before it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from realtime.mock.server import MockServer
from tests.realtime_door.house import House
from tests.realtime_door.house import house as opened


@pytest.fixture
async def mock(tmp_path: Path) -> AsyncIterator[MockServer]:
    async with MockServer(seed=7, log=tmp_path / "mock.log") as server:
        yield server


@pytest.fixture
async def house(tmp_path: Path, mock: MockServer) -> AsyncIterator[House]:
    async with opened(tmp_path, mock) as house:
        yield house
