"""How a call begins: the handshake, the session's configuration, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prompts import render
from tests.gateway.rpc_client import RefusedError
from tests.replay.stage import Play, Stage, staged, user_item
from tests.replay.upstream import Connection, Refusal

PCM = {"type": "audio/pcm", "rate": 24000}
NOBODY = "00000000-0000-7000-8000-000000000000"


async def test_the_session_is_configured_in_full(play: Play) -> None:
    async with staged(play) as stage:
        connection = await stage.start(prompt="speak in rhymes")
        await stage.stop()
        assert connection.address == "/v1/realtime?model=gpt-realtime-1.5"
        assert connection.headers["authorization"] == f"Bearer {play.canary.key}"
        assert connection.headers["x-session-id"] == stage.thread
        assert "sec-websocket-protocol" not in connection.headers
        session = stage.session()
        names = [(tool["type"], tool["name"], list(tool["parameters"]["properties"])) for tool in session.pop("tools")]
        assert names == [("function", "background_agent", ["prompt"]), ("function", "remain_silent", [])]
        assert session == {
            "type": "realtime",
            "instructions": "speak in rhymes",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": PCM,
                    "noise_reduction": {"type": "near_field"},
                    "transcription": {"model": "gpt-4o-mini-transcribe"},
                    "turn_detection": {
                        "type": "server_vad",
                        "interrupt_response": True,
                        "create_response": True,
                        "silence_duration_ms": 500,
                    },
                },
                "output": {"format": PCM, "voice": "marin"},
            },
            "tool_choice": "auto",
        }
        assert stage.frames() == []
        assert stage.told() == [
            ("started", {"sessionId": stage.thread, "version": "v2"}),
            ("closed", {"reason": "requested"}),
        ]
        assert connection.close_code == 1000


async def test_without_a_prompt_the_house_has_its_own(play: Play) -> None:
    async with staged(replace(play, session={"user_first_name": "Ada"})) as stage:
        await stage.call("start", outputModality="audio")
        await (await stage.upstream.connection()).got("session.update")
        assert stage.session()["instructions"] == render("core", user_first_name="Ada")
        assert "Ada" in stage.session()["instructions"]


@pytest.mark.parametrize("prompt", [None, ""])
async def test_an_empty_prompt_is_no_instructions_at_all(play: Play, prompt: str | None) -> None:
    async with staged(play) as stage:
        await stage.start(prompt=prompt)
        assert stage.session()["instructions"] == ""


@pytest.mark.parametrize(("operators", "expected"), [("be brief", "be brief"), ("  ", "be long")])
async def test_the_operators_prompt_wins_unless_it_is_blank(play: Play, operators: str, expected: str) -> None:
    async with staged(replace(play, session={"prompt": operators})) as stage:
        await stage.start(prompt="be long")
        assert stage.session()["instructions"] == expected


async def test_an_answer_in_writing_is_asked_for(play: Play) -> None:
    async with staged(play) as stage:
        await stage.start(outputModality="text")
        assert stage.session()["output_modalities"] == ["text"]
        assert stage.session()["audio"]["output"] == {"format": PCM, "voice": "marin"}


async def test_a_session_may_have_an_id_and_a_voice_of_its_own(play: Play) -> None:
    async with staged(play) as stage:
        connection = await stage.start(sessionId="call-7", voice="cedar", transport={"type": "websocket"})
        await stage.stop()
        assert connection.headers["x-session-id"] == "call-7"
        assert "call-7" not in str(connection.frames)
        assert stage.session()["audio"]["output"]["voice"] == "cedar"
        assert stage.told()[0] == ("started", {"sessionId": "call-7", "version": "v2"})


async def test_a_voice_of_the_other_version_is_an_error_and_no_connection(play: Play) -> None:
    async with staged(play) as stage:
        assert await stage.call("start", outputModality="audio", voice="cove") == {}
        await _refused_start(stage)
        message = stage.told()[0][1]["message"]
        assert "voice" in message
        assert "cove" in message
        assert "not supported" in message
        assert stage.upstream.connections == []


async def test_v1_is_spoken_when_it_is_asked_for(play: Play) -> None:
    async with staged(replace(play, upstream={"version": "v1"})) as stage:
        connection = await _typed_and_spoken(stage, "typed")
        assert connection.address == "/v1/realtime?intent=quicksilver&model=gpt-realtime-1.5"
        assert stage.session() == {
            "type": "quicksilver",
            "instructions": "be a voice",
            "audio": {"input": {"format": PCM}, "output": {"voice": "cove"}},
        }
        content = [{"type": "text", "text": "typed"}]
        assert stage.frames() == [
            {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}},
            {"type": "input_audio_buffer.append", "audio": "AAAA"},
        ]
        assert stage.told()[0] == ("started", {"sessionId": stage.thread, "version": "v1"})


async def test_v1_cannot_answer_in_writing(play: Play) -> None:
    async with staged(replace(play, upstream={"version": "v1"})) as stage:
        assert await stage.call("start", outputModality="text") == {}
        await _refused_start(stage)
        assert "text output requires realtime v2" in stage.told()[0][1]["message"]
        assert stage.upstream.connections == []


async def test_a_session_that_only_transcribes_says_nothing_else(play: Play) -> None:
    async with staged(replace(play, session={"type": "transcription"})) as stage:
        await _typed_and_spoken(stage, "note this")
        transcription = {"model": "gpt-4o-mini-transcribe"}
        expected = {"type": "transcription", "audio": {"input": {"format": PCM, "transcription": transcription}}}
        assert stage.session() == expected
        assert stage.frames() == [
            user_item("[USER] note this"),
            {"type": "input_audio_buffer.append", "audio": "AAAA"},
        ]


async def test_started_does_not_wait_for_the_configuration_to_be_confirmed(play: Play) -> None:
    async with staged(play) as stage:
        stage.upstream.confirm = False
        await stage.start()
        await stage.client.until("thread/realtime/started")
        await stage.push({"type": "response.output_audio.delta", "delta": "AAAA", "item_id": "it_1"})
        await stage.stop()
        assert [name for name, _ in stage.between()] == ["outputAudio/delta"]


@pytest.mark.parametrize("status", [401, 500])
async def test_a_refused_handshake_is_one_error_that_repeats_no_words_of_the_upstream(play: Play, status: int) -> None:
    async with staged(play) as stage:
        stage.upstream.refusal = Refusal(status, f"the key {play.canary.key} of account 17 was refused")
        assert await stage.call("start", outputModality="audio") == {}
        await _refused_start(stage)
        ((_, error),) = stage.told()
        assert error["code"] == "upstream_refused"
        assert f"unexpected status {status}" in error["message"]
        assert "account" not in error["message"]
        assert stage.upstream.refused == 1


async def test_nothing_can_be_appended_where_no_call_runs(play: Play) -> None:
    async with staged(play) as stage:
        audio = {"data": "AAAA", "sampleRate": 24000, "numChannels": 1}
        for method, params in (("appendText", {"text": "x"}), ("appendAudio", {"audio": audio})):
            with pytest.raises(RefusedError) as refused:
                await stage.call(method, **params)
            assert (refused.value.code, refused.value.name) == (-32600, "session_not_found")
        assert await stage.call("stop") == {}
        assert stage.told() == []


@pytest.mark.parametrize(
    ("thread_id", "words"), [(NOBODY, "thread not found|no such thread"), ("nobody", "invalid thread id")]
)
async def test_a_thread_that_does_not_exist_is_refused_everywhere(play: Play, thread_id: str, words: str) -> None:
    calls: dict[str, dict[str, Any]] = {
        "start": {"outputModality": "audio"},
        "appendText": {"text": "x"},
        "appendAudio": {"audio": {"data": "AAAA", "sampleRate": 24000, "numChannels": 1}},
        "stop": {},
    }
    async with staged(play) as stage:
        for method, params in calls.items():
            with pytest.raises(RefusedError, match=words) as refused:
                await stage.call(method, **{"threadId": thread_id, **params})
            assert refused.value.code == -32600


async def _typed_and_spoken(stage: Stage, text: str) -> Connection:
    """A call in which something is typed and a piece of sound is sent; it is over."""
    connection = await stage.start()
    await stage.call("appendText", text=text)
    await stage.call("appendAudio", audio={"data": "AAAA", "sampleRate": 24000, "numChannels": 1})
    await connection.got("input_audio_buffer.append")
    await stage.stop()
    return connection


async def _refused_start(stage: Stage) -> None:
    """One error and nothing else: nothing was begun, so nothing is closed."""
    await stage.client.until("thread/realtime/error")
    with pytest.raises(RefusedError):
        await stage.call("appendText", text="after")
    assert [name for name, _ in stage.told()] == ["error"]
