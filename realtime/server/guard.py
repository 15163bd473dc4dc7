"""The gate of the HTTP side: who may come in, and every error as an answer of the documented kind."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from realtime.errors import Forbidden, GatewayError, InvalidRequest, ParseError, Unauthorized
from realtime.protocol import json
from realtime.server.access import BEARER_SUBPROTOCOL, SUBPROTOCOL, Access, offered_protocols
from realtime.server.identity import NAME
from realtime.server.refusals import InternalError, details, retry_after, status_of, told
from realtime.server.rpc import close_at_once
from realtime.settings import LimitsSettings
from realtime.telemetry import Telemetry

_log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

OPEN_PATHS = frozenset({"/", "/healthz", "/readyz", "/openapi.json", "/asyncapi.json"})
"""Plain requests to these need no credentials: probes, documents, and the page that asks for a token."""
_PAGE_PARTS = "/console/"

REALTIME = "/v1/realtime"
"""The Realtime API's own door, and what is below it."""

STREAM: web.RequestKey[web.StreamResponse] = web.RequestKey("stream", web.StreamResponse)
"""Where a handler leaves a response of its own, so that nothing is written over it once it has begun."""
_ALLOWED_ORIGIN: web.RequestKey[str] = web.RequestKey("allowed_origin", str)

_USUAL_HEADERS = "Authorization, Content-Type, If-Match, Last-Event-ID"
_FIELD_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?: *, *[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")
"""RFC 9110, section 5.1."""

_HTTP_ERRORS = {
    404: ("unknown_method", "no such route"),
    405: ("unknown_method", "no such method on this route"),
    413: ("invalid_params", "the body is too large"),
    415: ("invalid_params", None),
    417: ("invalid_params", "the `Expect` header asks for what is not given here"),
}


class Guard:
    """A middleware, and a hook for the headers of each response."""

    def __init__(self, access: Access, limits: LimitsSettings, telemetry: Telemetry) -> None:
        self._access = access
        self._limits = limits
        self._telemetry = telemetry

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check, handle, and answer every error. The one place where an unforeseen exception of HTTP ends."""
        try:
            origin = self._access.check_origin(request)
            if origin is not None:
                request[_ALLOWED_ORIGIN] = origin
                if request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers:
                    return _preflight(request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, ""))
            self._check_credentials(request)
            return await handler(request)
        except (Unauthorized, Forbidden) as error:
            self._telemetry.call_refused(error.code)
            if is_upgrade(request) and SUBPROTOCOL in offered_protocols(request):
                # a browser's script is not told the status of a refused upgrade, but it sees a close code
                return await close_at_once(request, error, self._limits)
            return error_response(error)
        except GatewayError as error:
            self._telemetry.call_refused(told(error).code)
            return error_response(error)
        except web.HTTPException as error:
            return http_error(error)
        except web.RequestPayloadError:
            return error_response(ParseError("Invalid request: the body is not what its headers say"))
        except Exception as error:
            if isinstance(error, ConnectionError) and has_left(request):
                return request.get(STREAM) or error_response(ParseError("Invalid request: cut short"))
            _log.exception("%s %s failed", request.method, request.rel_url.raw_path)
            self._telemetry.call_refused(InternalError.code)
            return _broken_off(request) or error_response(InternalError())

    async def on_prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Headers of every response."""
        response.headers["Server"] = NAME
        response.headers["X-Content-Type-Options"] = "nosniff"
        if (origin := request.get(_ALLOWED_ORIGIN)) is not None:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "Location, ETag, Link, Retry-After"
            response.headers["Vary"] = "Origin"

    def _check_credentials(self, request: web.Request) -> None:
        if request.path == REALTIME or request.path.startswith(f"{REALTIME}/"):
            return  # the Realtime API's clients bring keys in ways of their own, and hear of it in its words
        offered = offered_protocols(request)
        if SUBPROTOCOL not in offered and any(name.startswith(BEARER_SUBPROTOCOL) for name in offered):
            raise InvalidRequest(
                f"Invalid request: offer the subprotocol `{SUBPROTOCOL}` beside the token",
                field="Sec-WebSocket-Protocol",
            )
        is_open = request.path in OPEN_PATHS or request.path.startswith(_PAGE_PARTS)
        if is_upgrade(request) or not is_open:
            self._access.check_credentials(request)


def is_upgrade(request: web.BaseRequest) -> bool:
    """True when the client wants a WebSocket."""
    return request.headers.get(hdrs.UPGRADE, "").strip().lower() == "websocket"


def error_response(error: GatewayError) -> web.Response:
    """``{error: {code, message, …}}`` with its status."""
    said = told(error)
    facts = details(said)
    headers = {}
    status = status_of(said)
    if status == 503:
        headers[hdrs.RETRY_AFTER] = retry_after(said)
    if status == 401:
        headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    body = json.encode({"error": {"message": said.message, **facts}})
    return web.Response(text=body, status=status, content_type="application/json", headers=headers)


def http_error(error: web.HTTPException) -> web.Response:
    """What aiohttp refuses by itself, in our words."""
    code, message = _HTTP_ERRORS.get(error.status, ("parse_error", "not a valid request"))
    body = {"error": {"code": code, "message": message or error.text, "retryable": False}}
    response = web.Response(text=json.encode(body), status=error.status, content_type="application/json")
    for name in (hdrs.ALLOW, "Accept-Patch"):
        if name in error.headers:
            response.headers[name] = error.headers[name]
    return response


def _preflight(wanted: str) -> web.Response:
    """The page is one that is allowed, so it may send what it likes: clients add headers that nobody can foresee."""
    named = _FIELD_NAMES.fullmatch(wanted) is not None
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
            "Access-Control-Allow-Headers": f"{_USUAL_HEADERS}, {wanted}" if named else _USUAL_HEADERS,
            "Access-Control-Max-Age": "600",
        },
    )


def has_left(request: web.BaseRequest) -> bool:
    """True when nobody is there to be answered."""
    return request.transport is None or request.transport.is_closing()


def _broken_off(request: web.Request) -> web.StreamResponse | None:
    """A response that has begun cannot become an error any more: it is cut."""
    begun: web.StreamResponse | None = request.get(STREAM)
    if begun is None or not begun.prepared:
        return None
    if request.transport is not None:
        request.transport.abort()
    return begun
