"""Who may come in: credentials, ``Origin`` and ``Host``."""

from __future__ import annotations

import hmac
import re
from pathlib import Path

from aiohttp import web

from realtime.errors import ConfigurationError, Forbidden, Unauthorized
from realtime.settings import ServerSettings

SUBPROTOCOL = "voxgate"
BEARER_SUBPROTOCOL = "voxgate.token."
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]]+)(?::[0-9]{1,5})?")


class Access:
    """The rules of one gateway. Raises ``ConfigurationError`` when they would let anybody in from outside."""

    def __init__(self, settings: ServerSettings) -> None:
        self._loopback = settings.is_loopback
        self._names = {*_LOOPBACK_NAMES, _bracketed(settings.host)}
        self._allowed_origins = frozenset(settings.allowed_origins)
        self._tokens = _read_tokens(settings.auth_tokens_file)
        if not self._loopback and not self._tokens:
            raise ConfigurationError(
                f"server.auth_tokens_file: must be set, since {settings.host} is reached from other machines",
                setting="server.auth_tokens_file",
            )

    def check_origin(self, request: web.BaseRequest) -> str | None:
        """Refuse foreign pages and rebound names; returns a foreign ``Origin`` that is allowed (for CORS).

        Raises ``Forbidden``.
        """
        port = _local_port(request)
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or (self._loopback and not self._is_own_name(hosts[0])):
            raise Forbidden("the Host header does not name this listener")
        origins = request.headers.getall("Origin", [])
        if not origins:
            return None
        if len(origins) == 1:
            if origins[0] in self._allowed_origins:
                return origins[0]
            if origins[0] in self._own_origins(hosts[0], port):
                return None
        raise Forbidden("the Origin is not allowed; see server.allowed_origins")

    def check_credentials(self, request: web.BaseRequest) -> None:
        """Ask for a token where there are tokens; raises ``Unauthorized``."""
        token = _presented_token(request)
        if token is None and self._tokens:
            raise Unauthorized("a bearer token is required")
        if not self.admits(token or b""):
            raise Unauthorized("the token is not valid")

    def admits(self, token: bytes) -> bool:
        """True for a token of the gateway's, and for any where there are none."""
        # every token is compared, so the time tells nothing about which one nearly matched
        return not self._tokens or bool(sum(hmac.compare_digest(token, known) for known in self._tokens))

    def _is_own_name(self, host: str) -> bool:
        """The name alone stops a rebound one; the port may be that of a tunnel or of a proxy on this machine."""
        match = _HOST.fullmatch(host.lower())
        return match is not None and match["name"] in self._names

    def _own_origins(self, host: str, port: int) -> set[str]:
        """The page's own address, as the browser that asks sees it, and as the listener does."""
        if not self._loopback:
            return {f"http://{host}", f"https://{host}"}
        suffix = "" if port == 80 else f":{port}"
        return {f"http://{host.lower()}", *(f"http://{name}{suffix}" for name in self._names)}


def offered_protocols(request: web.BaseRequest) -> list[str]:
    """The WebSocket subprotocols a client offers."""
    lines = request.headers.getall("Sec-WebSocket-Protocol", [])
    return [part.strip() for line in lines for part in line.split(",")]


def _local_port(request: web.BaseRequest) -> int:
    """The port the connection came in by; 0 when it has gone already."""
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return int(name[1]) if name else 0


def _presented_token(request: web.BaseRequest) -> bytes | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return _bytes(token.strip())
    for protocol in offered_protocols(request):
        if protocol.startswith(BEARER_SUBPROTOCOL):
            return _bytes(protocol.removeprefix(BEARER_SUBPROTOCOL))
    return None


def _bytes(header: str) -> bytes:
    """A header's bytes as they came."""
    return header.encode("utf-8", "surrogateescape")


def _read_tokens(path: Path | None) -> tuple[bytes, ...]:
    """One token a line; blank lines and lines that begin with ``#`` are none."""
    if path is None:
        return ()
    try:
        lines = [line.strip() for line in path.read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigurationError(
            f"server.auth_tokens_file: cannot be read: {reason}", setting="server.auth_tokens_file"
        ) from None
    tokens = tuple(line.encode() for line in lines if line and not line.startswith("#"))
    if not tokens:
        raise ConfigurationError("server.auth_tokens_file: holds no token", setting="server.auth_tokens_file")
    return tokens


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
