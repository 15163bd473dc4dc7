"""Calls by HTTP: offers are answered, calls hung up."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_request import FileField

from realtime.mock import edge
from realtime.mock.calls import Calls
from realtime.mock.client_secrets import ClientSecret
from realtime.mock.configuration import Configuration
from realtime.mock.faults import Fault
from realtime.mock.host import MockHost
from realtime.mock.refusal import Refused
from realtime.mock.schema import mapping, missing
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from transports.errors import NegotiationFailed

_SDP = "application/sdp"
_FORM = "multipart/form-data"
_NO_FORM = (ValueError, LookupError, RuntimeError, zlib.error, HttpProcessingError)
"""What comes of a form with broken boundaries, headers, character sets or encodings."""


@dataclass(frozen=True, slots=True)
class _Offer:
    """What a client posts; ``opening`` is the session that it wants, None for the default."""

    sdp: str
    model: str
    opening: JsonObject | None


class CallsDoor:
    """``/v1/realtime/calls``. ``denied`` is the answer to a client without the key."""

    def __init__(self, host: MockHost, calls: Calls, denied: Callable[[web.Request], web.Response | None]) -> None:
        self._host = host
        self._calls = calls
        self._denied = denied

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.post("/v1/realtime/calls", self._create),
            web.post("/v1/realtime/calls/{call_id}/{action:hangup|accept|reject|refer}", self._control),
        ]

    async def _create(self, request: web.Request) -> web.StreamResponse:
        struck = self._host.faults.strike("upgrade", json.encode({"type": "call"}))
        if (refused := await edge.suffer(request, struck)) is not None:
            return refused
        secret = self._host.client_secrets.find(edge.key_of(request.headers) or "")
        if secret is None and (denied := self._denied(request)) is not None:
            return denied
        if request.content_type not in (_SDP, _FORM):
            message = f"Unsupported content type: '{request.content_type}'. Send '{_SDP}' or '{_FORM}'."
            return edge.error(415, "unsupported_content_type", message)
        offer = await _read(request, secret)
        try:
            call_id, answer = await self._calls.answer(offer.sdp, offer.model, offer.opening)
        except NegotiationFailed as failed:
            return edge.error(400, "invalid_offer", f"The SDP offer cannot be answered: {failed}.", param="sdp")
        headers = _location(struck, f"/v1/realtime/calls/{call_id}")
        return web.Response(body=answer.encode(), status=201, content_type=_SDP, headers=headers)

    async def _control(self, request: web.Request) -> web.Response:
        if (denied := self._denied(request)) is not None:
            return denied
        call_id, action = request.match_info["call_id"], request.match_info["action"]
        live = self._host.call(call_id)
        if live is None:
            return edge.no_call(call_id)
        if action != "hangup":
            return edge.error(400, "invalid_value", f"'{action}' is for calls by SIP.", param="call_id")
        live.hang_up()
        return web.Response()


async def _read(request: web.Request, secret: ClientSecret | None) -> _Offer:
    """The offer and its session; raises ``Refused``."""
    session: JsonObject | None = None
    if request.content_type == _SDP:
        sdp = _text(await request.read(), "sdp")
    else:
        form = await _form(request)
        sdp = _text(form.get("sdp"), "sdp")
        session = _session(_text(form["session"], "session")) if "session" in form else None
    opening = session if session is not None else secret.opening if secret is not None else None
    named = (session or {}).get("model") or request.query.get("model") or (secret.model if secret is not None else None)
    if not sdp.strip():
        raise missing("sdp")
    if not isinstance(named, str):
        raise missing("model")
    if opening is not None:
        Configuration("", named).update(opening)
    return _Offer(sdp, named, opening)


async def _form(request: web.Request) -> Mapping[str, str | bytes | bytearray | FileField]:
    """The parts of a form; raises ``Refused`` for what is none."""
    try:
        return await request.post()
    except _NO_FORM:
        raise Refused("invalid_form", "We could not parse the multipart form of your request.") from None


def _text(part: str | bytes | bytearray | FileField | None, name: str) -> str:
    """A part that may come as a text, as bytes, or as a file."""
    if part is None:
        raise missing(name)
    if isinstance(part, FileField):
        part = part.file.read()
    try:
        return part if isinstance(part, str) else bytes(part).decode()
    except UnicodeDecodeError:
        raise Refused("invalid_value", f"Invalid '{name}': the text is not valid UTF-8.", param=name) from None


def _session(text: str) -> JsonObject:
    try:
        session = json.decode_object(text)
    except ValueError as wrong:
        raise Refused("invalid_json", f"We could not parse the JSON of 'session': {wrong}.", param="session") from None
    mapping(session, "session")
    return session


def _location(struck: list[Fault], right: str) -> dict[str, str]:
    """Where the call is, unless a fault says something else, or nothing."""
    said = next((str(fault.args.get("text", "")) for fault in struck if fault.kind == "location"), right)
    return {"Location": said} if said else {}
