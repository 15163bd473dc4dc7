"""The MCP tools of one session: listing them, and which of them a response may call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from realtime.mock.conversation import Conversation
from realtime.mock.ids import Ids
from realtime.mock.item import Item
from realtime.mock.mcp import McpServer, McpTool, default_server
from realtime.mock.timeline import Performance
from realtime.protocol.json import JsonObject


@dataclass(frozen=True, slots=True)
class RemoteTool:
    """A tool that a response may call; ``asks``: only with the client's approval."""

    server_label: str
    tool: McpTool
    asks: bool

    @property
    def key(self) -> tuple[str, str]:
        """Label and name, which no other tool has."""
        return self.server_label, self.tool.name

    def item(self, kind: str, arguments: str) -> JsonObject:
        """The beginning of an item about a call."""
        return {"type": kind, "server_label": self.server_label, "name": self.tool.name, "arguments": arguments}


class RemoteTools:
    """Lists servers once for each definition of a label, and remembers what they have.

    Law: a session's tools can be called from ``mcp_list_tools.completed`` on; a response that brings a
    server with it has it listed, without a wait, before it begins.
    """

    def __init__(self, servers: Mapping[str, McpServer], conversation: Conversation, ids: Ids) -> None:
        self._servers = servers
        self._conversation = conversation
        self._ids = ids
        self._asked: dict[str, JsonObject] = {}
        self._listed: dict[str, tuple[McpTool, ...]] = {}

    def configure(self, tools: Iterable[JsonObject]) -> list[JsonObject]:
        """The session's tools are these: those that are to be listed. The other servers are forgotten."""
        definitions = {tool["server_label"]: tool for tool in tools if tool["type"] == "mcp"}
        self._asked = {label: asked for label, asked in self._asked.items() if definitions.get(label) == asked}
        self._listed = {label: listed for label, listed in self._listed.items() if label in self._asked}
        return self.unlisted(definitions.values())

    def unlisted(self, tools: Iterable[JsonObject]) -> list[JsonObject]:
        """The servers among the tools that nobody has asked for theirs."""
        servers = (tool for tool in tools if tool["type"] == "mcp")
        return [tool for tool in servers if self._asked.get(tool["server_label"]) != tool]

    def list_tools(self, definition: JsonObject, wait_s: float) -> Performance:
        """Ask a server for its tools; the conversation gets an item that holds them."""
        label = definition["server_label"]
        self._asked[label] = definition
        self._listed.pop(label, None)
        item = Item(
            {"id": self._ids.new("mcpl"), "type": "mcp_list_tools", "server_label": label, "tools": []}, fresh=False
        )
        self._conversation.add(item)
        yield self._conversation.added(item)
        yield {"type": "mcp_list_tools.in_progress", "item_id": item.id}
        yield wait_s
        server = self._server(label)
        if server.reachable:
            item.body["tools"] = [tool.wire() for tool in _allowed(server.tools, definition)]
        # A client may have deleted the item meanwhile, or changed what it asks for.
        if item in self._conversation:
            yield self._conversation.done(item)
        if self._asked.get(label) is definition and server.reachable:
            self._listed[label] = server.tools
        yield {"type": f"mcp_list_tools.{'completed' if server.reachable else 'failed'}", "item_id": item.id}

    def list_now(self, tools: Iterable[JsonObject]) -> Iterator[JsonObject]:
        """Ask the servers that nobody has asked, all at once."""
        for definition in self.unlisted(tools):
            for step in self.list_tools(definition, 0.0):
                if isinstance(step, dict):
                    yield step

    def callable(self, tools: list[JsonObject], *, at_once: bool) -> dict[str, RemoteTool]:
        """What a response with these tools may call, by the name that a script calls it by.

        That is the tool's own, or ``label.name`` where it is taken. ``at_once``: the servers that are not
        listed are about to be.
        """
        names = {tool["name"] for tool in tools if tool["type"] == "function"}
        found: dict[str, RemoteTool] = {}
        new = self.unlisted(tools) if at_once else []
        for definition in tools:
            if definition["type"] == "mcp":
                label = definition["server_label"]
                listed = self._reachable(label) if definition in new else self._listed.get(label, ())
                for tool in _allowed(listed, definition):
                    taken = tool.name in names or tool.name in found
                    remote = RemoteTool(label, tool, _asks(tool, definition.get("require_approval")))
                    found[f"{label}.{tool.name}" if taken else tool.name] = remote
        return found

    def _reachable(self, label: str) -> tuple[McpTool, ...]:
        server = self._server(label)
        return server.tools if server.reachable else ()

    def _server(self, label: str) -> McpServer:
        return self._servers.get(label) or default_server(label)


def _allowed(tools: tuple[McpTool, ...], definition: JsonObject) -> tuple[McpTool, ...]:
    allowed = definition.get("allowed_tools")
    if allowed is None:
        return tools
    wanted = {"tool_names": allowed} if isinstance(allowed, list) else allowed
    return tuple(tool for tool in tools if _fits(tool, wanted))


def _asks(tool: McpTool, approval: str | JsonObject | None) -> bool:
    """Whether a call needs approval, as it does where nothing says that it does not."""
    if isinstance(approval, dict):
        always, never = approval.get("always"), approval.get("never")
        return not (never is not None and _fits(tool, never)) or (always is not None and _fits(tool, always))
    return approval != "never"


def _fits(tool: McpTool, wanted: JsonObject) -> bool:
    names, read_only = wanted.get("tool_names"), wanted.get("read_only")
    return (names is None or tool.name in names) and (read_only is None or tool.read_only == read_only)
