"""Remember, recall and forget within the thread: notes in the person's words, told back from the other side."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from realtime.agents.agent import Memory

MAX_NOTES: Final = 200

_REMEMBER: Final = re.compile(
    r"^(?:remember(?:ed|s)?|note(?: down)?|keep in mind|don't forget|do not forget|write down|make a note"
    r"|memori[sz]e|save)"
    r"(?: for me)?(?: (?:that|this|of))?[:,]? (.+)$",
    re.IGNORECASE,
)
_FORGET: Final = re.compile(r"^(?:please )?(?:forget|delete|erase)(?: about)? (.+)$", re.IGNORECASE)
_ALL: Final = re.compile(
    r"^(?:what (?:do|did|can) you (?:remember|recall|know)|what (?:did|have) i (?:ask(?:ed)?|told|tell) you to remember"
    r"|what (?:have|did) you (?:remember(?:ed)?|note(?:d)?(?: down)?)"
    r"|(?:list|read|show)(?: me)?(?: all)? (?:my|your|the) notes|what are my notes|recall everything)"
    r"(?: (?:about|of) (?P<about>.+?))?(?: so far| for me)?$",
    re.IGNORECASE,
)
_ABOUT: Final = re.compile(
    r"^(?:do you (?:remember|recall|know)|recall|what (?:did i say|did i tell you|was it) about"
    r"|(?:where|what|when|who|which|how|whose|what's|where's|who's|when's)\b)(.*)$",
    re.IGNORECASE,
)
_THE_LAST: Final = re.compile(r"(?:it|that|this|the last (?:one|note))(?: again)?", re.IGNORECASE)
_OWN: Final = re.compile(r"\b(?:my|our|mine|am i|do i|did i|i'm)\b", re.IGNORECASE)
_SUBJECT: Final = re.compile(
    r"^(.+?) (?:is|are|was|were|has|have|equals|will be|lives?|works?|costs?|starts?|ends?) ", re.IGNORECASE
)
_MINE: Final = re.compile(r"\b(?:my|our) (\w+)", re.IGNORECASE)
_WORD: Final = re.compile(r"[a-z0-9]+")
_SMALL_WORD: Final = re.compile(
    r"an?|the|is|are|was|were|be|been|am|do|does|did|has|have|had|my|your|our|their|his|her|its|i|me|you|we|it|that"
    r"|this|to|of|in|on|at|for|with|about|and|or|what|where|when|who|whose|which|how|much|many|s|remember|recall|know"
    r"|tell|again|still|there|name|called|time|day|date"
)
_OTHER_SIDE: Final = {
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "i'm": "you are",
    "i've": "you have",
    "i'll": "you will",
    "i'd": "you would",
    "we": "you",
    "our": "your",
    "us": "you",
}


async def answer(wish: str, memory: Memory) -> str | None:
    """Do what the wish (in its own spelling) asks of the memory; None when it asks nothing of it."""
    if match := _ALL.match(wish):
        return _listed(await _notes(memory), match["about"])
    if match := _REMEMBER.match(wish):
        return await _remember(match[1].strip(), memory)
    if match := _FORGET.match(wish):
        return await _forget(match[1], memory)
    return None


def is_own(question: str) -> bool:
    """True for a question about something of the person's own."""
    return bool(_ABOUT.match(question) and _OWN.search(question))


async def find(question: str, memory: Memory) -> str | None:
    """The notes that answer a question; None when none does."""
    match = _ABOUT.match(question)
    return _found(await _notes(memory), match[1]) if match else None


async def look_up(question: str, memory: Memory) -> str | None:
    """As ``find``; where the question is about something of the person's own, that nothing is known of it."""
    return await find(question, memory) or ("You have not told me that." if is_own(question) else None)


async def _remember(text: str, memory: Memory) -> str:
    key = _key(text)
    kept = await memory.recall()
    if key not in kept and len(kept) >= MAX_NOTES:
        return "My memory for this conversation is full."
    await memory.remember(key, text)
    return f"I will remember: {told_back(text)}."


async def _forget(text: str, memory: Memory) -> str:
    """What is forgotten is kept as an empty note: a memory has no way to remove."""
    notes = await _notes(memory)
    if notes and _THE_LAST.fullmatch(text):
        key, note = list(notes.items())[-1]
        await memory.remember(key, "")
        return f"I have forgotten: {told_back(note)}."
    everything = text.lower().split()[-1] in ("everything", "all", "notes")
    gone = list(notes) if everything else [key for key, note in notes.items() if _fits(text, note)]
    for key in gone:
        await memory.remember(key, "")
    if not gone:
        return "I have no such note."
    return "I have forgotten everything." if everything else f"I have forgotten {told_back(text)}."


async def _notes(memory: Memory) -> dict[str, str]:
    return {key: note for key, note in (await memory.recall()).items() if note}


def _listed(notes: Mapping[str, str], about: str | None) -> str:
    wanted = [note for note in notes.values() if about is None or _fits(about, note)]
    if not wanted:
        return "I remember nothing yet." if about is None else f"I remember nothing about {told_back(about)}."
    return f"I remember: {'; '.join(told_back(note) for note in wanted)}."


def _found(notes: Mapping[str, str], question: str) -> str | None:
    wanted = [note for note in notes.values() if _fits(question, note)]
    if not wanted and (mine := " ".join(_MINE.findall(question))):  # "where did I park my car" asks for the car
        wanted = [note for note in notes.values() if _fits(mine, note)]
    return " ".join(f"{_capital(told_back(note))}." for note in wanted) or None


def _fits(question: str, note: str) -> bool:
    """True when the note has every word of weight that the question has."""
    words = _weighty(question)
    return bool(words) and words <= _weighty(note)


def _weighty(text: str) -> set[str]:
    words = _WORD.findall(text.lower().replace("'s", ""))
    return {word.removesuffix("s") if len(word) > 3 else word for word in words if not _SMALL_WORD.fullmatch(word)}


def _key(text: str) -> str:
    """What the note is about, so that a newer note about the same replaces it."""
    match = _SUBJECT.match(text)
    return (match[1] if match else text).lower()


def told_back(text: str) -> str:
    """The person's words from the other side: "my desk" is "your desk"."""
    words = [_OTHER_SIDE.get(word.lower(), word) for word in text.strip(" .").split()]
    told = " ".join(words)
    return re.sub(r"\byou am\b", "you are", re.sub(r"\byou was\b", "you were", told))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
