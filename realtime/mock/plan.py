"""What one response is to be like: the session's configuration with the overrides of ``response.create``."""

from __future__ import annotations

from dataclasses import dataclass, field

from realtime.mock.configuration import check_choice
from realtime.mock.conversation import lines
from realtime.mock.item import Item
from realtime.mock.refusal import Refused
from realtime.mock.remote_tools import RemoteTool, RemoteTools
from realtime.mock.reply import Context
from realtime.mock.sound import FORMATS, AudioFormat
from realtime.mock.speech.contracts import SAMPLE_RATE
from realtime.mock.tokens import MOST_OUTPUT_TOKENS, instruction_tokens
from realtime.protocol.json import JsonObject

_METADATA_PAIRS = 16
_METADATA_KEY = 64
_METADATA_VALUE = 512


@dataclass(frozen=True, slots=True)
class Plan:
    """A response before it begins. ``conversation`` False: out of band, nothing of it stays."""

    modality: str
    voice: str | JsonObject
    speed: float
    format: JsonObject
    instructions: str
    max_output_tokens: int | str
    conversation: bool
    metadata: dict[str, str] | None = None
    instruction_tokens: int = 0
    tools: dict[str, JsonObject] = field(default_factory=dict)
    forced: str | None = None
    remote: dict[str, RemoteTool] = field(default_factory=dict)
    """The MCP tools among ``tools``, by the same names."""

    @property
    def voice_name(self) -> str:
        """The voice in one word: that of a custom voice is its id."""
        return self.voice if isinstance(self.voice, str) else str(self.voice["id"])

    @property
    def token_limit(self) -> int:
        """The limit as a number."""
        return MOST_OUTPUT_TOKENS if isinstance(self.max_output_tokens, str) else self.max_output_tokens

    @property
    def sound_format(self) -> AudioFormat:
        """What it is spoken in."""
        return FORMATS[self.format["type"]]

    def context(self, items: list[Item], seed: str) -> Context:
        """What the script is told."""
        return Context(lines(items), self.tools, self.instructions, self.forced, seed)


def plan(session: JsonObject, overrides: JsonObject, servers: RemoteTools) -> Plan:
    """Both together; raises ``Refused`` for metadata out of bounds and for the choice of a tool that is not there."""
    output = {**session["audio"]["output"], **overrides.get("audio", {}).get("output", {})}
    if output["format"]["type"] == "audio/pcm":
        output["format"] = {"type": "audio/pcm", "rate": SAMPLE_RATE}
    settings = session | {name: value for name, value in overrides.items() if value is not None}
    choice = settings["tool_choice"]
    check_choice(choice, settings["tools"], "response.tool_choice")
    remote = {}
    if choice != "none":
        remote = servers.callable(settings["tools"], at_once=overrides.get("tools") is not None)
    return Plan(
        modality=settings["output_modalities"][0],
        voice=output["voice"],
        speed=output["speed"],
        format={"type": "audio/pcm", "rate": SAMPLE_RATE}
        if output["format"]["type"] == "audio/pcm"
        else output["format"],
        instructions=settings["instructions"],
        instruction_tokens=instruction_tokens(settings["instructions"], settings["tools"]),
        max_output_tokens=settings["max_output_tokens"],
        conversation=overrides.get("conversation", "auto") == "auto",
        metadata=_metadata(overrides.get("metadata")),
        tools={} if choice == "none" else _parameters(settings["tools"], remote),
        forced=_forced(choice, remote),
        remote=remote,
    )


def _parameters(tools: list[JsonObject], remote: dict[str, RemoteTool]) -> dict[str, JsonObject]:
    functions = {tool["name"]: tool.get("parameters") or {} for tool in tools if tool["type"] == "function"}
    return functions | {name: each.tool.input_schema for name, each in remote.items()}


def _forced(choice: str | JsonObject, remote: dict[str, RemoteTool]) -> str | None:
    """The tool that must be called; None also where an MCP server is chosen that has no such tool."""
    if choice == "required":
        return ""
    if not isinstance(choice, dict):
        return None
    if choice["type"] == "function":
        return str(choice["name"])
    chosen = (choice["server_label"], choice.get("name"))
    fitting = (name for name, each in remote.items() if chosen in (each.key, (each.server_label, None)))
    return next(fitting, None)


def _metadata(value: JsonObject | None) -> dict[str, str] | None:
    if value is None:
        return None
    sound = all(
        isinstance(text, str) and len(key) <= _METADATA_KEY and len(text) <= _METADATA_VALUE
        for key, text in value.items()
    )
    if len(value) > _METADATA_PAIRS or not sound:
        message = (
            f"Invalid 'response.metadata': at most {_METADATA_PAIRS} pairs, keys of {_METADATA_KEY} "
            f"and string values of {_METADATA_VALUE} characters."
        )
        raise Refused("invalid_value", message, param="response.metadata")
    return value
