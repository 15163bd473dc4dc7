"""Who the gateway says it is."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import version

from realtime.protocol.json import JsonObject

NAME = "voxgate"

_SYSTEMS = {"darwin": "macos", "win32": "windows"}
"""As the app-server names them."""


@cache
def server_version() -> str:
    """The installed version."""
    return version(NAME)


def server_identity() -> JsonObject:
    """The result of ``initialize``: the app-server's members, and ours."""
    return {
        "userAgent": f"{NAME}/{server_version()}",
        "platformFamily": "windows" if sys.platform == "win32" else "unix",
        "platformOs": _SYSTEMS.get(sys.platform, sys.platform),
        "serverInfo": {"name": NAME, "version": server_version()},
    }
