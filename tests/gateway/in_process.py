"""A gateway with its doors in the test's own process: many scenarios in little time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from realtime.configuration import load
from realtime.gateway import Gateway
from realtime.server.app import serving


@asynccontextmanager
async def opened(data: Path, **sections: Mapping[str, Any]) -> AsyncIterator[str]:
    """The address of its JSON-RPC door, for the length of the block; ``sections`` are those of the settings."""
    settings = load(flags={"data": data, "server": {"port": 0}, **sections})
    gateway = Gateway(settings)
    doors = serving(gateway, settings.server, settings.limits, gateway.telemetry)
    async with gateway.running(), doors as address:
        yield f"{address.replace('http', 'ws', 1)}v1/rpc"
