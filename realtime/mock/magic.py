"""The rules that every script begins with, and the script that has little more: ``default``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from realtime.mock.reply import Call, Context, Line, Reply, Say, call, say
from realtime.protocol.json import JsonObject

AGENT_TOOL = "background_agent"
SILENT_TOOL = "remain_silent"

_CALL = re.compile(r"please call ([\w.-]+) with\s+(?=\{)", re.IGNORECASE)
_COUNT = re.compile(r"please count to twenty slowly", re.IGNORECASE)
_AGENT = re.compile(r"\bask the agent\b", re.IGNORECASE)
_SILENT = re.compile(r"\b(stay silent|do not answer)\b", re.IGNORECASE)
_NUMBERS = (
    "One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, "
    "thirteen, fourteen, fifteen, sixteen, seventeen, eighteen, nineteen, twenty."
)
_COUNT_SECONDS = 5.0


class DefaultScript:
    """Calls what it is asked to call, tells tool outputs, counts slowly, and repeats everything else."""

    def reply(self, context: Context) -> Reply:
        """The answer by the first rule that fits."""
        return answer(context, tell=_everything, talk=_repeat)


def answer(context: Context, *, tell: Callable[[Sequence[Line]], str], talk: Callable[[Context, str], Reply]) -> Reply:
    """The frame that all scripts share.

    ``tell`` puts news (tool outputs and the agent's messages since the last response) into words; ``talk``
    answers a message that asks for nothing by name. What it comes to still obeys the tool choice.
    """
    return obeying(context, _freely(context, tell, talk))


def _freely(context: Context, tell: Callable[[Sequence[Line]], str], talk: Callable[[Context, str], Reply]) -> Reply:
    """The answer of a model that may choose."""
    message = context.message
    news = context.news
    if news and not (message is not None and message.fresh):
        return Reply() if _nothing_to_say(news) else say(tell(news) or "Done.")
    if not news and (output := context.stale_output) is not None:
        return say(tell([output]) or "Done.")
    words = message.words if message is not None else ""
    reply = asked_for(context, words) or talk(context, words)
    return _after(tell(news), reply) if news else reply


def asked_for(context: Context, words: str) -> Reply | None:
    """The answer to a message that asks for something by name: a call, the agent, silence, counting."""
    if found := named_call(context, words):
        return Reply((found,))
    if AGENT_TOOL in context.tools and _AGENT.search(words):
        return ask_agent(words)
    if SILENT_TOOL in context.tools and _SILENT.search(words):
        return call(SILENT_TOOL, "{}")
    if _COUNT.search(words):
        return say(_NUMBERS, over_s=_COUNT_SECONDS)
    return None


def _everything(news: Sequence[Line]) -> str:
    return " ".join(line.words for line in news if line.words)


def _repeat(context: Context, words: str) -> Reply:
    del context
    return say(words or "Hello.")


def _nothing_to_say(news: Sequence[Line]) -> bool:
    return all(line.name == SILENT_TOOL for line in news)


def _after(told: str, reply: Reply) -> Reply:
    """The reply with the news before it, in one message where it begins with one."""
    if not told:
        return reply
    first, rest = (reply.parts[0], reply.parts[1:]) if reply.parts else (None, ())
    if isinstance(first, Say):
        return replace(reply, parts=(replace(first, text=f"{told} {first.text}"), *rest))
    return replace(reply, parts=(Say(told), *reply.parts))


def named_call(context: Context, words: str) -> Call | None:
    """The call that ``please call NAME with {json}`` asks for, with exactly that JSON."""
    found = _CALL.search(words)
    if found is None or found[1] not in context.tools:
        return None
    rest = words[found.end() :]
    try:
        _, end = json.JSONDecoder().raw_decode(rest)
    except ValueError:
        return None
    return Call(found[1], rest[:end])


def ask_agent(words: str) -> Reply:
    """Hand the whole sentence over."""
    return call(AGENT_TOOL, json.dumps({"prompt": words}, ensure_ascii=False))


def obeying(context: Context, reply: Reply) -> Reply:
    """The reply as the tool choice lets it be: without calls of other tools than it names.

    Where no call is left and one is demanded, that call alone.
    """
    if context.forced is None or not context.tools or reply.failure is not None:
        return reply
    fitting = tuple(part for part in reply.parts if isinstance(part, Say) or context.forced in ("", part.name))
    if not any(isinstance(part, Call) for part in fitting):
        fitting = (_forced(context, context.forced),)
    return replace(reply, parts=fitting)


def _forced(context: Context, name: str) -> Call:
    """A call of this tool, or of the first one; its required strings hold the message that is to be answered."""
    message = context.message
    words = message.words if message is not None and (message.fresh or not context.news) else ""
    name = name if name in context.tools else next(iter(context.tools))
    return Call(name, json.dumps(_arguments(context.tools[name], words), ensure_ascii=False))


def _arguments(schema: JsonObject, words: str) -> JsonObject:
    properties = schema.get("properties")
    required = schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return {}
    strings = {
        name for name, rule in properties.items() if isinstance(rule, dict) and rule.get("type") in (None, "string")
    }
    return {name: words for name in required if name in strings}
