"""Who the gateway says it is."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from realtime.protocol.json import JsonObject

NAME = "voxgate"


@cache
def server_version() -> str:
    """The installed version."""
    return version(NAME)


def server_identity() -> JsonObject:
    """The result of ``initialize``."""
    return {
        "userAgent": f"{NAME}/{server_version()}",
        "serverInfo": {"name": NAME, "version": server_version()},
    }
