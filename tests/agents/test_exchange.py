from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.agents.agent import AgentMessage
from realtime.agents.exchange import TURN_METADATA, history, newest, to_json, turn_metadata
from realtime.protocol.appserver import Record, Turn
from realtime.protocol.ids import Seq, ThreadId, TurnId
from realtime.settings import LimitsSettings

WIDE = LimitsSettings()


def record(turn: Any) -> Record:
    return Record(Seq(1), "turn/completed", "turn", {"turn": turn})


messages = st.builds(AgentMessage, st.sampled_from(["user", "assistant"]), st.text(max_size=50))


@settings(deadline=None)
@given(st.lists(messages, max_size=20))
def test_an_exchange_survives_its_record(exchange: list[AgentMessage]) -> None:
    assert history([record({"messages": to_json(exchange)})], WIDE) == exchange


@settings(deadline=None)
@given(st.lists(messages, max_size=20), st.integers(1, 10), st.integers(1, 200))
def test_the_newest_that_fit(exchange: list[AgentMessage], items: int, chars: int) -> None:
    kept = newest(exchange, LimitsSettings(history_items=items, history_chars=chars))
    assert kept == exchange[len(exchange) - len(kept) :]
    assert len(kept) <= items
    assert sum(len(message.text) for message in kept) <= chars
    rest = exchange[: len(exchange) - len(kept)]
    if rest and len(kept) < items:
        assert sum(len(message.text) for message in [rest[-1], *kept]) > chars, "one more would not have fitted"


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        ({"input": [{"type": "text", "text": "cut off"}]}, [AgentMessage("user", "cut off")]),
        ({"messages": [{"role": "system", "text": "x"}, {"role": "user"}, 5, {"role": "user", "text": 5}]}, []),
        ({"messages": "odd", "input": [7]}, []),
        ({"input": 7}, []),
        ({}, []),
        (None, []),
        ([], []),
    ],
)
def test_records_of_another_hand(turn: Any, expected: list[AgentMessage]) -> None:
    assert history([record(turn)], WIDE) == expected


def test_metadata_is_merged_under_what_is_reserved() -> None:
    turn = Turn(TurnId("t-1"), ThreadId("th-1"), "inProgress")
    client = {"a": "b", "session_id": "x", "turn_id": "y", "thread_source": "z"}
    merged = turn_metadata(client, turn)
    assert list(merged) == [TURN_METADATA]
    expected = {"a": "b", "session_id": "th-1", "turn_id": "t-1", "thread_source": "user"}
    assert json.loads(merged[TURN_METADATA]) == expected
