"""Who comes in by the Realtime API's door, to which thread, and how errors are told there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from realtime.errors import Forbidden, GatewayError, InvalidRequest, Unauthorized, UpstreamRejected
from realtime.gateway import FaceParams, Gateway
from realtime.protocol import appserver as app
from realtime.protocol import json
from realtime.protocol.complaint import Complaint
from realtime.protocol.ids import ThreadId, parse_thread_id
from realtime.protocol.json import JsonObject
from realtime.server.access import Access, offered_protocols
from realtime.server.client_secrets import PREFIX, VOID, ClientSecret, ClientSecrets
from realtime.server.refusals import retry_after, status_of, told
from realtime.settings import ServerSettings
from realtime.telemetry import Telemetry

KEY_PROTOCOL = "openai-insecure-api-key."
MAX_MODEL = 256

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Entry:
    """The rules of one gateway."""

    def __init__(self, gateway: Gateway, access: Access, settings: ServerSettings, telemetry: Telemetry) -> None:
        self._gateway = gateway
        self._access = access
        self._settings = settings
        self._telemetry = telemetry
        self.secrets = ClientSecrets()

    def admit(self, request: web.Request) -> ClientSecret | None:
        """The client secret that was brought; None for a token of the gateway's. Raises ``Unauthorized``."""
        key = key_of(request)
        if key.startswith(PREFIX):
            secret = self.secrets.find(key)
            if secret is None:
                raise Unauthorized(VOID)
            return secret
        if not self._access.admits(key.encode("utf-8", "surrogateescape")):
            raise Unauthorized("Incorrect API key provided.")
        return None

    def admit_owner(self, request: web.Request) -> None:
        """Let in whoever has a token of the gateway's; raises ``Unauthorized``, ``Forbidden``."""
        if self.admit(request) is not None:
            raise Forbidden("This is not for client secrets.")

    async def params(
        self,
        request: web.Request,
        secret: ClientSecret | None,
        *,
        opening: JsonObject | None = None,
        transport: app.Transport | None = None,
    ) -> FaceParams:
        """What is asked for; ``opening`` is a session that came with the request. Raises ``GatewayError``."""
        settled = secret is not None and secret.opening is not None
        if settled and opening is not None:
            raise InvalidRequest("The client secret has settled the session.", field="session")
        model = self._model(request, secret, opening)
        rest = {name: value for name, value in (opening or {}).items() if name != "model"} or None
        return FaceParams(
            thread_id=await self._thread(request, secret),
            model=model,
            opening=secret.opening if secret is not None and settled else rest,
            locks=frozenset(self._settings.realtime_locks),
            settled=secret.locks if secret is not None else frozenset(),
            strict=self._settings.strict_active_response,
            transport=transport,
        )

    def answered(self, handler: Handler) -> Handler:
        """The handler, its errors told in the API's shape."""

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except Complaint as complaint:
                return json_answer({"error": complaint.body}, status=503 if complaint.kind == "server_error" else 400)
            except GatewayError as error:
                self._telemetry.call_refused(told(error).code)
                if isinstance(error, UpstreamRejected) and error.is_requests_fault and error.fault is not None:
                    return json_answer({"error": dict(error.fault)}, status=400)
                return _refused(told(error))

        return answer

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

    def _model(self, request: web.Request, secret: ClientSecret | None, opening: JsonObject | None) -> str | None:
        """None stands for the operator's."""
        if secret is not None and secret.model is not None:
            return secret.model
        wanted = request.query.get("model") or (opening or {}).get("model") or None
        if wanted is not None and (not isinstance(wanted, str) or len(wanted) > MAX_MODEL):
            raise InvalidRequest("the model's name is too long, or no name", field="model")
        return None if "model" in self._settings.realtime_locks else wanted


def key_of(request: web.Request) -> str:
    """The key of the header, or of the subprotocols that browsers have to use; "" for none."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    offered = offered_protocols(request)
    keys = (each.removeprefix(KEY_PROTOCOL) for each in offered if each.startswith(KEY_PROTOCOL))
    return next(keys, request.headers.get("api-key", ""))


def json_answer(value: JsonObject, *, status: int = 200) -> web.Response:
    """An answer with a JSON body."""
    return web.Response(text=json.encode(value), status=status, content_type="application/json")


def _refused(error: GatewayError) -> web.Response:
    """An error in the API's shape; its codes are ours, but for a wrong key."""
    status = status_of(error)
    code = "invalid_api_key" if isinstance(error, Unauthorized) else error.code
    param = error.field.removeprefix("transport.") if isinstance(error, InvalidRequest) and error.field else None
    kind = "server_error" if status >= 500 else "invalid_request_error"
    body = Complaint(code, error.message, param, kind=kind).body
    answer = json_answer({"error": body}, status=400 if status == 422 else status)
    if status == 503:
        answer.headers["Retry-After"] = retry_after(error)
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
