"""What a script is told and what it may answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from realtime.protocol.json import JsonObject

USER_PREFIX = "[USER] "
BACKEND_PREFIX = "[BACKEND] "


@dataclass(frozen=True, slots=True)
class Line:
    """An item of the conversation as a script sees it.

    ``text`` is what was typed, heard or said, a call's arguments, or a tool's output; ``name`` is the
    tool's; ``fresh`` means that no response has answered it.
    """

    kind: Literal["user", "assistant", "system", "call", "output"]
    text: str
    name: str | None = None
    fresh: bool = True

    @property
    def backend(self) -> bool:
        """True for a message of the background agent."""
        return self.kind == "user" and self.text.startswith(BACKEND_PREFIX)

    @property
    def words(self) -> str:
        """The text without the prefix that tells where it came from."""
        return self.text.removeprefix(USER_PREFIX).removeprefix(BACKEND_PREFIX)


@dataclass(frozen=True, slots=True)
class Context:
    """What a response has to go by.

    ``tools`` maps names to parameter schemas and is empty where the tool choice is ``none``; ``forced``
    names the tool that must be called, ``""`` any of them. ``seed`` is the same in each run of the same
    session with the same seed: for scripts that want chance.
    """

    lines: tuple[Line, ...]
    tools: Mapping[str, JsonObject] = field(default_factory=dict)
    instructions: str = ""
    forced: str | None = None
    seed: str = ""

    @property
    def message(self) -> Line | None:
        """The last user message that is not the background agent's."""
        return next((line for line in reversed(self.lines) if line.kind == "user" and not line.backend), None)

    @property
    def news(self) -> list[Line]:
        """Tool outputs and the background agent's messages since the last response."""
        return [line for line in self.lines if line.fresh and (line.kind == "output" or line.backend)]

    @property
    def stale_output(self) -> Line | None:
        """A tool output that a response has told already, if nothing was said by the user since."""
        for line in reversed(self.lines):
            if line.kind == "user" and not line.backend:
                return None
            if line.kind == "output":
                return line
        return None


@dataclass(frozen=True, slots=True)
class Say:
    """A message, spoken or written. ``over_s``: its deltas are spread over this time."""

    text: str
    over_s: float | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function or an MCP tool; ``arguments`` is JSON text.

    ``approval_request_id`` is the model's to set: the request by which the client approved it.
    """

    name: str
    arguments: str
    approval_request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The response ends as failed."""

    code: str
    message: str = "The server had an error while processing your request."


@dataclass(frozen=True, slots=True)
class Reply:
    """What a response does: parts in order after ``after_s`` seconds of thinking.

    ``endless``: it never finishes by itself, only when cancelled.
    """

    parts: tuple[Say | Call, ...] = ()
    after_s: float = 0.0
    failure: Failure | None = None
    endless: bool = False


def say(text: str, *, over_s: float | None = None) -> Reply:
    """A reply of one message."""
    return Reply((Say(text, over_s),))


def call(name: str, arguments: str) -> Reply:
    """A reply of one function call."""
    return Reply((Call(name, arguments),))


class Script(Protocol):
    """Decides what a response says. One object may serve many sessions, so it keeps no state."""

    def reply(self, context: Context) -> Reply:
        """The answer to what stands in the context; never raises."""
        ...
