"""The voice that people talk to when there is no key: a small conversation of its own, and a hand for handing over.

Law: it never pretends. What it has not understood it asks back; what the agent can do it hands over, in the
person's own words; of tools and prompts it says nothing, only what they are to tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from realtime.mock import errands, wording
from realtime.mock.magic import AGENT_TOOL, SILENT_TOOL, answer, ask_agent
from realtime.mock.reply import Context, Line, Reply, call, say

_INTERNAL = re.compile(r"\[BACKEND\]|background[ _]agent|\bthe person\b|\bthis call\b", re.IGNORECASE)
_REASON = re.compile(r"\breason\b[^:]*:\s*(.+?)[.\s]*$", re.IGNORECASE | re.DOTALL)
# What the words of a tool output that are meant for the model alone come to, for the person.
_OUTCOMES = (
    (re.compile(r"\bno request|nothing was handed", re.IGNORECASE), wording.NO_REQUEST, True),
    (re.compile(r"\bcancel", re.IGNORECASE), wording.CANCELLED, True),
    (re.compile(r"\bcould not|\bcannot|\bfailed|\bunable", re.IGNORECASE), wording.FAILED, True),
    (re.compile(r"\balready|\brunning|\bpassed on|\bcorrection", re.IGNORECASE), wording.WORKING, False),
    (re.compile(""), wording.DONE, False),
)
_MEANT = re.compile(r"Did you mean: (.+)\?$")
_FOR_HOW_LONG = re.compile(r"\bFor how long shall I set the timer\?$")
_BY_HOW_MUCH = re.compile(r"\bBy how much shall I make the timer (longer|shorter)\?$")
_INTO_WHICH_UNIT = re.compile(r"\bInto which unit shall I convert (.+)\?$")
_WHICH_PLACE = re.compile(r"\bI do not know the time zone of [^.]+\. Did you mean ([^?]+)\?$")


class AssistantScript:
    """Greets, says what it can do, hands real work to the agent, and asks back when it did not understand."""

    def reply(self, context: Context) -> Reply:
        """The answer by the first rule that fits; nothing where nothing has come since work was handed over."""
        message = context.message
        stale = message is not None and not message.fresh and not context.news
        if stale and context.forced is None and _working(context):
            return Reply()
        return answer(context, tell=_tell, talk=_talk)


def _tell(news: Sequence[Line]) -> str:
    """The agent's own words where there are any; else what tools returned, never words that are meant for the model."""
    spoken = [line.words for line in news if line.backend and line.words]
    for line in news:
        if line.kind == "output" and line.name != SILENT_TOOL and (told := _outcome(line, heard=bool(spoken))):
            spoken.append(told)
    return " ".join(spoken)


def _outcome(line: Line, *, heard: bool) -> str:
    """What an output adds to the agent's words; ``heard``: there are some."""
    if line.name != AGENT_TOOL:
        return line.words
    if not _INTERNAL.search(line.words):
        return "" if heard else line.words
    told, always = next((told, always) for pattern, told, always in _OUTCOMES if pattern.search(line.words))
    reason = _REASON.search(line.words)
    if told == wording.FAILED and reason:
        told = wording.FAILED_BECAUSE.format(reason=reason[1])
    return told if always or not heard else ""


def _talk(context: Context, words: str) -> Reply:
    words = words.replace("\u2019", "'").strip()
    if context.message is None:
        return say(wording.HELLO)
    plain = re.sub(r"[,;:]", "", words)
    if wording.FILLER.match(words) or wording.SILENCE.search(plain) or wording.NOT_ADDRESSED.search(plain):
        return _silent(context)
    matter = wording.BEFORE.sub("", words)
    return (
        _answered_back(context, words)
        or _steered(context, words, matter)
        or _spoken_of_itself(context, words)
        or _small_talk(matter)
        or _small_talk(words)
        or _handed_over(context, words, matter)
        or _asked_back(context, words)
    )


