"""A thread as text, JSON lines and WebVTT."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import InvalidRequest
from realtime.protocol import json
from realtime.protocol.appserver import Item
from realtime.protocol.ids import ItemId
from realtime.protocol.json import JsonObject
from realtime.threads.export import export
from realtime.threads.fold import FoldedThread

TALK = FoldedThread(
    [
        Item(
            ItemId("u1"), "userMessage", "what is the weather?", role="user", audio_ms=1_500, created_at=10_000
        ).to_json(),
        Item(
            ItemId("a1"),
            "assistantMessage",
            "It rains in Paris today",
            "interrupted",
            audio_ms=2_000,
            heard_ms=800,
            created_at=12_000,
        ).to_json(),
        Item(
            ItemId("u2"), "userMessage", "", "failed", role="user", error="no speech was recognised", created_at=13_500
        ).to_json(),
        Item(ItemId("h1"), "handoff", "look at the radar", output="clear by noon", created_at=14_000).to_json(),
        Item(ItemId("h2"), "handoff", "and tomorrow", "failed", error="no answer", created_at=15_000).to_json(),
        Item(ItemId("h3"), "handoff", "and later", "inProgress", created_at=16_000).to_json(),
        Item(ItemId("d1"), "userMessage", "be brief", role="developer", created_at=17_000).to_json(),
        Item(ItemId("a2"), "assistantMessage", "", "inProgress", created_at=3_661_000).to_json(),
    ],
    [],
)


def test_text_has_a_line_for_each_item() -> None:
    assert export(TALK, "text").splitlines() == [
        "user: what is the weather?",
        "assistant [interrupted]: It rains [not heard: in Paris today]",
        "user [failed]: (no speech was recognised)",
        "agent (handoff): look at the radar → clear by noon",
        "agent (handoff) [failed]: and tomorrow → no answer",
        "agent (handoff) [inProgress]: and later",
        "developer: be brief",
        "assistant [inProgress]:",
    ]


@pytest.mark.parametrize(
    ("heard_ms", "audio_ms", "line"),
    [
        (0, 1_000, "assistant [interrupted]: [not heard: one two three four]"),
        (1_000, 1_000, "assistant [interrupted]: one two three four"),
        (None, 1_000, "assistant [interrupted]: one two three four"),
        (500, None, "assistant [interrupted]: one two three four"),
        (740, 1_000, "assistant [interrupted]: one two three [not heard: four]"),
    ],
)
def test_the_unheard_end_of_an_answer_is_marked(heard_ms: int | None, audio_ms: int | None, line: str) -> None:
    item = Item(
        ItemId("a"), "assistantMessage", "one two three four", "interrupted", heard_ms=heard_ms, audio_ms=audio_ms
    )
    assert export(FoldedThread([item.to_json()], []), "text") == f"{line}\n"


def test_a_transcription_that_failed_without_a_word_is_seen() -> None:
    item = Item(ItemId("u"), "userMessage", status="failed").to_json()
    assert export(FoldedThread([item], []), "text") == "user [failed]: (no transcript)\n"
    assert "(no transcript)" in export(FoldedThread([item], []), "vtt")


def test_json_lines_are_the_items() -> None:
    lines = export(TALK, "jsonl").split("\n")
    assert lines.pop() == ""
    assert [json.decode_object(line) for line in lines] == TALK.items


def test_subtitles() -> None:
    head, *cues, end = export(TALK, "vtt").split("\n\n")
    assert (head, end) == ("WEBVTT", "")
    assert cues == [
        "00:00:00.000 --> 00:00:01.500\n<v User>what is the weather?",
        "00:00:02.000 --> 00:00:02.800\n<v Assistant>It rains in Paris today",
        "00:00:03.500 --> 00:00:05.060\n<v User>(no speech was recognised)",
        "00:00:04.000 --> 00:00:04.780\n<v Agent>clear by noon",
        "00:00:05.000 --> 00:00:05.540\n<v Agent>no answer",
        "00:00:07.000 --> 00:00:07.500\n<v Developer>be brief",
    ]


def test_an_empty_thread_exports_to_nothing() -> None:
    empty = FoldedThread([], [])
    assert export(empty, "text") == export(empty, "jsonl") == ""
    assert export(empty, "vtt") == "WEBVTT\n\n"


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        export(TALK, "pdf")
    assert refused.value.field == "format"


CUE = re.compile(r"(\d\d+):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d\d+):([0-5]\d):([0-5]\d)\.(\d{3})\n<v \w+>([^\n\r<>]*)")

wild = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["a --> b", "<c.red>x</c>", "&amp;", "one\n\ntwo", "\r", "NOTE x", "\x1b[31mred", "WEBVTT\n\n00:00 --> 00:01\nx"]
)
times = st.integers(0, 10**10)
items = st.builds(
    lambda kind, text, status, created, audio: Item(
        ItemId("i"), kind, text, status, output=text, audio_ms=audio, heard_ms=audio, created_at=created
    ).to_json(),
    st.sampled_from(["userMessage", "assistantMessage", "handoff", "session"]),
    wild,
    st.sampled_from(["inProgress", "completed", "interrupted", "failed"]),
    times,
    st.none() | st.integers(0, 10**7),
)


@given(st.lists(items, max_size=6))
def test_subtitles_are_well_formed_whatever_was_said(said: list[JsonObject]) -> None:
    head, *cues, end = export(FoldedThread(said, []), "vtt").split("\n\n")
    assert (head, end) == ("WEBVTT", "")
    last = 0
    for cue in cues:
        match = CUE.fullmatch(cue)
        assert match is not None, cue
        start, stop = (_ms(*map(int, match.groups()[at : at + 4])) for at in (0, 4))
        assert last <= start < stop
        last = start


@given(st.lists(items, max_size=6))
def test_text_is_one_line_an_item_and_commands_no_terminal(said: list[JsonObject]) -> None:
    text = export(FoldedThread(said, []), "text")
    assert len(text.splitlines()) == sum(item["type"] != "session" for item in said)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("one \n two", "one two"),
        ("one\r\n\n \t\u2028two", "one two"),
        (" one  two ", " one  two"),
        ("\none", " one"),
    ],
)
def test_line_breaks_become_one_space(said: str, line: str) -> None:
    item = Item(ItemId("u"), "userMessage", said, role="user").to_json()
    assert export(FoldedThread([item], []), "text") == f"user: {line}\n"


@pytest.mark.parametrize("form", ["text", "vtt"])
def test_a_long_run_of_spaces_holds_nobody_up(form: str) -> None:
    """It runs on the loop of every call; a pattern that goes back over the run took hours for this text."""
    item = Item(ItemId("u"), "userMessage", " " * 1_000_000 + "x", role="user").to_json()
    assert "x\n" in export(FoldedThread([item], []), form)


@given(st.lists(items, max_size=6))
def test_json_lines_say_all(said: list[JsonObject]) -> None:
    lines = export(FoldedThread(said, []), "jsonl").split("\n")[:-1]
    assert [json.decode_object(line) for line in lines] == said


def _ms(hours: int, minutes: int, seconds: int, ms: int) -> int:
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
