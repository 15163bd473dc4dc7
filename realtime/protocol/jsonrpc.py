"""The JSON-RPC envelope as the app-server speaks it: the ``jsonrpc`` member is optional in, absent out."""

from __future__ import annotations

from typing import NamedTuple

from realtime.errors import InvalidRequest, ParseError
from realtime.protocol import json
from realtime.protocol.json import JsonObject

RequestId = str | int


class Request(NamedTuple):
    """A call; ``id`` is None for a notification of the client's."""

    id: RequestId | None
    method: str
    params: JsonObject


def parse(text: str | bytes) -> Request | None:
    """One message of a client; None for a reply (we ask nothing, so a reply is ignored).

    Raises ``ParseError`` or ``InvalidRequest``; ``request_id_of`` recovers the id to answer to.
    """
    try:
        value = json.decode_object(text)
    except ValueError as error:
        raise ParseError(f"Invalid request: {error}") from None
    return from_object(value)


def from_object(value: JsonObject) -> Request | None:
    """The same for a parsed message."""
    method = value.get("method")
    if method is None and ("result" in value or "error" in value):
        return None
    if not isinstance(method, str):
        raise InvalidRequest("Invalid request: missing field `method`", field="method")
    request_id = value.get("id")
    if request_id is not None and (isinstance(request_id, bool) or not isinstance(request_id, (str, int))):
        raise InvalidRequest("Invalid request: invalid type: `id` must be a string or an integer", field="id")
    params = value.get("params")
    if params is None:
        params = {}
    if not isinstance(params, dict):
        raise InvalidRequest("Invalid request: invalid type: `params` must be an object", field="params")
    return Request(request_id, method, params)


def result(request_id: RequestId, value: JsonObject) -> str:
    """A reply."""
    return json.encode({"id": request_id, "result": value})


def error(request_id: RequestId | None, code: int, message: str, data: JsonObject) -> str:
    """A refusal."""
    return json.encode({"id": request_id, "error": {"code": code, "message": message, "data": data}})


def notification(method: str, params: JsonObject) -> str:
    """A notification."""
    return json.encode({"method": method, "params": params})
