"""The official SDK, unmodified, against the mock."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI, AuthenticationError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent

from realtime.mock.server import MockServer
from realtime.mock.sound import FORMATS
from tests.mock.sdk_types import check
from tests.mock.talk import base64_of, silence, tone

TOOL: Any = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
AGENT_TOOL: Any = {**TOOL, "strict": False}


@pytest.fixture
async def client(server: MockServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.base_url, api_key="sk-any", max_retries=0) as client:
        yield client


@pytest.fixture
async def connection(client: AsyncOpenAI) -> AsyncIterator[AsyncRealtimeConnection]:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        yield connection


async def until(connection: AsyncRealtimeConnection, kind: str) -> list[RealtimeServerEvent]:
    """All events up to one of a type."""
    events: list[RealtimeServerEvent] = []
    async with asyncio.timeout(10.0):
        while not events or events[-1].type != kind:
            raw = await connection.recv_bytes()
            check(json.loads(raw))
            events.append(connection.parse_event(raw))
    return events


async def say(connection: AsyncRealtimeConnection, text: str) -> None:
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    )


async def speak(connection: AsyncRealtimeConnection, pcm: bytes) -> None:
    for start in range(0, len(pcm), 960):
        await connection.input_audio_buffer.append(audio=base64_of(pcm[start : start + 960]))


def joined(events: list[RealtimeServerEvent], kind: str) -> str:
    """All deltas of a type."""
    return "".join(str(getattr(event, "delta", "")) for event in events if event.type == kind)


async def test_a_text_turn(connection: AsyncRealtimeConnection) -> None:
    await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
    await say(connection, "hello from the SDK")
    await connection.response.create()
    events = await until(connection, "response.done")
    assert joined(events, "response.output_text.delta") == "hello from the SDK"


async def test_a_function_call(connection: AsyncRealtimeConnection) -> None:
    await connection.session.update(session={"type": "realtime", "output_modalities": ["text"], "tools": [TOOL]})
    await say(connection, 'please call get_weather with {"city": "Oslo"}')
    await connection.response.create()
    done = (await until(connection, "response.done"))[-1]
    assert done.type == "response.done"
    assert done.response.output is not None
    (call,) = done.response.output
    assert call.type == "function_call"
    assert json.loads(call.arguments) == {"city": "Oslo"}
    assert call.call_id is not None
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    await connection.conversation.item.create(item=output)
    await connection.response.create()
    assert "sunny" in joined(await until(connection, "response.done"), "response.output_text.delta")


async def test_a_spoken_turn_by_commit(connection: AsyncRealtimeConnection) -> None:
    await connection.session.update(
        session={
            "type": "realtime",
            "instructions": "heard: good morning",
            "audio": {"input": {"turn_detection": None, "transcription": {"model": "gpt-4o-mini-transcribe"}}},
        }
    )
    await speak(connection, tone(600))
    await connection.input_audio_buffer.commit()
    transcribed = await until(connection, "conversation.item.input_audio_transcription.completed")
    assert joined(transcribed, "conversation.item.input_audio_transcription.delta") == "good morning"
    await connection.response.create()
    events = await until(connection, "response.done")
    assert joined(events, "response.output_audio_transcript.delta") == "good morning"
    deltas = [event.delta for event in events if event.type == "response.output_audio.delta"]
    assert sum(len(base64.b64decode(delta)) for delta in deltas) == 12 * 60 * 48


async def test_a_spoken_turn_by_voice_detection(connection: AsyncRealtimeConnection) -> None:
    await connection.session.update(session={"type": "realtime", "instructions": "heard: who is there"})
    await speak(connection, silence(500) + tone(700) + silence(600))
    events = await until(connection, "response.done")
    (started,) = [event for event in events if event.type == "input_audio_buffer.speech_started"]
    (stopped,) = [event for event in events if event.type == "input_audio_buffer.speech_stopped"]
    assert started.audio_start_ms == pytest.approx(200, abs=20)
    assert stopped.audio_end_ms == pytest.approx(1200, abs=20)
    assert joined(events, "response.output_audio_transcript.delta") == "who is there"


async def test_cancel(connection: AsyncRealtimeConnection) -> None:
    await say(connection, "please count to twenty slowly")
    await connection.response.create()
    await until(connection, "response.output_audio.delta")
    await connection.response.cancel()
    done = (await until(connection, "response.done"))[-1]
    assert done.type == "response.done"
    assert done.response.status == "cancelled"
    await connection.response.cancel()
    error = (await until(connection, "error"))[-1]
    assert error.type == "error"
    assert error.error.code == "response_cancel_not_active"


async def test_barge_in_and_truncate(connection: AsyncRealtimeConnection) -> None:
    await say(connection, "please count to twenty slowly")
    await connection.response.create()
    delta = (await until(connection, "response.output_audio.delta"))[-1]
    assert delta.type == "response.output_audio.delta"
    await speak(connection, tone(200))
    events = await until(connection, "response.done")
    assert "input_audio_buffer.speech_started" in [event.type for event in events]
    await connection.conversation.item.truncate(item_id=delta.item_id, content_index=0, audio_end_ms=100)
    await until(connection, "conversation.item.truncated")
    await connection.conversation.item.retrieve(item_id=delta.item_id)
    await until(connection, "conversation.item.retrieved")
    await connection.conversation.item.delete(item_id=delta.item_id)
    await until(connection, "conversation.item.deleted")


async def test_g711_both_ways(connection: AsyncRealtimeConnection) -> None:
    law = FORMATS["audio/pcmu"]
    await connection.session.update(
        session={
            "type": "realtime",
            "instructions": "heard: on the phone",
            "audio": {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcmu"}}},
        }
    )
    sound = law.from_pcm(silence(300) + tone(500) + silence(700))
    for start in range(0, len(sound), 160):
        await connection.input_audio_buffer.append(audio=base64_of(sound[start : start + 160]))
    events = await until(connection, "response.done")
    assert joined(events, "response.output_audio_transcript.delta") == "on the phone"
    deltas = [event.delta for event in events if event.type == "response.output_audio.delta"]
    assert sum(len(base64.b64decode(delta)) for delta in deltas) == len("on the phone") * 60 * 8


async def test_insertion_and_a_response_out_of_band(connection: AsyncRealtimeConnection) -> None:
    await say(connection, "the last")
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "the first"}], "id": "one"},
        previous_item_id="root",
    )
    await connection.response.create(
        response={
            "conversation": "none",
            "output_modalities": ["text"],
            "metadata": {"topic": "side"},
            "input": [{"type": "item_reference", "id": "one"}],
        }
    )
    events = await until(connection, "response.done")
    assert joined(events, "response.output_text.delta") == "the first"
    done = events[-1]
    assert done.type == "response.done"
    assert done.response.metadata == {"topic": "side"}
    assert done.response.conversation_id is None


async def test_a_wrong_key() -> None:
    async with MockServer(api_key="sk-right") as server:
        client = AsyncOpenAI(base_url=server.base_url, api_key="sk-wrong", max_retries=0)
        with pytest.raises(AuthenticationError):
            await client.models.list()


async def test_the_responses_api_streams(client: AsyncOpenAI) -> None:
    stream = await client.responses.create(model="gpt-5.2", input="tell me this back", stream=True)
    events = [event async for event in stream]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "tell me this back"
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == "tell me this back"
    assert last.response.usage is not None


async def test_the_responses_api_calls_functions_and_tells_their_output(client: AsyncOpenAI) -> None:
    asked: Any = {"role": "user", "content": [{"type": "input_text", "text": "please call get_weather with {}"}]}
    response = await client.responses.create(model="gpt-5.2", input=[asked], tools=[AGENT_TOOL])
    (call,) = response.output
    assert call.type == "function_call"
    assert (call.name, call.arguments) == ("get_weather", "{}")
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "hail"}
    answered: Any = [asked, call.model_dump(exclude_none=True), output]
    stream = await client.responses.create(model="gpt-5.2", input=answered, tools=[AGENT_TOOL], stream=True)
    async with asyncio.timeout(10.0):
        deltas = [event.delta async for event in stream if event.type == "response.output_text.delta"]
    assert "".join(deltas) == "hail"


@pytest.mark.parametrize("body", [{}, {"model": "m"}, {"model": "m", "input": 5}, {"model": 1, "input": "x"}])
async def test_the_responses_api_refuses(client: AsyncOpenAI, body: dict[str, Any]) -> None:
    answer = await client._client.post(f"{client.base_url}responses", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"]
