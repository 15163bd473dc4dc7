"""The shapes of MCP tools and of what a client answers to an approval request."""

from __future__ import annotations

from typing import Any

from realtime.mock.schema import (
    Check,
    by_type,
    flag,
    list_of,
    mapping,
    missing,
    nullable,
    one_of,
    record,
    text,
    variant,
    wrong_type,
    wrong_value,
)

_PLACES = ("server_url", "connector_id", "tunnel_id")
_CONNECTORS = ("dropbox", "gmail", "googlecalendar", "googledrive", "microsoftteams", "outlookcalendar")
_MORE_CONNECTORS = ("outlookemail", "sharepoint")
_FILTER = record({}, {"tool_names": nullable(list_of(text)), "read_only": nullable(flag)})
_APPROVAL = by_type(
    {str: one_of("always", "never"), dict: record({}, {"always": nullable(_FILTER), "never": nullable(_FILTER)})},
    "an approval setting",
)


def _headers(value: Any, path: str) -> None:
    mapping(value, path)
    for name, header in value.items():
        if not isinstance(header, str):
            raise wrong_type(header, f"{path}.{name}", "a string")


_MCP = record(
    {"type": text, "server_label": text},
    {
        "server_url": nullable(text),
        "connector_id": nullable(one_of(*(f"connector_{name}" for name in (*_CONNECTORS, *_MORE_CONNECTORS)))),
        "tunnel_id": nullable(text),
        "authorization": nullable(text),
        "headers": nullable(_headers),
        "allowed_tools": nullable(by_type({list: list_of(text), dict: _FILTER}, "an array or a filter")),
        "allowed_callers": nullable(list_of(one_of("direct", "programmatic"))),
        "require_approval": nullable(_APPROVAL),
        "server_description": nullable(text),
        "defer_loading": nullable(flag),
    },
)


def _server(value: Any, path: str) -> None:
    """A server stands in exactly one place."""
    _MCP(value, path)
    places = [name for name in _PLACES if value.get(name) is not None]
    if not places:
        raise missing(f"{path}.server_url")
    if len(places) > 1:
        listed = " and ".join(f"'{name}'" for name in places)
        raise wrong_value(f"{path}.{places[1]}", f"Invalid '{path}': only one of {listed} can be given.")


def tools_of(function: Check) -> Check:
    """An array of functions and MCP servers, each server with a label of its own."""
    tools = list_of(variant("type", {"function": function, "mcp": _server}))

    def distinct(value: Any, path: str) -> None:
        tools(value, path)
        labels: set[str] = set()
        for index, tool in enumerate(value):
            if (label := tool.get("server_label")) in labels:
                where = f"{path}[{index}].server_label"
                raise wrong_value(where, f"Invalid '{where}': there is another server with the label '{label}'.")
            if label is not None:
                labels.add(label)

    return distinct


APPROVAL_RESPONSE = record(
    {"type": text, "approval_request_id": text, "approve": flag}, {"id": text, "reason": nullable(text)}
)
