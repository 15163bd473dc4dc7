"""What clients are told of STUN and TURN servers, each with credentials of its own where the server can check them.

A TURN server with a ``static-auth-secret`` (the TURN REST API, draft-uberti-behave-turn-rest, as coturn has it) takes
the user name ``EXPIRY:NAME`` and, as password, base64 of its HMAC-SHA1 under that secret.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from realtime.settings import IceServerSettings


@dataclass(frozen=True, slots=True)
class IceServer:
    """One address; ``credential`` stands in no ``repr``."""

    url: str
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


def issued(servers: Iterable[IceServerSettings], *, now: float) -> list[IceServer]:
    """All addresses for one client. ``now`` is Unix time in seconds."""
    found = []
    for server in servers:
        username, credential = _credentials(server, now)
        for url in server.urls:
            is_turn = url.startswith("turn")
            found.append(IceServer(url, username if is_turn else None, credential if is_turn else None))
    return found


def _credentials(server: IceServerSettings, now: float) -> tuple[str | None, str | None]:
    if server.secret is None:
        return server.username, server.credential.get_secret_value() if server.credential else None
    username = f"{int(now) + server.ttl_s}:{server.username or secrets.token_hex(8)}"
    digest = hmac.digest(server.secret.get_secret_value().encode(), username.encode(), "sha1")
    return username, base64.b64encode(digest).decode()
