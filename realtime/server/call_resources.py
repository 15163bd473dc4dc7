"""WebRTC calls by plain requests, shaped as WHIP (RFC 9725): an offer makes a resource, to be trickled to and deleted.

Not WHIP in two things: sound goes both ways, and there is a data channel.
"""

from __future__ import annotations

import re

from aiohttp import hdrs, web

from realtime.errors import InvalidRequest, OfferRefused, PreconditionFailed, PreconditionRequired
from realtime.gateway import Answered, FaceParams, Gateway, IceServer
from realtime.protocol import appserver as app
from realtime.protocol import json
from realtime.protocol.ids import parse_thread_id
from realtime.protocol.json import JsonObject
from realtime.server.guard import has_left
from realtime.server.validation import parse_params

OFFER = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
_TAG = re.compile(r'(?:W/)?("[^"]*")')


class CallParams(app.ThreadParams):
    """The names of a call's resource."""

    call_id: str


class OfferQuery(app.RealtimeStartParams):
    """The options of ``thread/realtime/start`` that go by the query; JSON where they are objects."""

    output_modality: app.Modality = "audio"
    transport: None = None
    answered_by: str | None = None


async def take_offer(gateway: Gateway, request: web.Request) -> web.Response:
    """``POST`` of an offer: the answer, and where the call is found."""
    offer = await _text(request)
    answered = await answer_to(request, gateway, _params(request, offer))
    path = f"/v1/threads/{parse_thread_id(request.match_info['threadId'])}/realtime/{answered.call_id}"
    response = web.Response(body=answered.sdp.encode(), status=201, content_type=OFFER)
    response.headers[hdrs.LOCATION] = path
    response.headers[hdrs.ETAG] = answered.etag
    _hand_out(gateway, response)
    return response


async def answer_to(
    request: web.Request, gateway: Gateway, params: app.RealtimeStartParams, face: FaceParams | None = None
) -> Answered:
    """Begin the call that a request asks for; raises ``ConnectionResetError`` when nobody is there to be answered.

    Then the call is over: nobody has its name, and nobody will ever talk in it.
    """
    answered = await gateway.offers.take(params, face)
    if has_left(request):
        await gateway.offers.hang_up(params.thread_id, answered.call_id)
        raise ConnectionResetError("the client has left")
    return answered


async def trickle(gateway: Gateway, request: web.Request) -> web.Response:
    """``PATCH`` of a fragment with candidates (RFC 8840); ICE restarts are not done."""
    params = _names(request)
    tag = gateway.offers.etag(params.thread_id, params.call_id)
    if request.content_type != FRAGMENT:
        raise web.HTTPUnsupportedMediaType(text=f"the body must be {FRAGMENT}", headers={"Accept-Patch": FRAGMENT})
    wanted = request.headers.get(hdrs.IF_MATCH)
    if wanted is None:
        raise PreconditionRequired("Invalid request: If-Match must name the ETag of the call's ICE session")
    if wanted.strip() != "*" and tag not in _TAG.findall(wanted):
        raise PreconditionFailed("Invalid request: If-Match names another ICE session")
    await gateway.offers.trickle(params.thread_id, params.call_id, await _text(request))
    return web.Response(status=204)


async def hang_up(gateway: Gateway, request: web.Request) -> web.Response:
    """``DELETE``: the call ends."""
    params = _names(request)
    await gateway.offers.hang_up(params.thread_id, params.call_id)
    return web.Response(status=200)


async def describe(gateway: Gateway, request: web.Request) -> web.Response:
    """``OPTIONS``: what may be posted, and with which ICE servers an offer may be made."""
    await gateway.library.get(parse_thread_id(request.match_info["threadId"]))
    response = web.Response(status=204, headers={"Accept-Post": OFFER, hdrs.ALLOW: "POST, DELETE, OPTIONS"})
    _hand_out(gateway, response)
    return response


def _names(request: web.Request) -> CallParams:
    return parse_params(CallParams, dict(request.match_info))


def _params(request: web.Request, offer: str) -> app.RealtimeStartParams:
    values: JsonObject = {**request.query, **request.match_info}
    detection = values.pop("turnDetection", None)
    if detection is not None:
        try:
            values["turnDetection"] = None if detection == "null" else json.decode_object(detection)
        except ValueError as error:
            raise InvalidRequest(f"Invalid request: `turnDetection`: {error}", field="turnDetection") from None
    query = parse_params(OfferQuery, values, strict=False)
    given = {name: getattr(query, name) for name in query.model_fields_set}
    answered_by = given.pop("answered_by", None)
    transport = {"type": "webrtc", "sdp": offer, **({"answered_by": answered_by} if answered_by is not None else {})}
    return parse_params(
        app.RealtimeStartParams, {**given, "output_modality": query.output_modality, "transport": transport}
    )


async def _text(request: web.Request) -> str:
    """The body, unless it is too long: that is found out before anything else is done with it."""
    taken = bytearray()
    async for piece in request.content.iter_chunked(16_384):
        taken += piece
        if len(taken) > app.MAX_OFFER:
            raise OfferRefused(f"Invalid request: the body is longer than {app.MAX_OFFER} bytes")
    try:
        return taken.decode()
    except UnicodeDecodeError:
        raise OfferRefused("Invalid request: the body is not UTF-8") from None


def _hand_out(gateway: Gateway, response: web.Response) -> None:
    for server in gateway.offers.ice_servers():
        response.headers.add(hdrs.LINK, _link(server))


def _link(server: IceServer) -> str:
    """RFC 9725, section 4.6."""
    link = f'<{server.url}>; rel="ice-server"'
    if server.username is not None and server.credential is not None:
        link += f'; username="{_quoted(server.username)}"; credential="{_quoted(server.credential)}"'
        link += '; credential-type="password"'
    return link


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
