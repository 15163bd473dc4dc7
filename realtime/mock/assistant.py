"""The voice that people talk to when there is no key: a small conversation of its own, and a hand for handing over."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from realtime.mock.magic import AGENT_TOOL, SILENT_TOOL, answer, ask_agent
from realtime.mock.reply import Context, Line, Reply, call, say

_Answer = Callable[[Context, str], Reply]


def _rule(pattern: str, respond: _Answer) -> tuple[re.Pattern[str], _Answer]:
    return re.compile(pattern, re.IGNORECASE), respond


def _sentence(text: str) -> _Answer:
    return lambda context, words: say(text)


def _hand_over(context: Context, words: str) -> Reply:
    if AGENT_TOOL in context.tools:
        return ask_agent(words)
    return say("I would need my agent for that, and there is none here.")


def _be_silent(context: Context, words: str) -> Reply:
    del words
    return call(SILENT_TOOL, "{}") if SILENT_TOOL in context.tools else say("All right.")


def _abilities(context: Context, words: str) -> Reply:
    del words
    if AGENT_TOOL not in context.tools:
        return say("I can chat a little and repeat things. Just talk to me.")
    return say(
        "I can chat a little. For the time and date, sums, unit conversion, timers, and things to remember, "
        "I ask my agent."
    )


def _repeat(context: Context, words: str) -> Reply:
    del context
    wanted = re.split(r"\b(?:say|repeat(?: after me)?)\b[\s:,]*", words, maxsplit=1, flags=re.IGNORECASE)[-1]
    return say(wanted.strip() or "What shall I say?")


_WORK = "|".join(
    (
        r"\bwhat(?:'s| is)? (?:the )?(?:time|date|day)\b",
        r"\b(?:time is it|current time|today'?s date|what day|which day|what year|what month)\b",
        r"\d\s*(?:[-+*/^x×÷%]|plus|minus|times|divided by|over|to the power of)\s*\(?\s*-?\d",
        r"\b(?:calculate|compute|square root|percent of|how much is|sum of|convert)\b",
        r"\bhow many \w+ (?:are |is )?(?:there )?in\b",
        r"\d\s*[a-z°]+ (?:in|to|into) [a-z°]+",
        r"\b(?:remember|recall|forget|remind)\b",
        r"\bwhat (?:did|have) (?:i|you) (?:tell|told|remember)",
        r"\b(?:timer|alarm|countdown)\b",
        r"\b(?:wait|count down)\b.*\b(?:second|minute|hour)s?\b",
        r"\b(?:look up|search|find out|research|write|summari[sz]e|translate|plan|book|order|check|fix|build|run)\b",
    )
)

_RULES = (
    _rule(r"\b(?:be|stay|keep) (?:quiet|silent)\b|\bhush\b|\bsay nothing\b|\bdon'?t (?:answer|reply)\b", _be_silent),
    _rule(r"\bwhat can you do\b|\bwhat do you do\b|\bwho are you\b|^\s*help\W*$", _abilities),
    _rule(r"^\W*(?:please )?(?:say|repeat)\b", _repeat),
    _rule(_WORK, _hand_over),
    _rule(r"^\W*(?:hello|hi|hey|good (?:morning|afternoon|evening)|greetings)\b", _sentence("Hello! How can I help?")),
    _rule(r"\bhow are you\b", _sentence("I am fine, thank you. And you?")),
    _rule(r"\b(?:thanks|thank you)\b", _sentence("You are welcome.")),
    _rule(r"\b(?:bye|goodbye|good night|see you)\b", _sentence("Goodbye!")),
    _rule(r"^\W*(?:yes|ok|okay|sure|fine|good|great|right|all right)\W*$", _sentence("Good. What else?")),
    _rule(r"^\W*(?:no|nothing|never mind)\b", _sentence("All right.")),
    _rule(r"\bcan you hear me\b", _sentence("Yes, I can hear you.")),
)


class AssistantScript:
    """Greets, says what it can do, hands real work to the agent, and asks back when it did not understand."""

    def reply(self, context: Context) -> Reply:
        """The answer by the first rule that fits."""
        return answer(context, tell=_tell, talk=_talk)


def _tell(news: Sequence[Line]) -> str:
    """The agent's own words where there are any; else what tools returned."""
    spoken = [line.words for line in news if line.backend] or [line.words for line in news]
    return " ".join(words for words in spoken if words)


def _talk(context: Context, words: str) -> Reply:
    if not words:
        return say("Hello! How can I help?")
    for pattern, respond in _RULES:
        if pattern.search(words):
            return respond(context, words)
    return say("I did not understand that. Could you say it in other words?")
