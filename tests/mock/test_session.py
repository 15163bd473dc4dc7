"""Configuration: what is shown, what an update changes, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mock.talk import Talk, base64_of, function, tone


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


def test_the_voice_that_was_heard_first_stays_whoever_chose_it() -> None:
    talk = Talk()
    talk.type("hello")
    talk.respond(audio={"output": {"voice": "alloy"}})
    assert talk.configure(audio={"output": {"voice": "alloy"}})["audio"]["output"]["voice"] == "alloy"
    for voice in ("marin", "ash"):
        error = talk.refused("session.update", session={"type": "realtime", "audio": {"output": {"voice": voice}}})
        assert (error["code"], error["param"]) == ("cannot_update_voice", "session.audio.output.voice")
    assert talk.ask("hello")["audio"]["output"]["voice"] == "alloy"
    error = talk.refused("response.create", response={"audio": {"output": {"voice": "marin"}}})
    assert (error["code"], error["param"]) == ("cannot_update_voice", "response.audio.output.voice")


def test_the_voice_that_was_heard_first_stays_though_another_was_wanted_before_it_was_heard() -> None:
    talk = Talk()
    talk.begin("hello")
    assert talk.configure(audio={"output": {"voice": "ash"}})["audio"]["output"]["voice"] == "ash"
    talk.until("response.done")
    assert talk.configure()["audio"]["output"]["voice"] == "marin"


def test_a_voice_beside_the_conversation_leaves_its_own_open() -> None:
    talk = Talk()
    talk.type("hello")
    talk.respond(conversation="none", audio={"output": {"voice": "alloy"}})
    assert talk.configure(audio={"output": {"voice": "cedar"}})["audio"]["output"]["voice"] == "cedar"


def test_a_custom_voice_is_told_by_its_id_in_responses() -> None:
    talk = Talk()
    talk.configure(audio={"output": {"voice": {"id": "voice_abc"}}})
    assert talk.ask("hello")["audio"]["output"]["voice"] == "voice_abc"
    assert talk.last("response.created")["response"]["audio"]["output"]["voice"] == "voice_abc"
    assert talk.configure(audio={"output": {"voice": {"id": "voice_abc"}}})["audio"]["output"]["voice"] == {
        "id": "voice_abc"
    }
    error = talk.refused("session.update", session={"type": "realtime", "audio": {"output": {"voice": "marin"}}})
    assert error["code"] == "cannot_update_voice"


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
        ({"type": 5}, "invalid_type", "type"),
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


def test_tracing_stays_once_it_is_on() -> None:
    talk = Talk()
    assert talk.configure(tracing=None)["tracing"] is None
    assert talk.configure(tracing="auto")["tracing"] == "auto"
    assert talk.configure(tracing="auto", instructions="x")["tracing"] == "auto"
    for other in (None, {"workflow_name": "w"}):
        error = talk.refused("session.update", session={"type": "realtime", "tracing": other})
        assert (error["code"], error["param"]) == ("invalid_value", "session.tracing")


def test_the_speed_stays_while_a_response_is_spoken() -> None:
    talk = Talk()
    talk.begin("please count to twenty slowly")
    faster = {"type": "realtime", "audio": {"output": {"speed": 1.5}}}
    error = talk.refused("session.update", session=faster)
    assert (error["code"], error["param"]) == ("invalid_value", "session.audio.output.speed")
    talk.configure(instructions="x")
    talk.until("response.done")
    assert talk.configure(audio={"output": {"speed": 1.5}})["audio"]["output"]["speed"] == 1.5


def test_what_is_accepted_is_shown() -> None:
    talk = Talk()
    session: dict[str, Any] = {
        "prompt": {"id": "pmpt_1", "version": "2", "variables": {"name": "Ann"}},
        "include": ["item.input_audio_transcription.logprobs"],
        "max_output_tokens": 4096,
        "tool_choice": {"type": "function", "name": "f"},
        "tools": [function("f")],
    }
    heard = {"noise_reduction": {"type": "far_field"}, "transcription": {"model": "whisper-1", "language": "en"}}
    shown = talk.configure(**session, audio={"input": heard})
    assert {name: shown[name] for name in session} == session
    assert {name: shown["audio"]["input"][name] for name in heard} == heard


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"tool_choice": {"type": "function", "name": "f"}}, "invalid_value", "tool_choice"),
        ({"tool_choice": {"type": "mcp"}}, "missing_required_parameter", "tool_choice.server_label"),
        ({"max_output_tokens": 0}, "invalid_value", "max_output_tokens"),
        ({"max_output_tokens": "many"}, "invalid_value", "max_output_tokens"),
        ({"output_modalities": []}, "invalid_value", "output_modalities"),
        ({"tracing": "manual"}, "invalid_value", "tracing"),
        ({"tracing": {"name": "x"}}, "unknown_parameter", "tracing.name"),
        ({"include": ["everything"]}, "invalid_value", "include[0]"),
        ({"prompt": {}}, "missing_required_parameter", "prompt.id"),
        ({"reasoning": {"effort": "huge"}}, "invalid_value", "reasoning.effort"),
        (
            {"audio": {"input": {"noise_reduction": {"type": "loud"}}}},
            "invalid_value",
            "audio.input.noise_reduction.type",
        ),
        ({"audio": {"input": {"transcription": {"model": 5}}}}, "invalid_type", "audio.input.transcription.model"),
        (
            {"audio": {"input": {"turn_detection": {"type": "ears"}}}},
            "invalid_value",
            "audio.input.turn_detection.type",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "wild"}}}},
            "invalid_value",
            "audio.input.turn_detection.eagerness",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 0}}}},
            "invalid_value",
            "audio.input.turn_detection.idle_timeout_ms",
        ),
        ({"audio": {"output": {"voice": {"name": "x"}}}}, "missing_required_parameter", "audio.output.voice.id"),
        ({"audio": {"output": {"speed": "fast"}}}, "invalid_type", "audio.output.speed"),
        ({"tools": [{"type": "hammer"}]}, "invalid_value", "tools[0].type"),
    ],
)
def test_each_field_has_its_refusal(session: dict[str, Any], code: str, param: str) -> None:
    error = Talk().refused("session.update", session={"type": "realtime", **session})
    assert (error["code"], error["param"]) == (code, f"session.{param}")


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({"type": 5}, "type"),
        ({"type": None}, "type"),
        ({"output_modalities": [5]}, "output_modalities[0]"),
        ({"tools": [{"type": 5}]}, "tools[0].type"),
        ({"audio": {"input": {"format": {"type": "audio/pcm", "rate": "24000"}}}}, "audio.input.format.rate"),
        ({"audio": {"input": {"noise_reduction": {"type": True}}}}, "audio.input.noise_reduction.type"),
        (
            {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": 5}}}},
            "audio.input.turn_detection.eagerness",
        ),
    ],
)
def test_a_value_of_another_type_is_told_from_a_value_that_is_not_listed(session: dict[str, Any], param: str) -> None:
    error = Talk().refused("session.update", session={"type": "realtime", **session})
    assert (error["code"], error["param"]) == ("invalid_type", f"session.{param}")


def test_the_older_session_type_is_not_offered() -> None:
    for kind in (5, "beta"):
        message = Talk().refused("session.update", session={"type": kind})["message"]
        assert "'realtime', 'transcription'" in message
        assert "quicksilver" not in message


def test_a_transcript_comes_with_probabilities_where_they_are_asked_for() -> None:
    talk = Talk()
    include = ["item.input_audio_transcription.logprobs"]
    heard = {"transcription": {"model": "gpt-4o-transcribe"}, "turn_detection": None}
    session = {"type": "transcription", "audio": {"input": heard}, "include": include}
    talk.send("session.update", session=session)
    talk.send("input_audio_buffer.append", audio=base64_of(tone(300)))
    talk.send("input_audio_buffer.commit")
    completed = talk.until("conversation.item.input_audio_transcription.completed")
    assert "".join(each["token"] for each in completed["logprobs"]) == completed["transcript"]
    assert all(bytes(each["bytes"]).decode() == each["token"] for each in completed["logprobs"])
    assert talk.last("conversation.item.input_audio_transcription.delta")["logprobs"]


def test_an_older_session_takes_items_of_its_own_shape() -> None:
    talk = Talk()
    item = {"type": "message", "role": "user", "content": [{"type": "text", "text": "hello"}]}
    assert talk.refused("conversation.item.create", item=item)["param"] == "item.content[0].type"
    talk.model.receive({"type": "session.update", "session": {"type": "quicksilver"}}, talk.now)
    effects = talk.model.receive({"type": "conversation.item.create", "item": item}, talk.now)
    assert [each["type"] for each in effects if isinstance(each, dict)] == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    typed = {**item, "content": [{"type": "input_text", "text": "as ever"}]}
    (added, _) = talk.model.receive({"type": "conversation.item.create", "item": typed}, talk.now)
    assert isinstance(added, dict)
    assert added["item"]["content"] == typed["content"]


def test_playback_is_the_clients_own_over_a_websocket() -> None:
    error = Talk().refused("output_audio_buffer.clear")
    assert (error["code"], error["param"]) == ("invalid_value", "type")
