"""One client's calls: from the bytes of a message to its answer. Knows no socket."""

from __future__ import annotations

import logging
from typing import Protocol

from realtime.errors import GatewayError, InvalidRequest, NotInitialized, ParseError, UnknownMethod
from realtime.gateway import Gateway, Sink
from realtime.protocol import appserver as app
from realtime.protocol import json, jsonrpc
from realtime.protocol.ids import ThreadId
from realtime.protocol.jsonrpc import Request, RequestId
from realtime.server.identity import server_identity
from realtime.server.methods import METHODS, Method, Pace
from realtime.server.refusals import InternalError, rpc_error, told
from realtime.server.strands import Strands, Work
from realtime.server.validation import parse_params
from realtime.telemetry import Telemetry

_log = logging.getLogger(__name__)

MAX_THREAD_KEY = 64


class Client(Sink, Protocol):
    """What calls need of the connection they came by."""

    def reply(self, text: str) -> None:
        """Queue an answer; never waits, never raises."""
        ...

    def fail(self, error: GatewayError) -> None:
        """End the connection: what was promised to the client cannot be kept."""
        ...


class Calls:
    """Takes the messages of one connection in their order and answers each call exactly once.

    Within a thread calls are answered in the order they came, between threads they do not wait for one
    another (``Strands``). What concerns sound (``Pace.SOUND``) never waits for the store: it is done
    inside ``receive``, before the next message is read, and so may be answered before an earlier
    ``appendText`` of the same thread whose commit is slow. Only a call that decides where sound goes
    (start, stop, the first call that subscribes) holds it back.
    """

    def __init__(self, gateway: Gateway, client: Client, strands: Strands, telemetry: Telemetry) -> None:
        self._gateway = gateway
        self._client = client
        self._strands = strands
        self._telemetry = telemetry
        self._initialized = False
        self._subscribed: set[str] = set()

    async def receive(self, message: bytes) -> None:
        """Act on one message; never raises, whatever the message holds."""
        try:
            value = json.decode_object(message)
        except ValueError as error:
            self._refuse(None, ParseError(f"Invalid request: {error}"))
            return
        try:
            request = jsonrpc.from_object(value)
        except GatewayError as error:
            self._refuse(_answerable_id(value.get("id")), error)
            return
        if request is None:
            return
        try:
            await self._accept(request)
        except GatewayError as error:
            self._refuse_call(request, error)

    async def _accept(self, request: Request) -> None:
        """Do it now, or put it into its strand."""
        if not self._initialized:
            self._initialize(request)
            return
        method = METHODS.get(request.method)
        if method is None:
            self._without_row(request)
            return
        key = _thread_key(request)
        sound = method.pace is Pace.SOUND
        if sound and key in self._subscribed and not self._strands.holds(key):
            await self._perform(request, method)
            return
        self._strands.add(key, lambda: self._perform(request, method), holds=method.pace is not Pace.ORDERED)

    def _initialize(self, request: Request) -> None:
        if request.method != "initialize":
            raise NotInitialized("Invalid request: not initialized: call `initialize` first")
        parse_params(app.InitializeParams, request.params)
        self._initialized = True
        self._answer(request, server_identity())

    def _without_row(self, request: Request) -> None:
        if request.method == "initialize":
            raise InvalidRequest("Invalid request: already initialized")
        if request.method != "initialized" or request.id is not None:
            raise UnknownMethod(f"Invalid request: unknown variant `{request.method[:80]}`: no such method")

    async def _perform(self, request: Request, method: Method) -> None:
        """Run the call and answer it. The one place where an unforeseen exception of a call ends."""
        try:
            await self._call(request, method)
        except GatewayError as error:
            self._refuse_call(request, error)
        except Exception:
            _log.exception("call of %s failed", request.method)
            self._refuse_call(request, InternalError())

    async def _call(self, request: Request, method: Method) -> None:
        params = parse_params(method.params, request.params, known=self._subscribed)
        thread_id = params.thread_id if isinstance(params, app.ThreadParams) else None
        if method.subscribes and thread_id is not None and not self._is_subscribed(thread_id):
            await self._gateway.threads.subscribe(thread_id, self._client)
            self._subscribed.add(thread_id)
        if method.unsubscribes and thread_id is not None:
            self._subscribed.discard(thread_id)
        answer = await method.handler(self._gateway, self._client, params)
        self._answer(request, answer.result)
        if answer.then is not None:
            then = answer.then
            self._strands.beside(lambda: self._follow(request, then))

    def _is_subscribed(self, thread_id: ThreadId) -> bool:
        """False too when the thread was deleted since: then there is no lane any more."""
        return thread_id in self._subscribed and self._gateway.threads.lane_if_open(thread_id) is not None

    async def _follow(self, request: Request, then: Work) -> None:
        """What a call left behind: it is answered already, so a failure can only end the connection."""
        try:
            await then()
        except GatewayError as error:
            self._client.fail(error)
        except Exception:
            _log.exception("what %s left behind failed", request.method)
            self._client.fail(InternalError())

    def _answer(self, request: Request, result: json.JsonObject) -> None:
        if request.id is not None:
            self._client.reply(jsonrpc.result(request.id, result))

    def _refuse_call(self, request: Request, error: GatewayError) -> None:
        """A notification of the client's (no id) gets no answer, whatever becomes of it."""
        if request.id is not None:
            self._refuse(request.id, error)

    def _refuse(self, request_id: RequestId | None, error: GatewayError) -> None:
        self._telemetry.call_refused(told(error).code)
        self._client.reply(rpc_error(request_id, error))


def _answerable_id(value: object) -> RequestId | None:
    return value if isinstance(value, (str, int)) and not isinstance(value, bool) else None


def _thread_key(request: Request) -> str:
    """The strand of a call: its thread as the client wrote it, or the one of all calls that name none."""
    thread_id = request.params.get("threadId")
    return thread_id.lower() if isinstance(thread_id, str) and len(thread_id) <= MAX_THREAD_KEY else ""
