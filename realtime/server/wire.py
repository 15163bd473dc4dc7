"""Below the routes: what is no HTTP, or a body that is not what its headers say, is answered in our words.

The library would show the client its own text and the bytes at fault, and log a trace as an error of ours.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, http_exceptions, web

from realtime.errors import GatewayError, ParseError
from realtime.server.guard import error_response, http_error
from realtime.server.identity import NAME
from realtime.server.refusals import InternalError

_log = logging.getLogger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

HEADERS_S = 10.0
"""How long a new connection may take to send the headers of its first request."""
BODY_S = 30.0
"""How long a request's body may take."""
IDLE_S = 75.0
"""How long a connection waits for its next request, whole: longer than reverse proxies keep theirs, a minute."""

_OF_THE_CLIENT = (http_exceptions.HttpProcessingError, web.RequestPayloadError)


class Runner(web.AppRunner):
    """Runs an application on sockets; its connections are of the kind below."""

    def __init__(self, app: web.Application, *, shutdown_timeout: float) -> None:
        super().__init__(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=shutdown_timeout,
            keepalive_timeout=IDLE_S,
        )

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Server  # the library has no other way to name the class of its connections
        server.request_handler = _in_our_words(_in_time(server.request_handler))
        return server


def _in_our_words(handler: Handler) -> Handler:
    """What the library refuses before any middleware: an ``Expect`` header that it does not know."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            return http_error(error)

    return handle


def _in_time(handler: Handler) -> Handler:
    """A body that does not come is not waited for: whoever reads it finds it broken."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if isinstance(request.protocol, _Connection):
            request.protocol.heard()
        if request.content.is_eof():
            return await handler(request)
        late = web.RequestPayloadError("the body is not there in time")
        timer = asyncio.get_running_loop().call_later(BODY_S, request.content.set_exception, late)
        try:
            return await handler(request)
        finally:
            timer.cancel()

    return handle


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    __slots__ = ("_patience",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._patience = asyncio.get_running_loop().call_later(HEADERS_S, self.force_close)

    def heard(self) -> None:
        """A request has come."""
        self._patience.cancel()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._patience.cancel()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc)  # logs, and raises when an answer has begun
        error: GatewayError = InternalError() if status >= 500 else ParseError("Invalid request: not valid HTTP")
        response = error_response(error)
        response.headers[hdrs.SERVER] = NAME
        response.force_close()
        return response

    def log_exception(self, *args: object, **kw: object) -> None:
        if isinstance(kw.get("exc_info"), _OF_THE_CLIENT):
            _log.debug("a client sent what is not valid HTTP")
        else:
            super().log_exception(*args, **kw)
