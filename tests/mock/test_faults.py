"""Which frames a fault strikes and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.mock.faults import CloseWith, Cut, Deliver, Expire, Faults, FrameLine, HangUp, Pause, Step
from realtime.mock.refusal import Refused

DONE = '{"type": "response.done"}'
OTHER = '{"type": "response.created"}'


def struck(faults: Faults, *frames: str) -> list[bool]:
    return [bool(faults.strike("server", frame)) for frame in frames]


def steps(kind: str, frame: str = DONE, **args: Any) -> list[Step]:
    faults = Faults()
    faults.add({"fault": kind, "on": "server", "args": args})
    return FrameLine().steps(frame, faults.strike("server", frame))


def test_the_nth_frame_of_a_type_is_struck() -> None:
    faults = Faults()
    faults.add({"fault": "lose", "on": "server", "match": {"type": "response.done"}, "nth": 2})
    assert struck(faults, DONE, OTHER, DONE, DONE) == [False, False, True, False]


def test_without_a_match_any_frame_counts() -> None:
    faults = Faults()
    faults.add({"fault": "lose", "on": "server", "nth": 2, "times": 2})
    assert struck(faults, OTHER, DONE, "no JSON", OTHER) == [False, True, True, False]


def test_no_times_mean_always() -> None:
    faults = Faults()
    faults.add({"fault": "lose", "on": "server", "times": 0})
    assert struck(faults, OTHER, DONE, OTHER) == [True, True, True]


def test_directions_are_apart() -> None:
    faults = Faults()
    faults.add({"fault": "lose", "on": "client"})
    assert not faults.strike("server", DONE)
    assert faults.strike("client", DONE)


def test_the_table_can_be_read_and_cleared() -> None:
    faults = Faults()
    first = faults.add({"fault": "lose", "on": "server", "match": {"type": "response.done"}})
    faults.add({"fault": "refuse", "on": "upgrade", "args": {"status": 429, "retryAfter": 2}})
    faults.strike("server", DONE)
    assert [entry["matched"] for entry in faults.to_json()] == [1, 0]
    assert faults.remove(first.id)
    assert not faults.remove(first.id)
    faults.clear()
    assert faults.to_json() == []


@pytest.mark.parametrize(
    ("kind", "args", "expected"),
    [
        ("lose", {}, []),
        ("double", {}, [Deliver(DONE), Deliver(DONE)]),
        ("delay", {"seconds": 2}, [Pause(2), Deliver(DONE)]),
        ("delay", {}, [Pause(1.0), Deliver(DONE)]),
        ("stall", {}, [Pause(None), Deliver(DONE)]),
        ("drop", {}, [Cut("drop"), Deliver(DONE)]),
        ("rst", {}, [Cut("rst"), Deliver(DONE)]),
        ("half_open", {}, [Cut("half_open"), Deliver(DONE)]),
        ("close", {"code": 4000, "reason": "x"}, [CloseWith(4000, "x"), Deliver(DONE)]),
        ("expire", {}, [Expire(), Deliver(DONE)]),
        ("hang_up", {}, [HangUp(), Deliver(DONE)]),
        ("garbage", {"text": "{{"}, [Deliver("{{"), Deliver(DONE)]),
    ],
)
def test_what_becomes_of_a_frame(kind: str, args: dict[str, Any], expected: list[Step]) -> None:
    assert steps(kind, **args) == expected


def test_oversized_is_as_large_as_asked() -> None:
    first, second = steps("oversized", bytes=5000)
    assert isinstance(first, Deliver)
    assert len(first.text) > 5000
    assert second == Deliver(DONE)


def test_reorder_lets_the_next_frame_pass() -> None:
    faults = Faults()
    faults.add({"fault": "reorder", "on": "server", "match": {"type": "response.done"}})
    line = FrameLine()
    assert line.steps(DONE, faults.strike("server", DONE)) == []
    assert line.steps(OTHER, faults.strike("server", OTHER)) == [Deliver(OTHER), Deliver(DONE)]
    assert line.steps(OTHER, faults.strike("server", OTHER)) == [Deliver(OTHER)]


def test_reorder_swaps_neighbours_as_often_as_it_strikes() -> None:
    faults = Faults()
    faults.add({"fault": "reorder", "on": "server", "times": 0})
    line = FrameLine()
    frames = [f'{{"type": "{index}"}}' for index in range(4)]
    told = [line.steps(frame, faults.strike("server", frame)) for frame in frames]
    assert told == [[], [Deliver(frames[1]), Deliver(frames[0])], [], [Deliver(frames[3]), Deliver(frames[2])]]


def test_types_that_nobody_knows_may_be_struck() -> None:
    faults = Faults()
    for on in ("client", "server"):
        assert faults.add({"fault": "lose", "on": on, "match": {"type": "mock.unheard_of"}}).type == "mock.unheard_of"


@pytest.mark.parametrize(
    ("spec", "param"),
    [
        ({"on": "server"}, "fault"),
        ({"fault": "melt", "on": "server"}, "fault"),
        ({"fault": "lose", "on": "moon"}, "on"),
        ({"fault": "lose", "on": "upgrade"}, "fault"),
        ({"fault": "refuse", "on": "server"}, "fault"),
        ({"fault": "location", "on": "client"}, "fault"),
        ({"fault": "hang_up", "on": "upgrade"}, "fault"),
        ({"fault": "lose", "on": "server", "nth": 0}, "nth"),
        ({"fault": "lose", "on": "server", "match": {"colour": "red"}}, "match.colour"),
        ({"fault": "lose", "on": "server", "match": {"type": "response.create"}}, "match.type"),
        ({"fault": "lose", "on": "client", "match": {"type": "response.created"}}, "match.type"),
        ({"fault": "refuse", "on": "upgrade", "match": {"type": "session.created"}}, "match.type"),
        ({"fault": "location", "on": "upgrade", "match": {"type": "session"}}, "match.type"),
        ({"fault": "close", "on": "server", "args": {"code": 7}}, "args.code"),
        ({"fault": "close", "on": "server", "args": {"when": 7}}, "args.when"),
    ],
)
def test_a_wrong_fault_is_refused(spec: dict[str, Any], param: str) -> None:
    with pytest.raises(Refused) as caught:
        Faults().add(spec)
    assert caught.value.param == param
