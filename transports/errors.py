"""What goes wrong on a wire, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping

_MAX_RETRY_AFTER_S = 86_400.0


class TransportError(Exception):
    """Root of the transports' errors."""


class ConnectFailed(TransportError):
    """No connection. ``status`` is the HTTP status when the other side answered with one.

    ``retry_after`` is in seconds. The message names the fault and nothing that was sent or answered:
    no address, no header, no body.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class LinkClosed(TransportError):
    """The link has ended. ``clean`` is true after a close handshake; ``code`` is RFC 6455's, if one came.

    ``reason`` is the other side's own text: for the log, never for a client.
    """

    def __init__(self, message: str, *, code: int | None = None, reason: str = "", clean: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.clean = clean


class NegotiationFailed(TransportError):
    """An offer, or what was trickled after it, cannot be taken. The message names the fault, never the offer's text.

    ``restart`` is true for an ICE restart, which a peer does not do.
    """

    def __init__(self, message: str, *, restart: bool = False) -> None:
        super().__init__(message)
        self.restart = restart


def check_headers(headers: Mapping[str, str]) -> None:
    """A line break in a value would begin a header of somebody else's choice."""
    for name, value in headers.items():
        if not value.isprintable() or not value.isascii():
            raise ConnectFailed(f"the header {name} has a character that a header cannot carry")


def seconds(text: str) -> float | None:
    """A Retry-After in seconds; its other form, a date, is not worth trusting two clocks for."""
    if not text.isascii() or not text.strip().isdigit():
        return None
    return min(float(text), _MAX_RETRY_AFTER_S)


def network_fault(error: OSError) -> str:
    """Why no connection came, without the address."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionError):
        return "the connection was reset during the handshake"
    return "the host cannot be reached"
