"""The HTTP door: the same coroutines of the gateway by plain requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, TypeVar

from aiohttp import web
from pydantic import Field

from realtime.desk import BreakParams, UpstreamChoice
from realtime.errors import ParseError, SessionNotFound
from realtime.gateway import Gateway
from realtime.protocol import appserver as app
from realtime.protocol import json
from realtime.protocol.ids import ThreadId
from realtime.protocol.json import JsonObject
from realtime.server.call_resources import FRAGMENT, OFFER, CallParams, describe, hang_up, take_offer, trickle
from realtime.server.validation import parse_params

P = TypeVar("P", bound=app.Params)

Handler = Callable[[Gateway, web.Request], Awaitable[web.Response]]

_MEDIA_TYPES = {"text": "text/plain", "jsonl": "application/x-ndjson", "vtt": "text/vtt"}


class ItemsQuery(app.ThreadParams):
    """Which records."""

    after: int = Field(default=0, ge=0)
    limit: int = Field(default=200, ge=1, le=1000)


class TranscriptQuery(app.ThreadParams):
    """In which form."""

    format: Literal["text", "jsonl", "vtt"] = "text"


@dataclass(frozen=True, slots=True)
class Route:
    """A row: what is taken from the body, or else from the query, and the status of success."""

    verb: str
    path: str
    handler: Handler
    summary: str
    status: int
    body: type[app.Params] | None = None
    query: type[app.Params] | None = None
    text: str | None = None
    """The media type of a body that is no JSON."""


def json_response(value: JsonObject, *, status: int = 200) -> web.Response:
    """A JSON body."""
    return web.Response(text=json.encode(value), status=status, content_type="application/json")


async def _create_thread(gateway: Gateway, request: web.Request) -> web.Response:
    thread = await gateway.library.start(await _body(request, app.ThreadStartParams))
    return json_response({"thread": thread.to_json()}, status=201)


async def _list_threads(gateway: Gateway, request: web.Request) -> web.Response:
    page = await gateway.library.page(_query(request, app.ThreadListParams))
    return json_response({"data": [thread.to_json() for thread in page.threads], "nextCursor": page.next_cursor})


async def _read_thread(gateway: Gateway, request: web.Request) -> web.Response:
    params = _query(request, app.ThreadReadParams)
    return json_response({"thread": await gateway.read_thread(params)})


async def _delete_thread(gateway: Gateway, request: web.Request) -> web.Response:
    await gateway.delete_thread(_query(request, app.ThreadParams).thread_id)
    return web.Response(status=204)


async def _items(gateway: Gateway, request: web.Request) -> web.Response:
    query = _query(request, ItemsQuery)
    page = await gateway.library.records(query.thread_id, after=query.after, limit=query.limit)
    return json_response({"data": [record.to_json() for record in page.records], "seq": page.seq, "more": page.more})


async def _transcript(gateway: Gateway, request: web.Request) -> web.Response:
    query = _query(request, TranscriptQuery)
    text = await gateway.library.transcript(query.thread_id, form=query.format)
    return web.Response(text=text, content_type=_MEDIA_TYPES[query.format], charset="utf-8")


async def _start_turn(gateway: Gateway, request: web.Request) -> web.Response:
    turn = await gateway.start_turn(await _body(request, app.TurnStartParams))
    return json_response({"turn": turn.to_json()}, status=202)


async def _start_realtime(gateway: Gateway, request: web.Request) -> web.Response:
    if request.content_type == OFFER:
        return await take_offer(gateway, request)
    session_id = await gateway.calls.start(await _body(request, app.RealtimeStartParams), None)
    return json_response({"sessionId": session_id}, status=202)


async def _append_text(gateway: Gateway, request: web.Request) -> web.Response:
    params = await _body(request, app.AppendTextParams)
    async with _thread_or_session(gateway, params.thread_id):
        seq = await gateway.calls.append_text(params)
    return json_response({"seq": seq}, status=202)


async def _interrupt(gateway: Gateway, request: web.Request) -> web.Response:
    thread_id = (await _body(request, app.ThreadParams)).thread_id
    async with _thread_or_session(gateway, thread_id):
        gateway.interrupt_realtime(thread_id)
    return json_response({}, status=202)


@asynccontextmanager
async def _thread_or_session(gateway: Gateway, thread_id: ThreadId) -> AsyncIterator[None]:
    """Where no call runs it may be that there is no such thread: then that is said, as by the JSON-RPC door."""
    try:
        yield
    except SessionNotFound:
        await gateway.library.get(thread_id)
        raise


async def _stop_realtime(gateway: Gateway, request: web.Request) -> web.Response:
    """End first and look the thread up afterwards: a store that is down must not keep a call alive."""
    thread_id = _query(request, app.ThreadParams).thread_id
    await gateway.calls.stop(thread_id)
    await gateway.library.get(thread_id)
    return web.Response(status=204)


async def _about(gateway: Gateway, request: web.Request) -> web.Response:
    return json_response(gateway.desk.about())


async def _use_upstream(gateway: Gateway, request: web.Request) -> web.Response:
    gateway.desk.use(await _body(request, UpstreamChoice))
    return json_response(gateway.desk.about())


async def _break(gateway: Gateway, request: web.Request) -> web.Response:
    return json_response({"said": gateway.desk.strike(await _body(request, BreakParams))}, status=202)


_THREAD = "/v1/threads/{threadId}"
_CALL = f"{_THREAD}/realtime"

ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/threads", _create_thread, "Make a thread", 201, body=app.ThreadStartParams),
    Route("GET", "/v1/threads", _list_threads, "Threads, newest first", 200, query=app.ThreadListParams),
    Route("GET", _THREAD, _read_thread, "A thread with its items", 200, query=app.ThreadReadParams),
    Route("DELETE", _THREAD, _delete_thread, "Remove a thread with all its records", 204, query=app.ThreadParams),
    Route("GET", f"{_THREAD}/items", _items, "Records after a position", 200, query=ItemsQuery),
    Route("GET", f"{_THREAD}/transcript", _transcript, "The thread to read", 200, query=TranscriptQuery),
    Route("POST", f"{_THREAD}/turns", _start_turn, "Give the agent a typed task", 202, body=app.TurnStartParams),
    Route("POST", _CALL, _start_realtime, "Begin a call", 202, body=app.RealtimeStartParams, text=OFFER),
    Route("DELETE", f"{_THREAD}/realtime", _stop_realtime, "End whatever runs", 204, query=app.ThreadParams),
    Route("OPTIONS", f"{_THREAD}/realtime", describe, "What may be posted; ICE servers", 204, query=app.ThreadParams),
    Route("POST", f"{_CALL}/text", _append_text, "Say something in writing", 202, body=app.AppendTextParams),
    Route("POST", f"{_CALL}/interrupt", _interrupt, "Stop the answer", 202, body=app.ThreadParams),
    Route(
        "PATCH",
        f"{_CALL}/{{callId}}",
        trickle,
        "Candidates that come later",
        204,
        query=CallParams,
        text=FRAGMENT,
    ),
    Route("DELETE", f"{_CALL}/{{callId}}", hang_up, "Hang a WebRTC call up", 200, query=CallParams),
    Route("GET", "/v1/console", _about, "For the page: who answers, and what can be turned", 200),
    Route("PUT", "/v1/console/upstream", _use_upstream, "Another voice model for new calls", 200, body=UpstreamChoice),
    Route("POST", "/v1/console/breaks", _break, "Do harm to a call of the embedded model", 202, body=BreakParams),
)


def _query(request: web.Request, model: type[P]) -> P:
    return parse_params(model, {**request.query, **request.match_info}, strict=False)


async def _body(request: web.Request, model: type[P]) -> P:
    """The JSON body (or none) with the path's thread id."""
    text = await request.read()
    if text and request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="the body must be application/json")
    try:
        values = json.decode_object(text) if text else {}
    except ValueError as error:
        raise ParseError(f"Invalid request: {error}") from None
    return parse_params(model, {**values, **request.match_info})
