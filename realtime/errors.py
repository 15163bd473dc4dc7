"""The error tree of the gateway.

Two questions are answered by attributes and never by parsing text: whose fault it was (the class and
its ``code``) and whether trying again makes sense (``retryable``).
"""

from __future__ import annotations

from collections.abc import Mapping


class GatewayError(Exception):
    """Root of everything the gateway raises on purpose.

    ``code`` is the public code of ``docs/interfaces.md``; ``message`` is safe to show a client: it
    holds no secret, no path and no class name.
    """

    code = "internal"
    retryable = False

    def __init__(self, message: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_ms = retry_after_ms


class ProtocolError(GatewayError):
    """A rule of a protocol was broken."""

    code = "protocol_error"


class LocalProtocolError(ProtocolError):
    """We broke the rule: a defect of ours."""

    code = "internal"


class RemoteProtocolError(ProtocolError):
    """The other side broke the rule."""


class InvalidRequest(GatewayError):
    """The client's call cannot be understood; ``field`` names the member at fault."""

    code = "invalid_params"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class ParseError(InvalidRequest):
    """The message is not JSON, or not an object, or nests too deeply."""

    code = "parse_error"


class OfferRefused(InvalidRequest):
    """An SDP offer, or what was trickled after it, that no call can be made of."""

    code = "invalid_offer"


class PreconditionRequired(InvalidRequest):
    """The request must say what it is about (RFC 6585)."""

    code = "precondition_required"


class PreconditionFailed(InvalidRequest):
    """It is about something that is no longer so (RFC 9110)."""

    code = "precondition_failed"


class UnknownMethod(InvalidRequest):
    """No method of that name."""

    code = "unknown_method"


class NotInitialized(InvalidRequest):
    """``initialize`` must come first."""

    code = "not_initialized"


class ThreadNotFound(GatewayError):
    """No such thread, or not for this client."""

    code = "thread_not_found"


class SessionNotFound(GatewayError):
    """The thread has no live session."""

    code = "session_not_found"


class TurnNotFound(GatewayError):
    """The thread has no such running turn."""

    code = "turn_not_found"


class Unauthorized(GatewayError):
    """No credential, or one that is not valid."""

    code = "unauthorized"


class Forbidden(GatewayError):
    """A valid client asks for what it may not have."""

    code = "forbidden"


class Overloaded(GatewayError):
    """A bound was reached; the caller may come back."""

    code = "overloaded"
    retryable = True

    def __init__(self, message: str, *, retry_after_ms: int = 1000) -> None:
        super().__init__(message, retry_after_ms=retry_after_ms)


class SlowConsumer(GatewayError):
    """A client does not read what it subscribed to."""

    code = "slow_consumer"
    retryable = True


class Draining(GatewayError):
    """The gateway is leaving."""

    code = "draining"
    retryable = True


class UpstreamError(GatewayError):
    """The voice model's side failed."""

    code = "upstream_lost"


class UpstreamConnectFailed(UpstreamError):
    """The upstream could not be reached."""

    code = "upstream_refused"
    retryable = True


class UpstreamRejected(UpstreamError):
    """The upstream answered the handshake with an HTTP error; ``status`` has it.

    ``fault`` is the Realtime API's ``error`` object in the answer, where that holds one.
    """

    code = "upstream_refused"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        retry_after_ms: int | None = None,
        fault: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, retry_after_ms=retry_after_ms)
        self.status = status
        self.fault = fault
        self.is_requests_fault = status in (400, 413, 415, 422)
        """What was asked for cannot be had from this upstream, ever."""
        self.retryable = status in (404, 408, 425, 429) or status >= 500


class UpstreamBusy(UpstreamError):
    """The voice model in this process has no place left."""

    code = "overloaded"
    retryable = True


class UpstreamClosed(UpstreamError):
    """The upstream connection ended; ``clean`` says whether by a close handshake."""

    code = "upstream_lost"
    retryable = True

    def __init__(self, message: str, *, close_code: int | None, clean: bool) -> None:
        super().__init__(message)
        self.close_code = close_code
        self.clean = clean


class AgentError(GatewayError):
    """The background agent failed."""

    code = "agent_failed"


class StoreError(GatewayError):
    """The thread store failed or did not answer in time."""

    code = "store_unavailable"
    retryable = True


class ConfigurationError(GatewayError):
    """A setting is missing or wrong; ``setting`` names it as a user writes it."""

    code = "configuration"

    def __init__(self, message: str, *, setting: str) -> None:
        super().__init__(message)
        self.setting = setting
