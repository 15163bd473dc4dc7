"""The upstream is lost at any point of a talk: the talk goes on, and the thread tells the same.

The same but for what was being said: an answer that was cut off stands in the thread as interrupted, with a part of
its words, and is given again behind it, or goes on with the function call that was to follow those words; a sentence
that was cut off stands there as interrupted or failed, and is said again by the person. Nothing else may differ,
neither order nor words.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from realtime.mock.server import MockServer
from tests.gateway import journal
from tests.gateway.journal import Log
from tests.gateway.scripted_talk import Item, Talk, talking

WAYS: Sequence[dict[str, Any]] = (
    {"fault": "rst"},
    {"fault": "close", "args": {"code": 1011}},
    {"fault": "drop"},
    {"fault": "close", "args": {"code": 1001}},
)
AT_ONCE = 9
"""Talks side by side in one test."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The ``nth`` frame of a type; ``on`` is who sends it."""

    on: str
    type: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.type}#{self.nth}"

    def fault(self, way: dict[str, Any]) -> dict[str, Any]:
        """The connection ends when the frame is about to be delivered."""
        return {**way, "on": self.on, "match": {"type": self.type}, "nth": self.nth}


def _frames(on: str, kind: str, *nths: int) -> list[Frame]:
    return [Frame(on, kind, nth) for nth in nths]


