"""Whatever a client sends is answered by events of the documented shape and order, never by an exception."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.mock.host import serve_link
from realtime.mock.ids import Ids
from realtime.mock.magic import DefaultScript
from realtime.mock.model import ModelSettings
from tests.mock.talk import Talk, base64_of, function, server, silence, tone
from transports.errors import LinkClosed
from transports.link import memory_pair

SOUND = [base64_of(tone(150)), base64_of(silence(700)), base64_of(tone(5)), "?", "AAA="]
MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "please call f with {}"}]}
COUNT = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "please count to twenty slowly"}],
}
ECHO = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": 'please call echo with {"text": "x"}'}],
}
SERVERS = [server("asks", allowed_tools=["echo"]), server("unreachable"), server("docs", require_approval="never")]
CALLED = [server("docs", require_approval="never")]
WIRE_SEED = 7
REQUESTS = [Ids(seed).new("mcpr") for seed in ("talk", f"{WIRE_SEED}/1")]
"""The first that either session will make: a client cannot know more of it."""
APPROVALS: list[dict[str, Any]] = [
    {"type": "mcp_approval_response", "approval_request_id": request, "approve": approve}
    for request in (*REQUESTS, "")
    for approve in (True, False)
]
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=2)
)
SOUND_MEMBERS: list[dict[str, Any]] = [{"audio": audio} for audio in SOUND]


def event(kind: str, *members: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from([{"type": kind, **each} for each in members or ({},)])


def session(**values: Any) -> dict[str, Any]:
    return {"session": {"type": "realtime", **values}}


ITEM_IDS = ["a", "b", "root", ""]
VALID = st.one_of(
    event("input_audio_buffer.append", *SOUND_MEMBERS),
    event("input_audio_buffer.commit"),
    event("input_audio_buffer.clear"),
    event(
        "session.update",
        session(tools=[function("f", "x")]),
        session(audio={"input": {"turn_detection": None, "transcription": {"model": "m"}}}),
        session(audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}),
        session(output_modalities=["text"], tool_choice="required"),
        session(tools=SERVERS),
        session(tools=CALLED, tool_choice={"type": "mcp", "server_label": "docs"}),
        {"session": {"type": "transcription"}},
    ),
    event(
        "conversation.item.create",
        {"item": MESSAGE},
        {"item": COUNT},
        {"item": ECHO},
        *({"item": approval} for approval in APPROVALS),
        *({"item": {**MESSAGE, "id": each}, "previous_item_id": each} for each in ITEM_IDS),
        {"item": {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"}},
        {"item": {"type": "function_call_output", "call_id": "call_1", "output": "done"}},
    ),
    *(event(f"conversation.item.{verb}", *({"item_id": each} for each in ITEM_IDS)) for verb in ("retrieve", "delete")),
    event(
        "response.create",
        {},
        {"response": {"conversation": "none"}},
        {"response": {"input": []}},
        {"response": {"tools": CALLED, "tool_choice": "required"}},
    ),
    event("response.cancel"),
)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A valid event with a member, at any depth, replaced by something odd."""
    whole: dict[str, Any] = dict(draw(VALID))
    place = whole
    while True:
        name = draw(st.sampled_from([*place, "extra"]))
        inner = place.get(name)
        if isinstance(inner, dict) and inner and draw(st.booleans()):
            place[name] = dict(inner)
            place = place[name]
            continue
        place[name] = draw(ODD)
        return whole


STEPS = st.lists(st.one_of(VALID, mutated(), st.floats(0.01, 3.0)), min_size=10, max_size=60)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_any_row_of_events_is_answered_in_order(steps: list[dict[str, Any] | float]) -> None:
    talk = Talk()
    for step in steps:
        if isinstance(step, float):
            talk.wait(step)
        else:
            talk.send(**{"kind": step["type"], **{k: v for k, v in step.items() if k not in ("type", "kind")}})
    talk.wait(60.0)
    assert talk.model.state()["active_response"] is None
    assert not talk.order.open_items


# -- frames on the wire ------------------------------------------------------------------------------------

