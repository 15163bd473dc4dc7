"""MCP servers as script files describe them."""

from __future__ import annotations

from typing import Any

from realtime.mock.mcp import McpServer, McpTool
from realtime.mock.schema import flag, integer, list_of, mapping, record, text, variant
from realtime.protocol.json import JsonObject

_CODED = record({"type": text, "message": text, "code": integer(low=-(2**31))})
_ERROR = variant(
    "type",
    {
        "protocol_error": _CODED,
        "http_error": _CODED,
        "tool_execution_error": record({"type": text, "message": text}),
    },
)
_TOOL = record(
    {"name": text},
    {"description": text, "input_schema": mapping, "read_only": flag, "output": text, "error": _ERROR},
)
SERVER = record({"mcp": text}, {"tools": list_of(_TOOL), "reachable": flag})
"""``{mcp: LABEL, tools: [{name, output}], reachable: false}``."""


def server(entry: JsonObject) -> McpServer:
    """The server that an entry of the shape ``SERVER`` describes."""
    return McpServer(tuple(McpTool(**tool) for tool in entry.get("tools", ())), entry.get("reachable", True))


def servers(entries: Any, path: str) -> dict[str, McpServer]:
    """The servers in a list of entries, by label; raises ``Refused``."""
    list_of(SERVER)(entries, path)
    return {entry["mcp"]: server(entry) for entry in entries}
