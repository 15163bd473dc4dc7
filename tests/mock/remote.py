"""Sessions with MCP servers."""

from __future__ import annotations

from typing import Any

from realtime.mock.magic import DefaultScript
from realtime.mock.mcp import McpServer
from realtime.protocol.json import JsonObject
from tests.mock.talk import Talk, server

ECHO = 'please call echo with {"text": "there"}'


class Hosted(DefaultScript):
    """The default script with MCP servers of its own."""

    def __init__(self, **servers: McpServer) -> None:
        self.servers = servers


def equip(talk: Talk, *tools: JsonObject, **session: Any) -> JsonObject:
    """Give the session tools, and wait until they are listed; returns what ``session.updated`` shows."""
    updated = talk.send("session.update", session={"type": "realtime", "tools": list(tools), **session})[0]
    assert updated["type"] == "session.updated", updated
    talk.wait(1.0)
    effective: JsonObject = updated["session"]
    return effective


def equipped(*tools: JsonObject, script: DefaultScript | None = None, **session: Any) -> Talk:
    talk = Talk(script)
    equip(talk, *tools, output_modalities=["text"], **session)
    return talk


def free(label: str, **members: Any) -> JsonObject:
    """A server whose tools need no approval."""
    return server(label, require_approval="never", **members)


def outputs(response: JsonObject) -> list[str]:
    return [item["type"] for item in response["output"]]
