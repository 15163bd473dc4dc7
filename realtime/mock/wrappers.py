"""Scripts around scripts: what one scenario changes about every answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from realtime.mock.mcp import McpServer, servers_of
from realtime.mock.reply import Call, Context, Failure, Reply, Say, Script
from realtime.protocol import json

Change = Callable[[Context, Reply], Reply]


@dataclass(frozen=True, slots=True)
class Changed:
    """Answers as another script, changed."""

    script: Script
    change: Change

    def reply(self, context: Context) -> Reply:
        """The changed answer."""
        return self.change(context, self.script.reply(context))

    @property
    def servers(self) -> Mapping[str, McpServer]:
        """The MCP servers of the script."""
        return servers_of(self.script)


def endless(context: Context, reply: Reply) -> Reply:
    """Begins each response and never ends it: only ``response.cancel`` does."""
    del context
    return replace(reply, endless=True)


def slow_calls(context: Context, reply: Reply) -> Reply:
    """Thinks three seconds before each function call."""
    del context
    return replace(reply, after_s=reply.after_s + 3.0) if _calls(reply) else reply


def double_calls(context: Context, reply: Reply) -> Reply:
    """Calls each function twice, as models do that correct themselves."""
    del context
    return replace(reply, parts=tuple(part for part in reply.parts for _ in range(2 if isinstance(part, Call) else 1)))


def mute_until_answered(context: Context, reply: Reply) -> Reply:
    """Says nothing as long as a function call has no output."""
    waiting = Counter(line.name for line in context.lines if line.kind == "call")
    waiting.subtract(line.name for line in context.lines if line.kind == "output")
    return Reply() if any(count > 0 for count in waiting.values()) else reply


def dead_air(context: Context, reply: Reply) -> Reply:
    """The first answer of a session falls silent after its first words, for a minute in all."""
    if not context.seed.endswith("/1"):
        return reply
    return replace(reply, parts=tuple(replace(p, over_s=60.0) if isinstance(p, Say) else p for p in reply.parts))


def corrected_calls(context: Context, reply: Reply) -> Reply:
    """Calls each function too early, with what was understood so far, and then as it was meant."""
    del context
    parts: list[Say | Call] = []
    for part in reply.parts:
        parts += [replace(part, arguments=_half(part.arguments)), part] if isinstance(part, Call) else [part]
    return replace(reply, parts=tuple(parts))


def _half(arguments: str) -> str:
    """The arguments with the first half of each text."""
    given = json.decode_object(arguments)
    return json.encode(
        {name: value[: len(value) // 2] if isinstance(value, str) else value for name, value in given.items()}
    )


def failing(code: str, message: str) -> Change:
    """Every response fails."""

    def change(context: Context, reply: Reply) -> Reply:
        del context, reply
        return Reply(failure=Failure(code, message))

    return change


def _calls(reply: Reply) -> bool:
    return any(isinstance(part, Call) for part in reply.parts)
