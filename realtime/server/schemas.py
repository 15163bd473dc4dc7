"""What the doors say about themselves: OpenAPI for the HTTP door, AsyncAPI for the JSON-RPC door."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic.json_schema import models_json_schema

from realtime.protocol.appserver import InitializeParams, Params
from realtime.protocol.json import JsonObject
from realtime.server.identity import NAME, server_version
from realtime.server.methods import METHODS
from realtime.server.rest import ROUTES, Route

_REF = "#/components/schemas/{model}"
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "retryable"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "field": {"type": "string"},
                "retryable": {"type": "boolean"},
                "retryAfterMs": {"type": "integer"},
            },
        }
    },
}


_API_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "code", "message", "param"],
            "properties": {
                "type": {"type": "string"},
                "code": {"type": "string"},
                "message": {"type": "string"},
                "param": {"type": ["string", "null"]},
            },
        }
    },
}
"""The Realtime API's own shape."""

_JSON = "application/json"
_OFFER = "application/sdp"
_FORM = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class _Other:
    """A route that is no row of ``ROUTES``: its answer's media type (None: no body), and what it takes."""

    verb: str
    path: str
    summary: str
    media: str | None = _JSON
    status: int = 200
    takes: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    error: str = "Error"


_OTHERS = (
    _Other("get", "/", "The console page; an upgrade is the JSON-RPC door", "text/html"),
    _Other("get", "/console/{name}", "A part of the page", "text/css"),
    _Other("get", "/v1/rpc", "The JSON-RPC door: a WebSocket, see /asyncapi.json", None, 101),
    _Other("get", "/healthz", "The process answers"),
    _Other("get", "/readyz", "Ready for new work, else 503 with the reason"),
    _Other("get", "/metrics", "Counters and histograms", "text/plain"),
    _Other("get", "/openapi.json", "This document"),
    _Other("get", "/asyncapi.json", "The methods of the JSON-RPC door"),
    _Other(
        "get",
        "/v1/realtime",
        "The Realtime API: a WebSocket, a session on a thread; or with call_id the sideband of a call",
        None,
        101,
        query=("model", "thread_id", "call_id"),
        error="RealtimeError",
    ),
    _Other(
        "post",
        "/v1/realtime/calls",
        "The Realtime API: an offer, raw or as a form with sdp and session",
        _OFFER,
        201,
        takes=(_OFFER, _FORM),
        query=("model", "thread_id"),
        error="RealtimeError",
    ),
    _Other("post", "/v1/realtime/calls/{call_id}/hangup", "End the call", None, error="RealtimeError"),
    _Other(
        "post", "/v1/realtime/client_secrets", "A key for a client's sessions", takes=(_JSON,), error="RealtimeError"
    ),
)


def openapi() -> JsonObject:
    """OpenAPI 3.1, of every route: from the table of routes and their params, and from that of the others."""
    paths: dict[str, JsonObject] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.verb.lower()] = _operation(route)
    for other in _OTHERS:
        paths.setdefault(other.path, {})[other.verb] = _other_operation(other)
    paths["/v1/threads/{threadId}/events"] = {"get": _events_operation()}
    schemas = _schemas(route.body for route in ROUTES if route.body is not None)
    return {
        "openapi": "3.1.0",
        "info": {"title": NAME, "version": server_version()},
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Error": _ERROR, "RealtimeError": _API_ERROR},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def asyncapi() -> JsonObject:
    """AsyncAPI 3, from the table of methods and their params."""
    names: dict[str, type[Params]] = {"initialize": InitializeParams}
    names.update((name, method.params) for name, method in METHODS.items())
    return {
        "asyncapi": "3.0.0",
        "info": {"title": NAME, "version": server_version()},
        "channels": {
            "rpc": {
                "address": "/v1/rpc",
                "messages": {name: _message(name, params) for name, params in names.items()},
            }
        },
        "operations": {
            name: {
                "action": "receive",
                "channel": {"$ref": "#/channels/rpc"},
                "summary": METHODS[name].summary if name in METHODS else "Say hello: the first call",
                "messages": [{"$ref": f"#/channels/rpc/messages/{_pointer(name)}"}],
            }
            for name in names
        },
        "components": {"schemas": _schemas(names.values())},
    }


def _operation(route: Route) -> JsonObject:
    operation: JsonObject = {
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": {str(route.status): {"description": "done"}, "default": _error_response()},
    }
    bodies: JsonObject = {}
    if route.body is not None:
        bodies["application/json"] = {"schema": {"$ref": _REF.format(model=route.body.__name__)}}
    if route.text is not None:
        bodies[route.text] = {"schema": {"type": "string"}}
    return {**operation, "requestBody": {"content": bodies}} if bodies else operation


def _other_operation(other: _Other) -> JsonObject:
    names = [step[1:-1] for step in other.path.split("/") if step.startswith("{")]
    parameters = [*(("path", name) for name in names), *(("query", name) for name in other.query)]
    done: JsonObject = {"description": "switching protocols" if other.status == 101 else "done"}
    if other.media is not None:
        done["content"] = {other.media: {}}
    operation: JsonObject = {
        "summary": other.summary,
        "parameters": [
            {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}
            for place, name in parameters
        ],
        "responses": {str(other.status): done, "default": _error_response(other.error)},
    }
    return {**operation, "requestBody": {"content": {media: {} for media in other.takes}}} if other.takes else operation


def _events_operation() -> JsonObject:
    last = {"name": "Last-Event-ID", "in": "header", "required": False, "schema": {"type": "integer"}}
    after = {"name": "after", "in": "query", "required": False, "schema": {"type": "integer"}}
    return {
        "summary": "The thread's records and live notifications as server-sent events",
        "parameters": [_path_parameter(), last, after],
        "responses": {
            "200": {"description": "a stream", "content": {"text/event-stream": {}}},
            "default": _error_response(),
        },
    }


def _parameters(route: Route) -> list[JsonObject]:
    parameters = [_path_parameter()] if "{threadId}" in route.path else []
    if route.query is not None:
        schema = route.query.model_json_schema(by_alias=True)
        parameters += [
            {
                "name": name,
                "in": "path" if f"{{{name}}}" in route.path else "query",
                "required": name in schema.get("required", ()),
                "schema": value,
            }
            for name, value in schema["properties"].items()
            if name != "threadId"
        ]
    return parameters


def _path_parameter() -> JsonObject:
    return {"name": "threadId", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


def _error_response(model: str = "Error") -> JsonObject:
    content = {_JSON: {"schema": {"$ref": _REF.format(model=model)}}}
    return {"description": "refused", "content": content}


def _message(name: str, params: type[Params]) -> JsonObject:
    payload = {
        "type": "object",
        "required": ["method"],
        "properties": {
            "id": {"type": ["string", "integer"]},
            "method": {"const": name},
            "params": {"$ref": _REF.format(model=params.__name__)},
        },
    }
    return {"name": name, "payload": payload}


def _schemas(models: Iterable[type[Params]]) -> JsonObject:
    unique = sorted(set(models), key=lambda model: model.__name__)
    _, definitions = models_json_schema([(model, "validation") for model in unique], by_alias=True, ref_template=_REF)
    schemas: JsonObject = definitions.get("$defs", {})
    return schemas


def _pointer(name: str) -> str:
    """A method's name inside a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
