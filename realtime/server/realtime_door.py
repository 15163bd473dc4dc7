"""The Realtime API itself: stock clients put the gateway's address where the API's stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from realtime.errors import Forbidden, GatewayError, InvalidRequest, Unauthorized
from realtime.gateway import FaceParams, Gateway
from realtime.protocol import appserver as app
from realtime.protocol import json
from realtime.protocol.complaint import Complaint
from realtime.protocol.ids import ThreadId, parse_thread_id
from realtime.protocol.json import JsonObject
from realtime.protocol.realtime_beta import BetaCodec
from realtime.server.access import Access, offered_protocols
from realtime.server.client_secrets import PREFIX, ClientSecret, ClientSecrets, parse_request, shown
from realtime.server.clients import Clients
from realtime.server.guard import REALTIME, STREAM, is_upgrade
from realtime.server.realtime_client import RealtimeClient, new_socket, turn_away
from realtime.server.refusals import details, refusal, told
from realtime.settings import LimitsSettings, ServerSettings
from realtime.telemetry import Telemetry

KEY_PROTOCOL = "openai-insecure-api-key."
BETA_PROTOCOL = "openai-beta.realtime-v1"
BETA_HEADER = "realtime=v1"
BETA_CLOSE = 4000
LOST = 1006
MAX_MODEL = 256

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RealtimeDoor:
    """Opens sessions on threads, and gives out client secrets. Answers errors in the API's shape."""

    def __init__(
        self,
        gateway: Gateway,
        access: Access,
        clients: Clients,
        settings: ServerSettings,
        limits: LimitsSettings,
        telemetry: Telemetry,
    ) -> None:
        self._gateway = gateway
        self._access = access
        self._clients = clients
        self._settings = settings
        self._limits = limits
        self._telemetry = telemetry
        self._secrets = ClientSecrets()

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get(REALTIME, self._answered(self._connect)),
            web.post(f"{REALTIME}/client_secrets", self._answered(self._create_secret)),
        ]

    # -- sessions --------------------------------------------------------------------------------------

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        secret = self._admit(request)
        if not is_upgrade(request):
            raise InvalidRequest("This is a WebSocket endpoint.")
        beta = asks_for_beta(request)
        if beta and not self._settings.realtime_beta:
            message = "The beta shape of the Realtime API is switched off here. Please use the GA shape."
            return await turn_away(request, Complaint("beta_api_shape_disabled", message), BETA_CLOSE)
        params = FaceParams(
            thread_id=await self._thread(request, secret),
            model=self._model(request, secret),
            opening=secret.opening if secret is not None else None,
            locks=frozenset(self._settings.realtime_locks) | (secret.locks if secret is not None else frozenset()),
            strict=self._settings.strict_active_response,
        )
        socket = new_socket()
        client = RealtimeClient(socket, self._limits, self._telemetry, BetaCodec() if beta else None)
        self._clients.add(client)
        try:
            call = await self._gateway.calls.place(params.start(), None, params)
            number = call.session.clients.join(client)
            if secret is not None:
                self._secrets.spend(secret)
            request[STREAM] = socket
            try:
                await client.run(request, call.session, number)
            finally:
                await call.session.stop("requested")
        finally:
            self._clients.discard(client, code=socket.close_code or LOST)
        return socket

    def _admit(self, request: web.Request) -> ClientSecret | None:
        """The client secret that was brought; None for a token of the gateway's. Raises ``Unauthorized``."""
        key = key_of(request)
        if key.startswith(PREFIX):
            secret = self._secrets.find(key)
            if secret is None:
                raise Unauthorized("Incorrect API key provided: the client secret is not valid any more.")
            return secret
        if not self._access.admits(key.encode("utf-8", "surrogateescape")):
            raise Unauthorized("Incorrect API key provided.")
        return None

    async def _thread(self, request: web.Request, secret: ClientSecret | None) -> ThreadId:
        wanted = request.query.get("thread_id")
        thread_id = parse_thread_id(wanted) if wanted is not None else None
        if secret is not None:
            if thread_id not in (None, secret.thread_id):
                raise Forbidden("This client secret does not open that thread.")
            thread_id = secret.thread_id
        if thread_id is not None:
            return thread_id
        return (await self._gateway.library.start(app.ThreadStartParams())).id

    def _model(self, request: web.Request, secret: ClientSecret | None) -> str | None:
        """None stands for the operator's."""
        if secret is not None and secret.model is not None:
            return secret.model
        wanted = request.query.get("model") or None
        if wanted is not None and len(wanted) > MAX_MODEL:
            raise InvalidRequest("the model's name is too long", field="model")
        return None if "model" in self._settings.realtime_locks else wanted

    # -- client secrets --------------------------------------------------------------------------------

    async def _create_secret(self, request: web.Request) -> web.Response:
        if self._admit(request) is not None:
            raise Forbidden("A client secret makes no others.")
        wanted = parse_request(await _body(request))
        thread_id = None
        if wanted.voxgate is not None and wanted.voxgate.thread_id is not None:
            thread_id = parse_thread_id(wanted.voxgate.thread_id)
            await self._gateway.library.get(thread_id)
        secret = self._secrets.create(wanted, thread_id)
        return _json(shown(secret))

    # -- errors ----------------------------------------------------------------------------------------

    def _answered(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except Complaint as complaint:
                return _json({"error": complaint.body}, status=400)
            except GatewayError as error:
                self._telemetry.call_refused(told(error).code)
                return _refused(told(error))

        return answer


def key_of(request: web.Request) -> str:
    """The key of the header, or of the subprotocols that browsers have to use; "" for none."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    offered = offered_protocols(request)
    keys = (each.removeprefix(KEY_PROTOCOL) for each in offered if each.startswith(KEY_PROTOCOL))
    return next(keys, request.headers.get("api-key", ""))


def asks_for_beta(request: web.Request) -> bool:
    """True for the handshake of a client of the beta."""
    return BETA_HEADER in request.headers.get("OpenAI-Beta", "") or BETA_PROTOCOL in offered_protocols(request)


async def _body(request: web.Request) -> JsonObject:
    raw = await request.read()
    if not raw:
        return {}
    try:
        return json.decode_object(raw)
    except ValueError as error:
        message = f"We could not parse the JSON body of your request: {error}."
        raise Complaint("invalid_json", message) from None


def _refused(error: GatewayError) -> web.Response:
    """An error in the API's shape; its codes are ours, but for a wrong key."""
    status = refusal(error).status
    code = "invalid_api_key" if isinstance(error, Unauthorized) else error.code
    param = error.field if isinstance(error, InvalidRequest) else None
    kind = "server_error" if status >= 500 else "invalid_request_error"
    answer = _json(
        {"error": Complaint(code, error.message, param, kind=kind).body}, status=400 if status == 422 else status
    )
    if status == 503:
        answer.headers["Retry-After"] = str(max(1, details(error).get("retryAfterMs", 1000) // 1000))
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _json(value: JsonObject, *, status: int = 200) -> web.Response:
    return web.Response(text=json.encode(value), status=status, content_type="application/json")
