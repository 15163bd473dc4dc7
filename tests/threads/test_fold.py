"""Folding finds the spoken order and the latest state, whatever the order in which things were recorded."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from realtime.protocol.appserver import Record
from realtime.protocol.ids import Seq
from realtime.threads.fold import FoldedThread, fold

Entry = tuple[str, str | None]
"""An item's id and the one it names as the previous."""


def records(*entries: Entry, method: str = "item/completed") -> list[Record]:
    return [
        item_record(seq, method, {"id": key, "text": key, **({"previousItemId": previous} if previous else {})})
        for seq, (key, previous) in enumerate(entries, 1)
    ]


def item_record(seq: int, method: str, item: dict[str, object]) -> Record:
    return Record(Seq(seq), method, str(item["id"]), {"threadId": "t", "seq": seq, "item": item})


def order(folded: FoldedThread) -> list[str]:
    return [item["id"] for item in folded.items]


@pytest.mark.parametrize(
    ("entries", "spoken"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param([("a", None), ("b", None)], "a b", id="as recorded"),
        pytest.param([("b", "a"), ("a", None)], "a b", id="an answer before its question"),
        pytest.param([("c", "b"), ("b", "a"), ("a", None)], "a b c", id="a chain backwards"),
        pytest.param([("a", None), ("b", "a"), ("late", "a")], "a late b", id="a late line before what followed"),
        pytest.param([("a", None), ("c", "b"), ("x", None), ("b", "a")], "a b c x", id="what waited for a late line"),
        pytest.param([("a", None), ("h", None), ("b", "a")], "a h b", id="a hand-off keeps its place"),
        pytest.param([("a", None), ("h", None), ("i", None), ("b", "a"), ("c", "b")], "a h i b c", id="so do two"),
        pytest.param(
            [("a", None), ("typed", None), ("b", "a"), ("c", "typed")], "a b typed c", id="a line that was answered"
        ),
        pytest.param([("a", "gone"), ("b", "never"), ("c", "a")], "a b c", id="unknown ids are as good as none"),
        pytest.param([("a", "a"), ("b", "a")], "a b", id="itself"),
        pytest.param([("a", "b"), ("b", "a"), ("c", None)], "b a c", id="a circle of two"),
        pytest.param([("a", "c"), ("b", "a"), ("c", "b"), ("d", "c")], "b c d a", id="a circle of three"),
    ],
)
def test_spoken_order(entries: list[Entry], spoken: str) -> None:
    assert order(fold(records(*entries))) == spoken.split()


def test_the_placeholder_keeps_the_place_and_the_end_fills_it() -> None:
    folded = fold(
        [
            item_record(1, "item/started", {"id": "u", "status": "inProgress", "createdAt": 5}),
            item_record(2, "item/completed", {"id": "a", "text": "answer", "createdAt": 6}),
            item_record(3, "item/completed", {"id": "u", "text": "question", "status": "completed", "createdAt": 9}),
        ]
    )
    assert order(folded) == ["u", "a"]
    assert folded.items[0] == {"id": "u", "text": "question", "status": "completed", "createdAt": 5}


def test_the_last_word_on_an_item_counts() -> None:
    started = {"id": "a", "status": "inProgress", "previousItemId": "u", "createdAt": 1}
    completed = {"id": "a", "status": "failed", "error": "lost", "createdAt": 1}
    corrected = {"id": "a", "status": "interrupted", "previousItemId": "v", "createdAt": 1, "heardMs": 3}
    changes = [started, completed, corrected]
    folded = [fold([item_record(seq, "item/any", item) for seq, item in enumerate(changes[:n], 1)]) for n in (1, 2, 3)]
    assert folded[0].items == [started]
    assert folded[1].items == [{**completed, "previousItemId": "u"}]
    assert folded[2].items == [corrected]


def test_turns_stand_in_order_of_their_start_in_their_latest_state() -> None:
    def turn(seq: int, key: str, status: str) -> Record:
        return Record(Seq(seq), "turn/any", key, {"seq": seq, "turn": {"id": key, "status": status}})

    folded = fold([turn(1, "t1", "inProgress"), turn(2, "t2", "inProgress"), turn(3, "t1", "completed")])
    assert folded.turns == [{"id": "t1", "status": "completed"}, {"id": "t2", "status": "inProgress"}]
    assert folded.items == []


ids = st.sampled_from("abcdefgh")
anything = st.lists(st.tuples(ids, st.one_of(st.none(), ids, st.just("unknown"))), max_size=25)


@given(anything)
def test_every_item_comes_once_whatever_they_name(entries: list[Entry]) -> None:
    folded = fold(records(*entries))
    assert sorted(order(folded)) == sorted({key for key, _ in entries})


@given(anything)
def test_what_is_folded_stays_as_it_is(entries: list[Entry]) -> None:
    named = [previous for previous in dict(entries).values() if previous is not None]
    assume(len(named) == len(set(named)) and _is_a_forest(dict(entries)))
    folded = fold(records(*dict(entries).items()))
    again = fold([item_record(seq, "item/completed", item) for seq, item in enumerate(folded.items, 1)])
    assert again == folded


@given(st.integers(1, 40), st.randoms(use_true_random=False))
def test_a_chain_is_found_in_any_order_of_records(length: int, chance: random.Random) -> None:
    chain = chain_of(length)
    shuffled = chain[:]
    chance.shuffle(shuffled)
    assert order(fold(records(*shuffled))) == [key for key, _ in chain]


@given(st.lists(st.booleans(), max_size=20), st.randoms(use_true_random=False))
def test_repeated_and_partial_records_do_not_move_an_item(with_previous: list[bool], chance: random.Random) -> None:
    lines: list[Record] = []
    for number, named in enumerate(with_previous):
        item: dict[str, object] = {"id": f"i{number}"}
        if named and number:
            item["previousItemId"] = f"i{number - 1}"
        lines.append(item_record(0, "item/started", item))
    repeats = [item_record(0, "item/completed", {"id": record.key}) for record in lines]
    chance.shuffle(repeats)
    assert order(fold([*lines, *repeats])) == [record.key for record in lines]


def test_ten_thousand_items_are_folded_in_a_moment() -> None:
    lines = records(*reversed(chain_of(10_000)))
    begin = time.process_time()
    assert len(fold(lines).items) == 10_000
    assert time.process_time() - begin < 2, "its cost does not grow with the square of the items"


def chain_of(length: int) -> list[Entry]:
    return [("i0", None), *((f"i{n}", f"i{n - 1}") for n in range(1, length))]


def _is_a_forest(previous: dict[str, str | None]) -> bool:
    for key in previous:
        seen: set[str] = set()
        step: str | None = key
        while step is not None and step in previous:
            if step in seen:
                return False
            seen.add(step)
            step = previous[step]
    return True
