"""What goes wrong on a wire."""

from __future__ import annotations


class TransportError(Exception):
    """Root of the transports' errors."""


class ConnectFailed(TransportError):
    """No connection. ``status`` is the HTTP status when the other side answered with one."""

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class LinkClosed(TransportError):
    """The link has ended. ``clean`` is true after a close handshake; ``code`` is RFC 6455's, if one came."""

    def __init__(self, message: str, *, code: int | None = None, clean: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.clean = clean
