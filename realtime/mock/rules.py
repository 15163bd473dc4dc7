"""Scripts that people write: rules that match what was said or returned, tried in order."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from realtime.errors import ConfigurationError
from realtime.mock.magic import obeying
from realtime.mock.mcp import McpServer
from realtime.mock.mcp_script import SERVER, server
from realtime.mock.refusal import Refused
from realtime.mock.reply import Call, Context, Failure, Line, Reply, Say, Script
from realtime.mock.schema import Check, flag, list_of, mapping, nullable, number, record, text
from realtime.protocol.json import JsonObject

_ACT: dict[str, Check] = {
    "say": text,
    "call": record({"name": text}, {"arguments": nullable(mapping)}),
    "fail": record({"code": text}, {"message": text}),
    "silence": flag,
    "after": number(0, 3600),
}
_RULE = record({"when": record({}, {"said": text, "output_of": text})}, _ACT)
_ALONE = record({}, _ACT)


def _entry(value: Any, path: str) -> None:
    check = SERVER if isinstance(value, dict) and "mcp" in value else _RULE
    check(value, path)


_RULES = list_of(_entry)
_ACTS = ("say", "call", "fail", "silence")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it waits for, and what is done then. Exactly one of ``said`` and ``output_of`` is set."""

    said: re.Pattern[str] | None
    output_of: str | None
    reply: Reply

    def matches(self, context: Context) -> Line | None:
        """The line that it fits: the last message, or a tool's fresh output."""
        if self.said is not None:
            message = context.message
            return message if message is not None and self.said.search(message.words) else None
        return next((line for line in reversed(context.news) if line.name == self.output_of), None)


class RuleScript:
    """The first rule that fits answers; where none does, another script. ``servers``: its MCP servers by label."""

    def __init__(self, rules: Sequence[Rule], otherwise: Script, servers: Mapping[str, McpServer]) -> None:
        self._rules = tuple(rules)
        self._otherwise = otherwise
        self.servers = servers

    def reply(self, context: Context) -> Reply:
        """Rules about outputs come first while there are outputs that nobody answered.

        Where the tool choice demands a call, a rule that has another act gives that call: no model could do else.
        """
        waiting = any(line.kind == "output" for line in context.news)
        for rule in self._rules:
            if (rule.output_of is not None) != waiting:
                continue
            line = rule.matches(context)
            if line is not None:
                return obeying(context, _filled(rule.reply, context, line))
        return self._otherwise.reply(context)


def compile_rules(data: Any, otherwise: Script, *, source: str) -> RuleScript:
    """A script from parsed YAML; raises ``ConfigurationError`` that names the place in ``source``."""
    try:
        _RULES(data, "rules")
        rules = [_rule(entry, f"rules[{index}]") for index, entry in enumerate(data) if "mcp" not in entry]
        return RuleScript(rules, otherwise, {entry["mcp"]: server(entry) for entry in data if "mcp" in entry})
    except Refused as refused:
        raise ConfigurationError(f"--script: {source}: {refused.message}", setting="--script") from None


def _rule(entry: JsonObject, path: str) -> Rule:
    when = entry["when"]
    if len(when) != 1:
        raise Refused("invalid_value", f"'{path}.when' needs either 'said' or 'output_of'.")
    _check_act(entry, path)
    said = _pattern(when["said"], f"{path}.when.said") if "said" in when else None
    return Rule(said, when.get("output_of"), _reply(entry))


def act(entry: JsonObject, path: str) -> Reply:
    """The reply that an act alone describes: ``{"say": …, "after": …}``; raises ``Refused``."""
    _ALONE(entry, path)
    _check_act(entry, path)
    return _reply(entry)


def _check_act(entry: JsonObject, path: str) -> None:
    if sum(name in entry for name in _ACTS) != 1:
        raise Refused("invalid_value", f"'{path}' needs exactly one of {', '.join(_ACTS)}.")


def _pattern(said: str, path: str) -> re.Pattern[str]:
    is_regex = len(said) > 1 and said.startswith("/") and said.endswith("/")
    try:
        return re.compile(said[1:-1] if is_regex else re.escape(said), re.IGNORECASE)
    except re.error as error:
        raise Refused("invalid_value", f"'{path}' is no regular expression: {error}.") from None


def _reply(entry: JsonObject) -> Reply:
    after = float(entry.get("after", 0.0))
    if "say" in entry:
        return Reply((Say(entry["say"]),), after)
    if "call" in entry:
        wanted = entry["call"]
        return Reply((Call(wanted["name"], json.dumps(wanted.get("arguments") or {}, ensure_ascii=False)),), after)
    if "fail" in entry:
        return Reply((), after, failure=Failure(**entry["fail"]))
    return Reply((), after)


def _filled(reply: Reply, context: Context, line: Line) -> Reply:
    """Put what was said or returned in the places ``{said}`` and ``{output}``."""
    message = context.message
    values = {"{said}": message.words if message else "", "{output}": line.words if line.kind == "output" else ""}

    def fill(part: Say | Call) -> Say | Call:
        if isinstance(part, Call):
            return part
        return Say(re.sub(r"\{(?:said|output)\}", lambda found: values[found[0]], part.text), part.over_s)

    return Reply(tuple(fill(part) for part in reply.parts), reply.after_s, reply.failure, reply.endless)
