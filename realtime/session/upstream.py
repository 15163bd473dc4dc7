"""Typed events over a message link, and how the link is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

from realtime.core.config import SessionConfig
from realtime.errors import ConfigurationError, UpstreamClosed, UpstreamConnectFailed, UpstreamError, UpstreamRejected
from realtime.protocol.realtime import ServerEvent
from realtime.protocol.realtime_v1 import Codec, codec_for
from realtime.session.blotter import Blotter
from realtime.settings import UpstreamSettings
from transports import websocket
from transports.errors import ConnectFailed, LinkClosed
from transports.link import MessageLink


class UpstreamConnection:
    """One connection to the voice model. The upstream key is blotted out of whatever comes back."""

    def __init__(self, link: MessageLink, codec: Codec, key: str | None = None) -> None:
        self._link = link
        self._blotter = Blotter(key)
        self.codec = codec
        self.closed_with: int | None = None
        """The code of the other side's close frame, once it has come."""

    async def send(self, text: str) -> None:
        """Send one serialised event; raises ``UpstreamClosed``."""
        try:
            await self._link.send(text)
        except LinkClosed as error:
            raise closed(error) from None

    async def receive(self) -> ServerEvent:
        """The next event; ``Malformed`` for garbage. Raises ``UpstreamClosed``."""
        try:
            text = await self._link.receive()
        except LinkClosed as error:
            self.closed_with = error.code
            raise closed(error) from None
        return self.codec.decode(self._blotter.blot(text))

    async def close(self) -> None:
        """End the connection with a close handshake."""
        await self._link.close(1000)


class Opener(Protocol):
    """Makes connections for a call."""

    async def __call__(self, config: SessionConfig) -> UpstreamConnection:
        """A new connection; raises ``UpstreamError``."""
        ...


@dataclass(frozen=True, slots=True)
class ControlPath:
    """How a call reaches its model. ``dial`` makes a WebRTC call, returns the answer, raises ``UpstreamError``."""

    open: Opener
    dial: Callable[[SessionConfig], Awaitable[str]] | None = None


class WebSocketOpener:
    """Connections to a Realtime API by WebSocket; ``model`` is the call's."""

    def __init__(self, settings: UpstreamSettings, *, model: str, max_bytes: int) -> None:
        self._settings = settings
        self._model = model
        self._max_bytes = max_bytes

    async def __call__(self, config: SessionConfig) -> UpstreamConnection:
        """Connect; the key is read anew each time, so that it may be rotated."""
        url = realtime_url(self._settings.base_url, version=config.version, model=self._model)
        return await connected(url, self._settings, config, max_bytes=self._max_bytes)


async def connected(
    url: str, settings: UpstreamSettings, config: SessionConfig, *, max_bytes: int
) -> UpstreamConnection:
    """A connection to this address with the call's headers; raises ``UpstreamError``."""
    key, headers = credentials(settings, config)
    timeout = settings.connect_timeout_s
    try:
        link = await websocket.connect(url, headers=headers, connect_timeout=timeout, max_bytes=max_bytes)
    except ConnectFailed as error:
        raise refused(error) from None
    return UpstreamConnection(link, codec_for(config.version), key)


def credentials(settings: UpstreamSettings, config: SessionConfig) -> tuple[str | None, dict[str, str]]:
    """The key, and the headers of a request for this call; raises ``UpstreamConnectFailed``."""
    try:
        key = settings.key()
    except ConfigurationError as error:
        raise UpstreamConnectFailed(error.message) from None
    headers: dict[str, str] = {"x-session-id": config.session_id}
    if key:
        headers["authorization"] = f"Bearer {key}"
    return key, headers


def realtime_url(base_url: str, *, version: str, **query: str) -> str:
    """The WebSocket address below a base URL: ``…/v1`` gets ``/realtime``, an empty path ``/v1/realtime``."""
    parts = urlsplit(base_url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/")
    if not path:
        path = "/v1/realtime"
    elif path.endswith("/v1"):
        path += "/realtime"
    intent = {"intent": "quicksilver"} if version == "v1" else {}
    joined = "&".join(part for part in (parts.query, urlencode({**intent, **query})) if part)
    return urlunsplit((scheme, parts.netloc, path, joined, ""))


def refused(error: ConnectFailed) -> UpstreamError:
    """A transport's failure to connect, as the house says it."""
    if error.status is None:
        return UpstreamConnectFailed(str(error))
    retry_after_ms = int(error.retry_after * 1000) if error.retry_after is not None else None
    message = f"the upstream refused the connection: unexpected status {error.status}"
    return UpstreamRejected(message, status=error.status, retry_after_ms=retry_after_ms)


def closed(error: LinkClosed) -> UpstreamClosed:
    """The end of a link, as the house says it."""
    return UpstreamClosed(f"the upstream connection closed: {error}", close_code=error.code, clean=error.clean)
