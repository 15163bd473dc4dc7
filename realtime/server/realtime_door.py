"""The Realtime API itself: stock clients put the gateway's address where the API's stands."""

from __future__ import annotations

from aiohttp import web

from realtime.errors import InvalidRequest, SessionNotFound
from realtime.gateway import Gateway
from realtime.protocol.appserver import MAX_OFFER, Transport
from realtime.protocol.complaint import Complaint, parsed
from realtime.protocol.ids import parse_thread_id
from realtime.protocol.json import JsonObject
from realtime.protocol.realtime_beta import BetaCodec
from realtime.server.access import Access, offered_protocols
from realtime.server.call_resources import answer_to
from realtime.server.client_secrets import parse_request, shown
from realtime.server.clients import Clients
from realtime.server.guard import REALTIME, STREAM, is_upgrade
from realtime.server.realtime_client import RealtimeClient, turn_away
from realtime.server.realtime_entry import Entry, json_answer
from realtime.server.sockets import LOST
from realtime.settings import LimitsSettings, ServerSettings
from realtime.telemetry import Telemetry

BETA_PROTOCOL = "openai-beta.realtime-v1"
BETA_HEADER = "realtime=v1"
BETA_CLOSE = 4000
BODY = "the JSON body of your request"


class RealtimeDoor:
    """Opens sessions on threads, answers offers, lets servers join calls, gives out client secrets."""

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
        self._clients = clients
        self._settings = settings
        self._limits = limits
        self._telemetry = telemetry
        self._entry = Entry(gateway, access, settings, telemetry)

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        answered = self._entry.answered
        return [
            web.get(REALTIME, answered(self._connect)),
            web.post(f"{REALTIME}/client_secrets", answered(self._create_secret)),
            web.post(f"{REALTIME}/calls", answered(self._call)),
            web.post(f"{REALTIME}/calls/{{call_id}}/hangup", answered(self._hang_up)),
        ]

    # -- sessions --------------------------------------------------------------------------------------

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        secret = self._entry.admit(request)
        if not is_upgrade(request):
            raise InvalidRequest("This is a WebSocket endpoint.")
        beta = asks_for_beta(request)
        if beta and not self._settings.realtime_beta:
            message = "The beta shape of the Realtime API is switched off here. Please use the GA shape."
            return await turn_away(request, Complaint("beta_api_shape_disabled", message), BETA_CLOSE)
        if "call_id" in request.query:
            return await self._join(request, request.query["call_id"])
        if request.query.get("intent") == "transcription":
            raise Complaint("invalid_value", "Transcription sessions are not served here.", "intent")
        client = RealtimeClient(self._limits, self._telemetry, BetaCodec() if beta else None)
        self._clients.add(client)
        try:
            with self._entry.secrets.spending(secret):
                params = await self._entry.params(request, secret)
                call = await self._gateway.calls.place(params.start(), None, params)
                number = call.session.clients.join(client)
            request[STREAM] = client.socket
            try:
                await client.run(request, call.session, number)
            finally:
                await call.session.stop("requested")
        finally:
            self._clients.discard(client, code=client.socket.close_code or LOST)
        return client.socket

    async def _join(self, request: web.Request, call_id: str) -> web.StreamResponse:
        """The sideband of the client's own server: the call goes on when it leaves."""
        self._entry.admit_owner(request)
        call = self._gateway.calls.find(None, call_id)
        if call is None or call.offer is None:
            raise SessionNotFound("No session found for this call_id.")
        client = RealtimeClient(self._limits, self._telemetry, None)
        self._clients.add(client)
        try:
            request[STREAM] = client.socket
            await client.run(request, call.session, call.session.clients.join(client))
        finally:
            self._clients.discard(client, code=client.socket.close_code or LOST)
        return client.socket

    # -- calls by WebRTC -------------------------------------------------------------------------------

    async def _call(self, request: web.Request) -> web.Response:
        """An offer; raw, or as a form with a session beside it."""
        secret = self._entry.admit(request)
        offer, session = await _offer_of(request)
        if not offer.strip() or len(offer) > MAX_OFFER:
            raise Complaint("invalid_offer", "An SDP offer is expected.", "sdp")
        locked = bool(self._settings.realtime_locks) or (secret is not None and bool(secret.locks))
        # what is locked can be kept only where the client's events come by us
        transport = Transport(type="webrtc", sdp=offer, answered_by="gateway" if locked else None)
        with self._entry.secrets.spending(secret):
            params = await self._entry.params(request, secret, opening=session, transport=transport)
            answered = await answer_to(request, self._gateway, params.start(), params)
        headers = {"Location": f"{REALTIME}/calls/{answered.call_id}"}
        return web.Response(body=answered.sdp.encode(), status=201, content_type="application/sdp", headers=headers)

    async def _hang_up(self, request: web.Request) -> web.Response:
        self._entry.admit_owner(request)
        call = self._gateway.calls.find(None, request.match_info["call_id"])
        if call is None or call.offer is None:
            raise SessionNotFound("No session found for this call_id.")
        await call.session.stop("requested")
        return web.Response()

    # -- client secrets --------------------------------------------------------------------------------

    async def _create_secret(self, request: web.Request) -> web.Response:
        self._entry.admit_owner(request)
        wanted = parse_request(parsed(await request.read() or b"{}", BODY))
        thread_id = None
        if wanted.voxgate is not None and wanted.voxgate.thread_id is not None:
            thread_id = parse_thread_id(wanted.voxgate.thread_id)
            await self._gateway.library.get(thread_id)
        return json_answer(shown(self._entry.secrets.create(wanted, thread_id)))


def asks_for_beta(request: web.Request) -> bool:
    """True for the handshake of a client of the beta."""
    return BETA_HEADER in request.headers.get("OpenAI-Beta", "") or BETA_PROTOCOL in offered_protocols(request)


async def _offer_of(request: web.Request) -> tuple[str, JsonObject | None]:
    """The offer and the session; parts of a form come with types of their own, and so as bytes."""
    if request.content_type == "application/sdp":
        return await request.text(), None
    if request.content_type != "multipart/form-data":
        raise Complaint("invalid_value", "Send application/sdp, or multipart/form-data with 'sdp' and 'session'.")
    try:
        form = await request.post()
    except ValueError:
        raise Complaint("invalid_value", "The form cannot be read.") from None
    parts = {name: _text(part) for name, part in form.items()}
    session = parts.get("session")
    wanted = parse_request({"session": parsed(session, BODY)}) if session is not None else None
    opening = wanted.opening if wanted is not None else None
    if wanted is not None and opening is not None and wanted.model is not None:
        opening["model"] = wanted.model
    return parts.get("sdp", ""), opening


def _text(part: object) -> str:
    if isinstance(part, web.FileField):
        part = part.file.read()
    if isinstance(part, (bytes, bytearray)):
        try:
            return part.decode()
        except UnicodeDecodeError:
            raise Complaint("invalid_value", "The form is not UTF-8 text.") from None
    return str(part)
