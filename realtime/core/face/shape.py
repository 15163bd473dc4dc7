"""The shape of events, as far as the call itself relies on it. All else that clients say the upstream judges.

A client's event of another shape is refused; one of the upstream's is not shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from realtime.protocol.complaint import Complaint, missing, wrong_type
from realtime.protocol.json import JsonObject


@dataclass(frozen=True, slots=True)
class _Member:
    kind: type
    called: str
    required: bool = True
    nullable: bool = False


_TEXT = _Member(str, "a string")
_ID = _Member(str, "a string", required=False, nullable=True)
_COUNT = _Member(int, "an integer")
_OBJECT = _Member(dict, "an object")
_MAYBE_OBJECT = _Member(dict, "an object", required=False, nullable=True)

MEMBERS: dict[str, dict[str, _Member]] = {
    "session.update": {"session": _OBJECT},
    "input_audio_buffer.append": {"audio": _TEXT},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "conversation.item.create": {"item": _OBJECT, "previous_item_id": _ID},
    "conversation.item.retrieve": {"item_id": _TEXT},
    "conversation.item.delete": {"item_id": _TEXT},
    "conversation.item.truncate": {"item_id": _TEXT, "content_index": _COUNT, "audio_end_ms": _COUNT},
    "response.create": {"response": _MAYBE_OBJECT},
    "response.cancel": {"response_id": _ID},
    "output_audio_buffer.clear": {},
}
"""Client events and their members beside ``type`` and ``event_id``."""


def check(event: JsonObject) -> None:
    """Raises ``Complaint`` for an event that is none of the API's."""
    kind = event.get("type")
    if kind is None:
        raise missing("type")
    if not isinstance(kind, str):
        raise wrong_type("type", kind, "a string")
    members = MEMBERS.get(kind)
    if members is None:
        listed = ", ".join(f"'{name}'" for name in MEMBERS)
        raise Complaint("invalid_value", f"Invalid value: '{kind[:80]}'. Supported values are: {listed}.", "type")
    known = {"type": _TEXT, "event_id": _ID, **members}
    for name, member in known.items():
        _check(event, name, member)
    for name in event:
        if name not in known:
            raise Complaint("unknown_parameter", f"Unknown parameter: '{name[:80]}'.", name[:80])
    if kind == "session.update":
        check_session(event["session"])
    elif kind == "conversation.item.create":
        _check_item(event["item"])


_INPUT = ("audio.input", "audio.input.format", "audio.input.turn_detection", "audio.input.transcription")
_PARTS = ("audio", *_INPUT, "audio.output", "audio.output.format")
"""Members of a session that are objects, where they are not null."""
_NAMES = ("role", "call_id", "name", "arguments", "output")
"""Members of an item that are strings."""


def check_session(session: JsonObject) -> None:
    """Raises ``Complaint`` for a session of which the call could not tell its own part."""
    tools = session.get("tools", [])
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise wrong_type("session.tools", tools, "an array of objects")
    for number, tool in enumerate(tools):
        if not isinstance(tool.get("name", ""), str):
            raise wrong_type(f"session.tools[{number}].name", tool["name"], "a string")
    for path in _PARTS:
        found: object = session
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if found is not None and not isinstance(found, dict):
            raise wrong_type(f"session.{path}", found, "an object")


def _check_item(item: JsonObject) -> None:
    content = item.get("content")
    if content is not None and (not isinstance(content, list) or not all(isinstance(part, dict) for part in content)):
        raise wrong_type("item.content", content, "an array of objects")
    for name in _NAMES:
        if item.get(name) is not None and not isinstance(item[name], str):
            raise wrong_type(f"item.{name}", item[name], "a string")
    if item.get("type") in ("function_call", "function_call_output") and item.get("call_id") is None:
        raise missing("item.call_id")


_RELIED_ON = {
    "response_id": str,
    "item_id": str,
    "previous_item_id": str,
    "output_index": int,
    "delta": str,
    "item": dict,
    "part": dict,
    "response": dict,
}
"""Members of the upstream's events that decide what is shown."""
_NEEDED = {
    "response.created": "response",
    "response.done": "response",
    "response.content_part.added": "part",
    "conversation.item.deleted": "item_id",
}


def can_be_shown(event: JsonObject) -> bool:
    """False for an event of the upstream's that does not say what it is about, or not in the API's shape."""
    odd = any(event.get(name) is not None and not isinstance(event[name], kind) for name, kind in _RELIED_ON.items())
    return not odd and event.get(_NEEDED.get(event["type"], "type")) is not None


def is_ask(event: JsonObject) -> bool:
    """True for a client's wish for a response within the conversation."""
    body = event.get("response")
    apart = isinstance(body, dict) and body.get("conversation") == "none"
    return event.get("type") == "response.create" and not apart


def _check(event: JsonObject, name: str, member: _Member) -> None:
    if name not in event:
        if member.required:
            raise missing(name)
        return
    value = event[name]
    if value is None and member.nullable:
        return
    if not isinstance(value, member.kind) or isinstance(value, bool):
        raise wrong_type(name, value, member.called)