INPUT = "conversation.item.input_audio_transcription"
POINTS = [
    *_frames("client", "session.update", 1),
    *_frames("server", "session.created", 1),
    *_frames("server", "session.updated", 1),
    # typed words and their answer
    *_frames("client", "conversation.item.create", *range(1, 12)),
    *_frames("client", "response.create", 1, 2, 3, 4, 6, 7),
    *_frames("server", "response.created", 1, 3),
    *_frames("server", "response.output_item.added", 1, 2),
    *_frames("server", "response.output_audio_transcript.delta", 30),
    *_frames("server", "response.output_audio.delta", 1, 4, 20, 44, 160),
    *_frames("server", "response.output_audio.done", 1),
    *_frames("server", "conversation.item.done", 2, 4),
    *_frames("server", "response.done", 1, 2, 3, 4, 5, 6),
    # spoken words
    *_frames("client", "input_audio_buffer.append", 2, 6, 11),
    *_frames("server", "input_audio_buffer.speech_started", 1),
    *_frames("server", "input_audio_buffer.speech_stopped", 1),
    *_frames("server", "input_audio_buffer.committed", 1),
    *_frames("server", f"{INPUT}.delta", 3),
    *_frames("server", f"{INPUT}.completed", 1),
    # function calls
    *_frames("server", "response.function_call_arguments.delta", 1, 4, 6),
    *_frames("server", "response.function_call_arguments.done", 1, 2, 3, 4),
    *_frames("server", "response.output_item.done", 2, 4),
]
BATCHES = [POINTS[start : start + AT_ONCE] for start in range(0, len(POINTS), AT_ONCE)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a talk."""

    items: list[Item]
    log: Log
    methods: list[str]
    stuck: bool

    @property
    def drops(self) -> int:
        """How many times the gateway lost its upstream and had another."""
        return self.methods.count("thread/realtime/resumed")


@pytest.fixture(scope="module")
def uncut(tmp_path_factory: pytest.TempPathFactory, canary_key: str) -> Outcome:
    """The talk without a cut."""
    return asyncio.run(_held(tmp_path_factory.mktemp("uncut"), canary_key))


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: f"from {batch[0]}")
async def test_a_cut_changes_nothing_but_what_was_being_said(
    batch: list[Frame], tmp_path: Path, canary_key: str, uncut: Outcome
) -> None:
    ways = itertools.islice(itertools.cycle(WAYS), POINTS.index(batch[0]), None)
    found: list[str] = []
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for number, (point, way) in enumerate(zip(batch, ways, strict=False)):
            folder = tmp_path / str(number)
            folder.mkdir()
            # entered one after another: migrations of several stores at once are not for one process
            entered = await stack.enter_async_context(talking(folder, canary_key))
            group.create_task(_judged(entered, uncut, point, way, found))
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way['fault']}{way.get('args', {}).get('code', '')}")
async def test_a_cut_at_rest_with_a_hand_off_open_is_not_noticed(
    way: dict[str, Any], tmp_path: Path, canary_key: str, uncut: Outcome
) -> None:
    outcome = await _held(tmp_path, canary_key, Frame("server", "rest").fault(way), at_rest=True)
    assert _differences(uncut, outcome) == []
    assert [item["status"] for item in outcome.items] == [item["status"] for item in uncut.items]


@pytest.mark.parametrize(
    "point", [Frame("client", "response.create", 3), Frame("server", "response.output_audio.delta", 20)]
)
async def test_a_cut_while_the_new_upstream_is_told_the_history(
    point: Frame, tmp_path: Path, canary_key: str, uncut: Outcome
) -> None:
    second = {"fault": "rst", "on": "client", "match": {"type": "conversation.item.create"}, "nth": 3}
    outcome = await _held(tmp_path, canary_key, point.fault(WAYS[0]), after_reconnecting=[second])
    assert _differences(uncut, outcome, 2) == []


async def test_two_cuts_in_a_row(tmp_path: Path, canary_key: str, uncut: Outcome) -> None:
    first = Frame("server", "response.output_audio.delta", 20).fault(WAYS[0])
    again = {"fault": "close", "on": "client", "match": {"type": "session.update"}, "nth": 2, "args": {"code": 1011}}
    outcome = await _held(tmp_path, canary_key, first, again)
    assert _differences(uncut, outcome, 2) == []


def test_there_are_fifty_points() -> None:
    assert len(set(POINTS)) == len(POINTS) >= 50


# -- holding a talk ------------------------------------------------------------------------------------


async def _judged(
    entered: tuple[Talk, MockServer], uncut: Outcome, point: Frame, way: dict[str, Any], found: list[str]
) -> None:
    """Add what is wrong after a cut at this point."""
    outcome = await _outcome(*entered, [point.fault(way)])
    found += [f"{point} by {way['fault']}: {words}" for words in _differences(uncut, outcome, cut=point)]


async def _held(folder: Path, key: str, *faults: dict[str, Any], **meddling: Any) -> Outcome:
    async with talking(folder, key) as (talk, server):
        return await _outcome(talk, server, faults, **meddling)


async def _outcome(
    talk: Talk,
    server: MockServer,
    faults: Sequence[dict[str, Any]],
    *,
    after_reconnecting: Sequence[dict[str, Any]] = (),
    at_rest: bool = False,
) -> Outcome:
    """Hold the talk with these faults, and some that are added while the connection is sought or nothing goes on."""
    for fault in faults:
        server.mock.faults.add(fault)
    stuck = False
    async with asyncio.TaskGroup() as group:
        meddler = group.create_task(_meddle(talk, server, after_reconnecting))
        try:
            await talk.hold(at_rest=(lambda: _push(server)) if at_rest else None)
        except TimeoutError:
            stuck = True
        meddler.cancel()
    methods = [told.method for told in talk.client.notifications]
    return Outcome(await talk.items(), journal.read(talk.log_file), methods, stuck)


async def _meddle(talk: Talk, server: MockServer, faults: Sequence[dict[str, Any]]) -> None:
    if faults:
        await talk.client.until("thread/realtime/reconnecting", within_s=60)
    for fault in faults:
        server.mock.faults.add(fault)


def _push(server: MockServer) -> None:
    """A frame for the fault to strike at."""
    (connection,) = server.mock.connections.values()
    connection.push({"type": "rest"})


# -- judging it ------------------------------------------------------------------------------------------


def _differences(uncut: Outcome, outcome: Outcome, drops: int = 1, *, cut: Frame | None = None) -> list[str]:
    """Everything that is not as it should be, in words."""
    found = ["the talk got stuck"] if outcome.stuck else []
    found += [*_in_the_thread(uncut.items, outcome.items, drops), *_in_the_answers(outcome.log, cut)]
    if outcome.drops != drops:
        found.append(f"resumed {outcome.drops} times")
    if outcome.methods.count("thread/realtime/closed") != 1 or "thread/realtime/error" in outcome.methods:
        found.append("closed or error was told")
    found += [f"the upstream complained: {line.event['error']['message']}" for line in outcome.log.told("error")]
    return found


def _in_the_thread(uncut: list[Item], items: list[Item], drops: int) -> list[str]:
    cut_off = [item for item in items if item["type"] == "userMessage" and item["status"] != "completed"]
    cut_off += [item for item in items if item["type"] == "assistantMessage" and item["status"] == "interrupted"]
    found = [f"{item['status']}: {item['text']!r}" for item in cut_off] if len(cut_off) > drops else []
    kept = [item for item in items if item not in cut_off or _goes_on(item, items)]
    repeated = {items[index + 1]["id"] for index in range(len(items) - 1) if items[index] in cut_off}
    for index, (wanted, item) in enumerate(itertools.zip_longest(uncut, kept)):
        if _shown(item) != _shown(wanted) and not (
            _is_repetition(item, wanted, repeated) or (item in cut_off and _is_beginning(item, wanted))
        ):
            found.append(f"at {index}: {_shown(item)} instead of {_shown(wanted)}")
    return found


def _goes_on(item: Item, items: list[Item]) -> bool:
    """An answer that was cut off between its words and its function call: the call alone is made up for."""
    behind = items[items.index(item) + 1 :]
    return bool(item["text"]) and item["type"] == "assistantMessage" and bool(behind) and behind[0]["type"] == "handoff"


def _is_beginning(item: Item | None, wanted: Item | None) -> bool:
    if item is None or wanted is None or item["type"] != wanted["type"]:
        return False
    return bool(wanted["text"].startswith(item["text"]))


def _is_repetition(item: Item | None, wanted: Item | None, repeated: set[str]) -> bool:
    """An answer that was begun before: it may leave out what was said already."""
    if item is None or wanted is None:
        return False
    said = item["id"] in repeated and bool(item["text"]) and item["text"] in wanted["text"]
    return said and (item["type"], item["status"]) == (wanted["type"], wanted["status"])


def _shown(item: Item | None) -> tuple[str, ...] | None:
    return None if item is None else (item["type"], item.get("role") or "", item["text"], item["status"])


def _in_the_answers(log: Log, cut: Frame | None) -> list[str]:
    """Each function call that the gateway was told of is answered once; later sessions hear the same answer again."""
    outputs = [line for line in log.sent("conversation.item.create") if line.item["type"] == "function_call_output"]
    answers: dict[str, set[tuple[str, str]]] = {call_id: set() for call_id in _calls_told(log, cut)}
    for line in outputs:
        answers.setdefault(line.item["call_id"], set()).add((line.item["id"], line.item["output"]))
    found = [f"{call_id} has {len(each)} answers" for call_id, each in answers.items() if len(each) != 1]
    counts = Counter((line.conn, line.item["call_id"]) for line in outputs)
    found += [f"{call_id} has {count} answers in {conn}" for (conn, call_id), count in counts.items() if count > 1]
    return found


def _calls_told(log: Log, cut: Frame | None) -> list[str]:
    """The calls in the log, save one at whose end the connection was cut: it is noted, but did not arrive."""
    struck = log.told(cut.type)[cut.nth - 1] if cut is not None and cut.on == "server" else None
    told = [line for line in log.told("conversation.item.done") if line.item["type"] == "function_call"]
    return [line.item["call_id"] for line in told if line is not struck]
