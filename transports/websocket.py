"""A message link over an outbound WebSocket."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as _websockets_connect
from websockets.asyncio.server import broadcast
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException
from websockets.frames import CloseCode
from websockets.protocol import State
from websockets.typing import Subprotocol

from transports.errors import ConnectFailed, LinkClosed, check_headers, network_fault, seconds
from transports.link import MessageLink


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """How a link is kept. Times in seconds, sizes in bytes.

    A peer that answers no ping is given up after at most ``ping_interval + ping_timeout``; an interval of
    None sends no pings. ``receive_frames`` is how many frames wait for ``receive`` before reading stops.
    """

    ping_interval: float | None = 10.0
    ping_timeout: float = 15.0
    close_timeout: float = 2.0
    send_buffer_bytes: int = 65_536
    receive_frames: int = 16


async def connect(
    url: str,
    *,
    headers: Mapping[str, str],
    connect_timeout: float,
    subprotocols: Sequence[str] = (),
    max_bytes: int = 16_777_216,
    options: LinkOptions | None = None,
) -> MessageLink:
    """Open a WebSocket to ``url`` (ws or wss) within ``connect_timeout`` seconds.

    No proxy is used, no redirect followed (headers may hold a credential), no compression negotiated. A
    message above ``max_bytes`` ends the link with 1009. Raises ``ConnectFailed``.
    """
    check_headers(headers)
    options = options or LinkOptions()
    try:
        connection = await _Connect(
            url,
            additional_headers=dict(headers),
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            compression=None,
            user_agent_header="voxgate",
            proxy=None,
            open_timeout=connect_timeout,
            ping_interval=options.ping_interval,
            ping_timeout=options.ping_timeout,
            close_timeout=options.close_timeout,
            max_size=max_bytes,
            max_queue=options.receive_frames,
            write_limit=options.send_buffer_bytes,
            logger=_quiet_logger(),
        )
    except InvalidStatus as error:
        raise _refused(error) from None
    except (WebSocketException, OSError, ValueError) as error:
        raise ConnectFailed(_what_failed(error, connect_timeout)) from None
    return _WebSocketLink(connection)


class _Connect(_websockets_connect):
    """Takes a redirect for what it is: a refusal."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _WebSocketLink:
    """A link over an open connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._closing = False

    async def send(self, text: str) -> None:
        connection = self._connection
        transport = connection.transport
        if connection.state is State.OPEN and not transport.is_closing() and not transport.get_write_buffer_size():
            # Nothing waits, so there is nothing to wait for: the same frame without the price of flow control.
            broadcast((connection,), text)
            return
        try:
            await connection.send(text)
        except ConnectionClosed as error:
            raise self._closed(error) from None

    async def receive(self) -> str | bytes:
        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            raise self._closed(error) from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self._closing = True
        try:
            await self._connection.close(code, _fitting(reason))
        finally:
            # Reached with an open socket only when the handshake was cut short by a cancellation.
            self._connection.transport.abort()

    def _closed(self, error: ConnectionClosed) -> LinkClosed:
        """Clean: the peer's close frame came, and not merely as the echo of our complaint about its messages."""
        if error.rcvd is None:
            ours = f" ({_code_name(error.sent.code)})" if error.sent is not None and not self._closing else ""
            return LinkClosed(f"connection lost without a close frame{ours}")
        code = None if error.rcvd.code == CloseCode.NO_STATUS_RCVD else int(error.rcvd.code)
        if error.rcvd_then_sent is False and not self._closing:
            return LinkClosed(f"connection ended over a broken message ({_code_name(error.rcvd.code)})", code=code)
        text = "connection closed" if code is None else f"connection closed ({_code_name(code)})"
        return LinkClosed(text, code=code, reason=error.rcvd.reason, clean=True)


def _quiet_logger() -> logging.Logger:
    """At DEBUG the library writes every header and message to the log; ours are secrets and speech."""
    logger = logging.getLogger("transports.websocket.wire")
    logger.setLevel(logging.WARNING)
    return logger


def _refused(error: InvalidStatus) -> ConnectFailed:
    status = error.response.status_code
    values = error.response.headers.get_all("Retry-After")
    retry_after = seconds(values[0]) if values else None
    return ConnectFailed(f"unexpected status {status}", status=status, retry_after=retry_after)


def _what_failed(error: Exception, connect_timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no connection within {connect_timeout:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return "the TLS handshake failed"
    if isinstance(error, OSError):
        return network_fault(error)
    if isinstance(error, (InvalidURI, ValueError)):
        return "the address is not a valid one"
    return "the other side does not speak WebSocket"


def _fitting(reason: str) -> str:
    """A control frame holds 125 bytes, two of them the code."""
    return reason.encode()[:123].decode(errors="ignore")


def _code_name(code: int) -> str:
    try:
        return f"{int(code)} {CloseCode(code).name.lower().replace('_', ' ')}"
    except ValueError:
        return str(int(code))
