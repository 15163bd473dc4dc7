"""Whatever a client sends is answered by events of the documented shape and order, never by an exception."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mock.talk import Talk, base64_of, function, silence, tone

SOUND = [base64_of(tone(150)), base64_of(silence(700)), base64_of(tone(5)), "?", "AAA="]
MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "please call f with {}"}]}
COUNT = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "please count to twenty slowly"}],
}
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
        {"session": {"type": "transcription"}},
    ),
    event(
        "conversation.item.create",
        {"item": MESSAGE},
        {"item": COUNT},
        *({"item": {**MESSAGE, "id": each}, "previous_item_id": each} for each in ITEM_IDS),
        {"item": {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"}},
        {"item": {"type": "function_call_output", "call_id": "call_1", "output": "done"}},
    ),
    *(event(f"conversation.item.{verb}", *({"item_id": each} for each in ITEM_IDS)) for verb in ("retrieve", "delete")),
    event("response.create", {}, {"response": {"conversation": "none"}}, {"response": {"input": []}}),
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