def _answered_back(context: Context, words: str) -> Reply | None:
    """The answer to a question that was asked last, by the voice or for the agent."""
    asked = _last_said(context)
    guessed = _MEANT.search(asked)
    place = _WHICH_PLACE.search(asked)
    if (guessed or place) and wording.YES.match(words):
        return _hand_over(context, guessed[1] if guessed else f"what time is it in {place[1] if place else ''}")
    if guessed and wording.NO.match(words) and not errands.is_errand(words):
        return say(wording.SAY_AGAIN)
    length = errands.length_of_time(words)
    if length and _FOR_HOW_LONG.search(asked):
        return _hand_over(context, f"set a timer for {length}")
    if length and (found := _BY_HOW_MUCH.search(asked)):
        return _hand_over(context, f"{'add' if found[1] == 'longer' else 'take off'} {length}")
    if (found := _INTO_WHICH_UNIT.search(asked)) and len(words.split()) <= 3 and not wording.NO.match(words):
        unit = re.sub(r"^(?:in|into|to) ", "", words.strip(" .!?"), flags=re.IGNORECASE)
        return _hand_over(context, f"convert {found[1]} to {unit}")
    return None


def _steered(context: Context, words: str, matter: str) -> Reply | None:
    """While the agent works, what changes, asks for or ends the work is the agent's."""
    steering = _working(context) and (errands.steers(words) or errands.steers(matter))
    return _hand_over(context, words) if steering else None


def _spoken_of_itself(context: Context, words: str) -> Reply | None:
    """What can be answered from the talk itself."""
    if wording.WHAT_CAN_YOU_DO.search(words):
        return say(wording.ABILITIES if AGENT_TOOL in context.tools else wording.ABILITIES_ALONE)
    if wording.AGAIN.match(words.replace(",", "")):
        return say(_last_said(context) or wording.NOTHING_SAID)
    if wording.WHAT_DID_I_SAY.search(words):
        before = _heard(context)[1:2]
        return say(wording.YOU_SAID.format(words=before[0]) if before else wording.NOTHING_HEARD)
    if found := wording.MY_NAME.match(words):
        return say(wording.NICE_TO_MEET_YOU.format(name=found[1].title()))
    if wording.WHATS_MY_NAME.search(words):
        names = [found[1] for line in _heard(context) if (found := wording.MY_NAME.match(line))]
        return say(wording.YOUR_NAME.format(name=names[0].title())) if names else None
    if found := wording.SAY.match(words):
        return say(found[1].strip() or wording.WHAT_TO_SAY)
    return None


def _small_talk(words: str) -> Reply | None:
    plain = re.sub(r"[,;:]", "", words)
    return next((say(told) for pattern, told in wording.SMALL_TALK if pattern.match(plain)), None)


def _handed_over(context: Context, words: str, matter: str) -> Reply | None:
    return _hand_over(context, words) if errands.is_errand(words) or errands.is_errand(matter) else None


def _asked_back(context: Context, words: str) -> Reply:
    wish = errands.guess(words)
    if wish is not None and AGENT_TOOL in context.tools:
        return say(wording.DID_YOU_MEAN.format(wish=wish))
    if errands.has_numbers(words):
        return say(wording.NUMBERS_ONLY)
    again = _last_said(context) == wording.NOT_UNDERSTOOD
    return say(wording.STILL_NOT_UNDERSTOOD if again and AGENT_TOOL in context.tools else wording.NOT_UNDERSTOOD)


def _hand_over(context: Context, words: str) -> Reply:
    return ask_agent(words) if AGENT_TOOL in context.tools else say(wording.NO_AGENT)


def _silent(context: Context) -> Reply:
    return call(SILENT_TOOL, "{}") if SILENT_TOOL in context.tools else say(wording.ALL_RIGHT)


def _working(context: Context) -> bool:
    """True while a hand-off has no output: one that steers has its own at once."""
    kinds = [line.kind for line in context.lines if line.name == AGENT_TOOL]
    return kinds.count("call") > kinds.count("output")


def _last_said(context: Context) -> str:
    """The voice's own last words."""
    return next((line.words for line in reversed(context.lines) if line.kind == "assistant" and line.words), "")


def _heard(context: Context) -> list[str]:
    """What the person has said, the last first."""
    return [line.words for line in reversed(context.lines) if line.kind == "user" and not line.backend]
