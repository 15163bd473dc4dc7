"""One gateway for all tests of the page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest_asyncio

from tests.gateway.process import GatewayProcess, Serve, serving

_REAL = {"speech.engines": "auto", "limits.transcription_s": "4"}


@pytest_asyncio.fixture
async def gateway(gateway_env: Mapping[str, str], tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """A gateway with the embedded voice model and agent."""
    async with serving(Serve(gateway_env, tmp_path / "data")) as process:
        yield process


@pytest_asyncio.fixture
async def speaking_gateway(gateway_env: Mapping[str, str], tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """The same with real ears and a real mouth."""
    async with serving(Serve(gateway_env, tmp_path / "data", _REAL)) as process:
        yield process
