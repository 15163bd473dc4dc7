"""One table: what a client of either door is told for each error code. See ``docs/interfaces.md``, section 3."""

from __future__ import annotations

import math
from dataclasses import dataclass

from realtime.errors import GatewayError, InvalidRequest, UpstreamRejected
from realtime.protocol import jsonrpc
from realtime.protocol.json import JsonObject
from realtime.protocol.jsonrpc import RequestId

INVALID = -32600
BUSY = -32001
INTERNAL = -32603

RETRY_AFTER_MS = 1000
"""Told with every refusal that invites to come back and does not know better."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a code is said by JSON-RPC, by HTTP, and by closing a socket (None: the socket stays)."""

    rpc: int
    status: int
    close: int | None = None


TABLE: dict[str, Refusal] = {
    "parse_error": Refusal(INVALID, 400),
    "invalid_offer": Refusal(INVALID, 400),
    "precondition_required": Refusal(INVALID, 428),
    "precondition_failed": Refusal(INVALID, 412),
    "unknown_method": Refusal(INVALID, 404),
    "invalid_params": Refusal(INVALID, 422),
    "not_initialized": Refusal(INVALID, 409),
    "thread_not_found": Refusal(INVALID, 404),
    "session_not_found": Refusal(INVALID, 404),
    "turn_not_found": Refusal(INVALID, 404),
    "unauthorized": Refusal(INVALID, 401, 4401),
    "forbidden": Refusal(INVALID, 403, 4403),
    "overloaded": Refusal(BUSY, 503, 1013),
    "slow_consumer": Refusal(BUSY, 503, 4408),
    "store_unavailable": Refusal(BUSY, 503, 1013),
    "draining": Refusal(BUSY, 503, 1012),
    "upstream_refused": Refusal(BUSY, 503),
    "upstream_lost": Refusal(BUSY, 503),
    "session_expired": Refusal(INVALID, 409),
    "internal": Refusal(INTERNAL, 500, 1011),
}


class InternalError(GatewayError):
    """Stands for every exception nobody foresaw: its text tells nothing."""

    def __init__(self) -> None:
        super().__init__("internal error")


def told(error: GatewayError) -> GatewayError:
    """The error as a client may see it: one whose code is not in the table is a defect of ours."""
    return error if error.code in TABLE else InternalError()


def refusal(error: GatewayError) -> Refusal:
    """The row of a told error."""
    return TABLE[error.code]


def status_of(error: GatewayError) -> int:
    """The HTTP status of a told error; what the upstream found wrong with the request is the request's fault."""
    at_fault = isinstance(error, UpstreamRejected) and error.is_requests_fault
    return 400 if at_fault else refusal(error).status


def details(error: GatewayError) -> JsonObject:
    """``{code, retryable, field?, retryAfterMs?}`` of a told error."""
    data: JsonObject = {"code": error.code, "retryable": error.retryable}
    if isinstance(error, InvalidRequest) and error.field is not None:
        data["field"] = error.field
    if error.retryable:
        data["retryAfterMs"] = error.retry_after_ms if error.retry_after_ms is not None else RETRY_AFTER_MS
    return data


def retry_after(error: GatewayError) -> str:
    """The header of a told error that invites to come back: whole seconds, never too few (RFC 9110, 10.2.3)."""
    return str(math.ceil(details(error).get("retryAfterMs", RETRY_AFTER_MS) / 1000))


def rpc_error(request_id: RequestId | None, error: GatewayError) -> str:
    """The JSON-RPC answer."""
    said = told(error)
    return jsonrpc.error(request_id, refusal(said).rpc, said.message, details(said))
