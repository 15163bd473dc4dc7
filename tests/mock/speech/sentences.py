"""The ten sentences by which recognition is judged, and how many words of them are wrong."""

from __future__ import annotations

from collections.abc import Sequence

INSIDE = (
    "ask the agent what seventeen times twenty three is",
    "set a timer for five minutes",
)
"""Phrases of the demonstration's grammar."""
OUTSIDE = (
    "good morning my name is anna and i live near the river",
    "i would like to know how the weather is in the mountains",
    "the train to the city leaves in about an hour",
    "please tell me something about the history of this town",
    "my brother bought a new house last summer",
    "could you explain how the engine works",
    "i think we should take a break and drink some coffee",
    "there is a letter for you on the kitchen table",
)
"""What the grammar does not know."""
VOICES = ("slt", "rms")


def wrong_words(said: str, heard: str) -> int:
    """Words that must be put in, taken out or changed to make the one of the other."""
    ours, theirs = said.split(), heard.split()
    row = list(range(len(theirs) + 1))
    for number, word in enumerate(ours, start=1):
        above, row = row, [number]
        for at, other in enumerate(theirs, start=1):
            row.append(min(above[at] + 1, row[at - 1] + 1, above[at - 1] + (word != other)))
    return row[-1]


def error_rate(pairs: Sequence[tuple[str, str]]) -> float:
    """Of (said, heard) pairs: wrong words for each word said."""
    return sum(wrong_words(said, heard) for said, heard in pairs) / sum(len(said.split()) for said, _ in pairs)
