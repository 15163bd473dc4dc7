"""What the mock's HTTP doors share: bodies, errors of the API's shape, keys, CORS, cut connections."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from realtime.mock.faults import Fault
from realtime.mock.refusal import Refused
from realtime.protocol import json
from realtime.protocol.json import JsonObject

MAX_MESSAGE = 32 * 1024 * 1024
_KEY_PROTOCOL = "openai-insecure-api-key."
_STALL_S = 3600.0
_LINGER = struct.pack("ii", 1, 0)
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Expose-Headers": "Location",
}


@web.middleware
async def refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Tells ``Refused``, bodies that are too large and paths that are not there in the API's shape."""
    try:
        return await handler(request)
    except Refused as refused:
        return error(400, refused.code, refused.message, param=refused.param)
    except web.HTTPRequestEntityTooLarge:
        return error(413, "request_too_large", f"The body of a request holds at most {MAX_MESSAGE} bytes.")
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as wrong:
        if not f"{request.path}/".startswith("/v1/"):
            raise
        return _not_there(request, wrong)


def _not_there(request: web.Request, wrong: web.HTTPNotFound | web.HTTPMethodNotAllowed) -> web.Response:
    # Pages may ask about every path: one that takes nothing but their question is not there.
    allowed = wrong.allowed_methods - {"OPTIONS"} if isinstance(wrong, web.HTTPMethodNotAllowed) else set()
    if not allowed:
        return error(404, "unknown_url", f"Invalid URL ({request.method} {request.path})")
    answer = error(405, "method_not_supported", f"Not allowed to {request.method} on {request.path}.")
    answer.headers["Allow"] = ", ".join(sorted(allowed))
    return answer


async def allow_pages(request: web.Request, response: web.StreamResponse) -> None:
    """Lets pages of other origins read what is answered."""
    wanted = request.headers.get("Access-Control-Request-Headers", "Authorization, Content-Type")
    response.headers.update({**_CORS, "Access-Control-Allow-Headers": wanted})


async def preflight(request: web.Request) -> web.Response:
    """The answer to a page that asks whether it may."""
    del request
    return web.Response(status=204)


async def body_of(request: web.Request) -> JsonObject:
    """The JSON object in a request; raises ``Refused``."""
    try:
        return json.decode_object(await request.read())
    except ValueError as wrong:
        raise Refused("invalid_json", f"We could not parse the JSON body of your request: {wrong}.") from None


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key of the header, or of the subprotocols that browsers have to use."""
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    offered = headers.get("Sec-WebSocket-Protocol", "").split(",")
    keys = (each.strip().removeprefix(_KEY_PROTOCOL) for each in offered if each.strip().startswith(_KEY_PROTOCOL))
    return next(keys, headers.get("api-key"))


def json_answer(value: JsonObject, *, status: int = 200) -> web.Response:
    """An answer with a JSON body."""
    return web.Response(text=json.encode(value), status=status, content_type="application/json")


def error(status: int, code: str, message: str, *, param: str | None = None) -> web.Response:
    """An answer with an error in the API's shape."""
    told = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return json_answer({"error": told}, status=status)


def wrong_key() -> web.Response:
    """The answer to a key that is not the right one, or none."""
    return error(401, "invalid_api_key", "Incorrect API key provided.")


def no_call(call_id: str) -> web.Response:
    """The answer about a call that is not, or not any more."""
    return error(404, "call_id_not_found", f"No session found for call_id '{call_id}'.")


async def suffer(request: web.Request, struck: list[Fault]) -> web.StreamResponse | None:
    """Let faults befall a request; returns the answer to it, None where it goes on."""
    for fault in struck:
        if fault.kind in ("delay", "stall"):
            await asyncio.sleep(fault.args.get("seconds", 1.0 if fault.kind == "delay" else _STALL_S))
        elif fault.kind == "refuse":
            return _refusal(fault)
        elif fault.kind in ("drop", "rst"):
            cut(request, reset=fault.kind == "rst")
            return web.Response(status=500)
    return None


def _refusal(fault: Fault) -> web.Response:
    status = int(fault.args.get("status", 503))
    answer = error(status, "refused", "Refused on purpose.")
    if "retryAfter" in fault.args:
        answer.headers["Retry-After"] = f"{fault.args['retryAfter']:g}"
    return answer


def cut(request: web.Request, *, reset: bool) -> None:
    """End the TCP connection under whatever runs on it."""
    transport = request.transport
    if transport is None:
        return
    if reset:
        connected = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        transport.abort()
    else:
        transport.close()
