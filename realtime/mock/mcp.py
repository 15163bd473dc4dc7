"""MCP servers as a script has them: their tools, and what comes of a call. Nothing here contacts a server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from realtime.mock.scrub import REMOVED
from realtime.protocol.json import JsonObject

UNREACHABLE = "unreachable"
"""The label of a server whose listing fails, unless the script has one of that name."""
_INVALID_PARAMS = -32602


def _one_text() -> JsonObject:
    return {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool of an MCP server. A call gives ``output``, None for the argument ``text``; or it fails with ``error``.

    ``error`` is the Realtime API's: a ``protocol_error`` or ``http_error`` {code, message}, or a
    ``tool_execution_error`` {message}.
    """

    name: str
    description: str = ""
    input_schema: JsonObject = field(default_factory=_one_text)
    read_only: bool = False
    output: str | None = None
    error: JsonObject | None = None

    def wire(self) -> JsonObject:
        """As an ``mcp_list_tools`` item shows it."""
        return {
            "name": self.name,
            "description": self.description,
            "input_schema": self.input_schema,
            "annotations": {"readOnlyHint": self.read_only},
        }

    def call(self, arguments: str) -> JsonObject:
        """What a call adds to its item: ``output`` or ``error``."""
        if self.error is not None:
            return {"error": self.error}
        try:
            given = json.loads(arguments)
        except ValueError:
            given = None
        if not isinstance(given, dict):
            message = "Invalid params: the arguments are no JSON object."
            return {"error": {"type": "protocol_error", "code": _INVALID_PARAMS, "message": message}}
        if self.output is not None:
            return {"output": self.output}
        if not isinstance(text := given.get("text"), str):
            return {"error": {"type": "tool_execution_error", "message": "The argument 'text' is missing."}}
        return {"output": text}


@dataclass(frozen=True, slots=True)
class McpServer:
    """A server of the script's. One that is not ``reachable`` fails its listing."""

    tools: tuple[McpTool, ...] = ()
    reachable: bool = True


@runtime_checkable
class HasServers(Protocol):
    """A script that has MCP servers of its own, by label."""

    @property
    def servers(self) -> Mapping[str, McpServer]:
        """All of them; a label that is not among them has the default server."""
        ...


def servers_of(script: object) -> Mapping[str, McpServer]:
    """The servers of a script, none where it has none."""
    return script.servers if isinstance(script, HasServers) else {}


def default_server(label: str) -> McpServer:
    """What stands behind a label that the script does not know: one tool, ``echo {text}``."""
    return McpServer((McpTool("echo", "Gives the text back.", read_only=True),), reachable=label != UNREACHABLE)


def without_secrets(tools: list[Any]) -> list[Any]:
    """Tools as they may be shown: no ``authorization``, and of ``headers`` the names alone."""
    return [_shown(tool) if isinstance(tool, dict) else tool for tool in tools]


def _shown(tool: JsonObject) -> JsonObject:
    if "authorization" not in tool and "headers" not in tool:
        return tool
    shown = {name: value for name, value in tool.items() if name != "authorization"}
    headers = tool.get("headers")
    if headers is not None:
        shown["headers"] = dict.fromkeys(headers, REMOVED) if isinstance(headers, dict) else REMOVED
    return shown


def event_without_secrets(event: JsonObject) -> JsonObject:
    """A client event as a log may hold it."""
    for place in ("session", "response"):
        holder = event.get(place)
        if isinstance(holder, dict) and isinstance(tools := holder.get("tools"), list):
            event = {**event, place: {**holder, "tools": without_secrets(tools)}}
    return event
