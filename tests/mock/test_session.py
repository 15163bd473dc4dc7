"""Configuration: what is shown, what an update changes, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mock.talk import Talk, function


def test_session_created_comes_first_with_everything() -> None:
    talk = Talk(session_limit_s=3600.0, model="gpt-realtime-1.5")
    created = talk.events[0]
    session = created["session"]
    assert created["type"] == "session.created"
    assert session["object"] == "realtime.session"
    assert session["expires_at"] == 1000 + 3600
    assert session["model"] == "gpt-realtime-1.5"
    assert session["output_modalities"] == ["audio"]
    assert session["audio"]["input"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 500,
            "idle_timeout_ms": None,
            "create_response": True,
            "interrupt_response": True,
        },
    }
    assert session["instructions"]


def test_an_update_touches_only_what_it_carries() -> None:
    talk = Talk()
    before = talk.events[0]["session"]
    first = talk.configure(instructions="Be brief.", audio={"output": {"voice": "cedar"}})
    assert first == {
        **before,
        "instructions": "Be brief.",
        "audio": {**before["audio"], "output": {**before["audio"]["output"], "voice": "cedar"}},
    }
    second = talk.configure(audio={"input": {"noise_reduction": {"type": "near_field"}}})
    assert second["instructions"] == "Be brief."
    assert second["audio"]["output"]["voice"] == "cedar"
    assert second["audio"]["input"]["noise_reduction"] == {"type": "near_field"}
    assert second["audio"]["input"]["turn_detection"] == before["audio"]["input"]["turn_detection"]


def test_turn_detection_is_replaced_as_a_whole_and_shown_with_its_defaults() -> None:
    talk = Talk()
    talk.configure(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.9}}})
    vad = {"type": "server_vad", "silence_duration_ms": 200}
    shown = talk.configure(audio={"input": {"turn_detection": vad}})["audio"]["input"]["turn_detection"]
    assert shown["silence_duration_ms"] == 200
    assert shown["threshold"] == 0.5
    assert shown["interrupt_response"] is True
    semantic = talk.configure(audio={"input": {"turn_detection": {"type": "semantic_vad"}}})
    assert semantic["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }
    assert talk.configure(audio={"input": {"turn_detection": None}})["audio"]["input"]["turn_detection"] is None


def test_empty_values_clear() -> None:
    talk = Talk()
    talk.configure(tools=[function("f")], instructions="x")
    cleared = talk.configure(tools=[], instructions="")
    assert cleared["tools"] == []
    assert cleared["instructions"] == ""


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "realtime", "colour": "red"}, "unknown_parameter", "session.colour"),
        ({"type": "realtime", "modalities": ["text"]}, "unknown_parameter", "session.modalities"),
        ({"type": "beta"}, "invalid_value", "session.type"),
        ({"type": "realtime", "instructions": 3}, "invalid_type", "session.instructions"),
        ({"type": "realtime", "output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"type": "realtime", "output_modalities": ["smell"]}, "invalid_value", "session.output_modalities[0]"),
        ({"type": "realtime", "max_output_tokens": 5000}, "invalid_value", "session.max_output_tokens"),
        ({"type": "realtime", "max_output_tokens": True}, "invalid_type", "session.max_output_tokens"),
        ({"type": "realtime", "tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"type": "realtime", "tools": {}}, "invalid_type", "session.tools"),
        ({"type": "realtime", "tool_choice": "perhaps"}, "invalid_value", "session.tool_choice"),
        ({"type": "realtime", "audio": {"output": {"voice": "nobody"}}}, "invalid_value", "session.audio.output.voice"),
        ({"type": "realtime", "audio": {"output": {"speed": 9}}}, "invalid_value", "session.audio.output.speed"),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"threshold": 0.5}}}},
            "missing_required_parameter",
            "session.audio.input.turn_detection.type",
        ),
        (
            {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}},
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
    ],
)
def test_a_wrong_update_is_refused_and_changes_nothing(session: dict[str, Any], code: str, param: str) -> None:
    talk = Talk()
    error = talk.refused("session.update", session=session, event_id="mine")
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "mine")
    assert error["type"] == "invalid_request_error"
    assert talk.configure() == talk.events[0]["session"]


def test_the_voice_stays_once_it_was_heard() -> None:
    talk = Talk()
    talk.configure(audio={"output": {"voice": "ash"}})
    talk.ask("hello")
    error = talk.refused("session.update", session={"type": "realtime", "audio": {"output": {"voice": "cedar"}}})
    assert error["code"] == "cannot_update_voice"
    assert talk.configure(audio={"output": {"voice": "ash"}})["audio"]["output"]["voice"] == "ash"


def test_text_alone_leaves_the_voice_open() -> None:
    talk = Talk()
    talk.configure(output_modalities=["text"])
    talk.ask("hello")
    assert talk.configure(audio={"output": {"voice": "cedar"}})["audio"]["output"]["voice"] == "cedar"


def test_a_transcription_session_hears_and_does_not_answer() -> None:
    talk = Talk()
    (updated,) = talk.send(
        "session.update",
        session={"type": "transcription", "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}},
    )
    assert updated["session"]["type"] == "transcription"
    assert updated["session"]["object"] == "realtime.transcription_session"
    assert "instructions" not in updated["session"]
    assert talk.refused("response.create")["code"] == "invalid_value"
    error = talk.refused("session.update", session={"type": "transcription", "instructions": "x"})
    assert error["param"] == "session.instructions"


def test_the_older_session_type_is_accepted() -> None:
    talk = Talk()
    session = {
        "type": "quicksilver",
        "instructions": "Be kind.",
        "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}, "output": {"voice": "cove"}},
    }
    effects = talk.model.receive({"type": "session.update", "session": session}, talk.now)
    (updated,) = [effect for effect in effects if isinstance(effect, dict)]
    assert updated["type"] == "session.updated"
    assert updated["session"]["type"] == "quicksilver"
    assert updated["session"]["audio"]["output"]["voice"] == "cove"


def test_the_session_ends_when_its_time_is_over() -> None:
    talk = Talk(session_limit_s=600.0)
    talk.wait(599.9)
    assert talk.close is None
    talk.wait(0.2)
    assert talk.close is not None
    assert talk.close.code == 1001
    error = talk.events[-1]["error"]
    assert error["code"] == "session_expired"
    assert error["message"] == "Your session hit the maximum duration of 10 minutes."
    assert talk.model.deadline is None
    assert talk.model.receive({"type": "response.create"}, talk.now) == []
    assert talk.model.tick(talk.now + 1) == []


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({}, "missing_required_parameter", "type"),
        ({"type": "response.jump"}, "invalid_value", "type"),
        ({"type": 5}, "invalid_value", "type"),
        ({"type": ["a"]}, "invalid_type", "type"),
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        ({"type": "session.update", "session": []}, "invalid_type", "session"),
        ({"type": "response.cancel", "event_id": 7}, "invalid_type", "event_id"),
        ({"type": "input_audio_buffer.commit", "now": True}, "unknown_parameter", "now"),
    ],
)
def test_what_is_no_event_is_answered(event: dict[str, Any], code: str, param: str) -> None:
    talk = Talk()
    (answer,) = talk._take(talk.model.receive(event, talk.now))
    assert (answer["error"]["code"], answer["error"]["param"]) == (code, param)


def test_what_is_no_json_is_answered() -> None:
    talk = Talk()
    (answer,) = talk._take(talk.model.misread("not valid JSON", talk.now))
    assert answer["error"]["code"] == "invalid_json"


def test_a_seed_reproduces_identifiers_and_another_does_not() -> None:
    first, second = Talk(), Talk()
    assert first.ask("hello") == second.ask("hello")
    assert first.events == second.events
