"""The way to a running gateway: its address, the token, and why it did not let us in."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from realtime.errors import ConfigurationError
from transports.errors import ConnectFailed
from transports.link import MessageLink
from transports.websocket import connect

CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Door:
    """A WebSocket address, and the headers that open it."""

    url: str
    headers: dict[str, str]

    async def open(self) -> MessageLink:
        """A link; raises ``ConnectFailed``."""
        return await connect(self.url, headers=self.headers, connect_timeout=CONNECT_S)

    def refusal(self, error: ConnectFailed) -> tuple[str, str]:
        """Code and message for a gateway that did not let us in."""
        match error.status:
            case None:
                return "connect_failed", f"{self.url}: {error}; is the gateway running?"
            case 401 if self.headers:
                return "unauthorized", f"{self.url}: the gateway does not know the token of --token-file"
            case 401:
                return "unauthorized", f"{self.url}: the gateway wants a token: give it with --token-file FILE"
            case 403:
                token = "the token of --token-file" if self.headers else "a token (--token-file FILE)"
                return "forbidden", f"{self.url}: refused (403): {token} or another host name in --url is wanted"
            case 503:
                return "overloaded", f"{self.url}: the gateway takes no more connections now (503)"
            case status:
                doors = "the gateway's door is / or /v1/rpc"
                return "connect_failed", f"{self.url}: this address is no door of a gateway (status {status}); {doors}"


def add_door_flags(parser: argparse.ArgumentParser) -> None:
    """``--url`` and ``--token-file``."""
    parser.add_argument("--url", default="ws://127.0.0.1:8080", help="the gateway (default: %(default)s)")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="bearer token, where the gateway wants one")


def door_from(arguments: argparse.Namespace) -> Door:
    """Raises ``ConfigurationError``."""
    return Door(_websocket_address(arguments.url), _credentials(arguments.token_file))


def _websocket_address(url: str) -> str:
    parts = urlsplit(url)
    scheme = {"ws": "ws", "http": "ws", "wss": "wss", "https": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ConfigurationError(f"--url: not a ws, wss, http or https address: {url}", setting="--url")
    return parts._replace(scheme=scheme, path=parts.path or "/").geturl()


def _credentials(token_file: Path | None) -> dict[str, str]:
    if token_file is None:
        return {}
    try:
        lines = token_file.read_text().split()
    except (OSError, UnicodeDecodeError):
        lines = []
    if not lines:
        raise ConfigurationError(f"--token-file: no token can be read from {token_file}", setting="--token-file")
    return {"Authorization": f"Bearer {lines[0]}"}