ODD_VALUES: list[Any] = [None, True, -1, 2**63, 1e308, "", "x", "\u0000", "\U0001f4a9", [], {}, [[]], {"a": {"b": []}}]
FRAMES: list[dict[str, Any]] = [
    {"type": "session.update", **session(instructions="x", tools=[function("f", "x")], tool_choice="auto")},
    {"type": "session.update", **session(audio={"input": {"format": {"type": "audio/pcmu"}, "transcription": None}})},
    {"type": "session.update", **session(audio={"output": {"format": {"type": "audio/pcm", "rate": 24000}}})},
    {"type": "session.update", **session(truncation={"type": "retention_ratio", "retention_ratio": 0.5})},
    {"type": "input_audio_buffer.append", "audio": SOUND[0]},
    {"type": "input_audio_buffer.append", "audio": SOUND[1]},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "conversation.item.create", "item": MESSAGE, "previous_item_id": "root"},
    {"type": "conversation.item.create", "item": {"type": "function_call", "name": "f", "arguments": "{}"}},
    {"type": "conversation.item.retrieve", "item_id": "a"},
    {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 5},
    {"type": "response.create", "response": {"conversation": "none", "input": [MESSAGE], "metadata": {"a": "b"}}},
    {"type": "response.create", "response": {"output_modalities": ["text"], "max_output_tokens": 5}},
    {"type": "session.update", **session(tools=SERVERS)},
    {"type": "session.update", **session(tools=CALLED, tool_choice={"type": "mcp", "server_label": "docs"})},
    {"type": "conversation.item.create", "item": ECHO},
    *({"type": "conversation.item.create", "item": approval} for approval in APPROVALS),
    {"type": "response.create", "response": {"tools": CALLED, "tool_choice": "required"}},
    {"type": "response.create"},
    {"type": "response.cancel"},
    {"type": "output_audio_buffer.clear"},
]


REMOTE = {f"mcp_list_tools.{each}" for each in ("in_progress", "completed", "failed")}
REMOTE |= {"response.mcp_call_arguments.done", "response.mcp_call.in_progress", "response.mcp_call.completed"}


def spoilt(value: Any, chance: random.Random) -> Any:
    """The value with something odd in it, at any depth."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice([*value, "extra"])
        return {**value, name: spoilt(value.get(name), chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        place = chance.randrange(len(value))
        return [*value[:place], spoilt(value[place], chance), *value[place + 1 :]]
    return chance.choice(ODD_VALUES)


def frame(chance: random.Random) -> str:
    """A frame: right, spoilt inside, or spoilt as text."""
    body = chance.choice(FRAMES)
    kind = chance.random()
    if kind < 0.2:
        return json.dumps(body)
    if kind < 0.8:
        return json.dumps(spoilt(body, chance))
    text = json.dumps(body)
    place = chance.randrange(len(text))
    return chance.choice([text[:place], text[:place] + chr(chance.randrange(1, 0xD7FF)) + text[place + 1 :], "[" * 200])


@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=pytest.mark.long)])
async def test_any_row_of_frames_is_answered_on_the_wire(count: int) -> None:
    """A frame that says its ``event_id`` and is answered by an error gets that id back; the session goes on."""
    chance = random.Random(count)
    ours, theirs = memory_pair(capacity=100_000)
    settings = ModelSettings(refuse_beta=False, think_s=0.0, pace_s=0.0, tokens_per_minute=10**9)
    seen: dict[str, int] = {}
    async with asyncio.timeout(120.0), asyncio.TaskGroup() as group:
        serving = group.create_task(serve_link(theirs, DefaultScript(), seed=WIRE_SEED, settings=settings))
        for number in range(count):
            await ours.send(frame(chance))
            await ours.send(json.dumps({"type": "response.jump", "event_id": f"probe_{number}"}))
            while (event := json.loads(await ours.receive())).get("error", {}).get("event_id") != f"probe_{number}":
                seen[event["type"]] = seen.get(event["type"], 0) + 1
        assert not serving.done()
        await ours.close()
    assert seen["error"] > count / 4
    assert {"session.updated", "response.done", "conversation.item.done", *REMOTE} <= seen.keys()


async def test_a_session_of_the_beta_is_the_documented_close() -> None:
    ours, theirs = memory_pair()
    async with asyncio.timeout(10.0), asyncio.TaskGroup() as group:
        group.create_task(serve_link(theirs, DefaultScript()))
        await ours.send('{"type": "session.update", "session": {"modalities": ["text"]}}')
        assert [json.loads(await ours.receive())["type"] for _ in range(2)] == ["session.created", "error"]
        with pytest.raises(LinkClosed) as caught:
            await ours.receive()
    assert caught.value.code == 4000
