"""The official SDK, unmodified but for address and key, against the gateway."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from openai import AuthenticationError

from realtime.mock.server import MockServer
from realtime.protocol.appserver import AppendTextParams
from tests.mock.talk import base64_of, silence, tone
from tests.realtime_door.house import House, Talk, talking, words
from tests.realtime_door.house import house as opened

TOOL: Any = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}


async def speak(talk: Talk, pcm: bytes) -> None:
    for start in range(0, len(pcm), 960):
        await talk.connection.input_audio_buffer.append(audio=base64_of(pcm[start : start + 960]))


async def test_a_text_turn_lands_in_the_thread(house: House) -> None:
    async with house.client() as client, talking(client) as talk:
        assert words(await talk.ask("hello from the SDK")) == "hello from the SDK"
        assert talk.errors() == []
    assert await house.lines(talk.thread_id) == [
        ("userMessage", "hello from the SDK"),
        ("assistantMessage", "hello from the SDK"),
        ("session", ""),
    ]


async def test_a_spoken_turn_by_commit(house: House) -> None:
    async with house.client() as client, talking(client, text=False) as talk:
        await talk.connection.session.update(
            session={
                "type": "realtime",
                "instructions": "heard: good morning",
                "audio": {"input": {"turn_detection": None}},
            }
        )
        updated = await talk.until("session.updated")
        assert updated.session.instructions == "heard: good morning"
        assert updated.session.tools == []
        await speak(talk, tone(2600))
        await talk.connection.input_audio_buffer.commit()
        await talk.connection.response.create()
        response = (await talk.until("response.done")).response
        assert words(response) == "good morning"
        deltas = [event.delta for event in talk.events if event.type == "response.output_audio.delta"]
        assert sum(len(base64.b64decode(delta)) for delta in deltas) == 12 * 60 * 48
        (session,) = house.mock.mock.sessions()
        assert session["input_audio_ms"] == 0
    assert ("userMessage", "good morning") in await house.lines(talk.thread_id)


async def test_a_spoken_turn_by_voice_detection(house: House) -> None:
    async with house.client() as client, talking(client, text=False) as talk:
        await talk.connection.session.update(session={"type": "realtime", "instructions": "heard: who is there"})
        await speak(talk, silence(500) + tone(700) + silence(600))
        assert words((await talk.until("response.done")).response) == "who is there"
        (started,) = [event for event in talk.events if event.type == "input_audio_buffer.speech_started"]
        assert started.audio_start_ms == pytest.approx(200, abs=20)


async def test_whoever_wants_no_transcription_is_shown_none_and_the_thread_has_the_words(house: House) -> None:
    async with house.client() as client, client.realtime.connect(model="gpt-realtime") as connection:
        talk = Talk(connection)
        heard: Any = {"turn_detection": None, "transcription": None}
        await connection.session.update(
            session={"type": "realtime", "output_modalities": ["text"], "audio": {"input": heard}}
        )
        await talk.until("session.updated")
        await connection.input_audio_buffer.append(audio=base64_of(silence(300)))
        await connection.input_audio_buffer.commit()
        item_id = (await talk.until("conversation.item.done")).item.id
        await talk.ask("anything?")
        await connection.conversation.item.retrieve(item_id=item_id)
        item = (await talk.until("conversation.item.retrieved")).item
        assert [part.transcript for part in item.content] == [None]
        assert not [event.type for event in talk.events if "transcription" in event.type]
    lines = await house.lines(talk.thread_id)
    said = sorted(kind for kind, text in lines if text)
    assert said == ["assistantMessage", "userMessage", "userMessage"]


async def test_an_event_may_hold_all_the_sound_that_the_api_takes(house: House) -> None:
    async with house.client() as client, client.realtime.connect(model="gpt-realtime") as connection:
        talk = Talk(connection)
        await connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
        await talk.until("session.updated")
        await connection.input_audio_buffer.append(audio=base64_of(bytes(15 * 1024 * 1024)))
        await connection.input_audio_buffer.commit()
        await talk.until("input_audio_buffer.committed")
        await connection.input_audio_buffer.append(audio=base64_of(bytes(15 * 1024 * 1024 + 3)))
        assert (await talk.until("error")).error.param == "audio"


async def test_its_own_function_call(house: House) -> None:
    async with house.client() as client, talking(client) as talk:
        await talk.connection.session.update(session={"type": "realtime", "tools": [TOOL]})
        updated = await talk.until("session.updated")
        assert [tool.name for tool in updated.session.tools] == ["get_weather"]
        (call,) = (await talk.ask('please call get_weather with {"city": "Oslo"}')).output
        assert (call.type, json.loads(call.arguments)) == ("function_call", {"city": "Oslo"})
        output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        await talk.connection.conversation.item.create(item=output)
        await talk.connection.response.create()
        assert "sunny" in words((await talk.until("response.done")).response)
        assert talk.errors() == []


async def test_a_hand_off_is_heard_back_and_stands_in_the_thread(house: House) -> None:
    async with house.client() as client, talking(client) as talk:
        response = await talk.ask("ask the agent what is 6 times 7")
        assert "42" in words(response)
        for ours in ("background_agent", "function_call", "voxgate"):
            assert ours not in talk.told()
        added = [event["item"]["role"] for event in talk.raw if event["type"] == "conversation.item.added"]
        assert added == ["user", "assistant"]
        assert talk.kinds().count("response.created") == talk.kinds().count("response.done") == 1
    records = await house.records(talk.thread_id)
    handoffs = [each.params["item"] for each in records if each.params.get("item", {}).get("type") == "handoff"]
    assert "42" in handoffs[-1]["output"]


async def test_staying_silent_ends_the_response_that_was_asked_for(house: House) -> None:
    async with house.client() as client, talking(client) as talk:
        response = await talk.ask("stay silent")
        assert (response.status, response.output) == ("completed", [])
        assert "remain_silent" not in talk.told()
        assert words(await talk.ask("and now?")) == "and now?"


async def test_cancel_and_truncate(house: House) -> None:
    async with house.client() as client, talking(client, text=False) as talk:
        await talk.say("please count to twenty slowly")
        await talk.connection.response.create()
        delta = await talk.until("response.output_audio.delta")
        await talk.connection.response.cancel()
        assert (await talk.until("response.done")).response.status == "cancelled"
        await talk.connection.conversation.item.truncate(item_id=delta.item_id, content_index=0, audio_end_ms=100)
        truncated = await talk.until("conversation.item.truncated")
        assert (truncated.item_id, truncated.audio_end_ms) == (delta.item_id, 100)
        await talk.connection.response.cancel(event_id="late")
        error = (await talk.until("error")).error
        assert (error.code, error.event_id) == ("response_cancel_not_active", "late")
        await talk.connection.conversation.item.retrieve(item_id=delta.item_id)
        assert (await talk.until("conversation.item.retrieved")).item.id == delta.item_id
        await talk.connection.conversation.item.delete(item_id=delta.item_id)
        assert (await talk.until("conversation.item.deleted")).item_id == delta.item_id
    items = [each.params["item"] for each in await house.records(talk.thread_id) if "item" in each.params]
    (heard,) = {item.get("heardMs") for item in items if item["id"] == delta.item_id} - {None}
    assert heard == 100


async def test_responses_in_a_row_are_queued(house: House) -> None:
    async with house.client() as client, talking(client) as talk:
        await talk.say("one")
        await talk.connection.response.create()
        await talk.connection.response.create(response={"metadata": {"mine": "second"}})
        await talk.connection.response.create(response={"metadata": {"mine": "third"}})
        done = [(await talk.until("response.done")).response for _ in range(3)]
        assert [response.metadata for response in done] == [None, {"mine": "second"}, {"mine": "third"}]
        assert talk.errors() == []


async def test_plain_responses_in_a_row_are_one_more(house: House) -> None:
    async with house.client() as client, talking(client) as talk:
        await talk.say("one")
        for _ in range(4):
            await talk.connection.response.create()
        await talk.until("response.done", count=2)
        assert words(await talk.ask("last")) == "last"
        assert talk.kinds().count("response.done") == 3
        assert talk.errors() == []


async def test_the_strict_error_can_be_had(tmp_path: Path, mock: MockServer) -> None:
    async with (
        opened(tmp_path, mock, server={"strict_active_response": True}) as house,
        house.client() as client,
        talking(client) as talk,
    ):
        await talk.say("please count to twenty slowly")
        await talk.connection.response.create()
        await talk.connection.response.create(event_id="second")
        error = (await talk.until("error")).error
        assert (error.code, error.event_id) == ("conversation_already_has_active_response", "second")


async def test_a_response_out_of_band_runs_beside(house: House) -> None:
    async with house.client() as client, talking(client) as talk:
        await talk.say("please count to twenty slowly")
        await talk.connection.response.create()
        await talk.until("response.output_text.delta")
        aside: Any = {"conversation": "none", "metadata": {"aside": "1"}, "input": [_message("quick")]}
        await talk.connection.response.create(response=aside)
        done = (await talk.until("response.done")).response
        assert (words(done), done.metadata) == ("quick", {"aside": "1"})
        await talk.connection.response.cancel()
        assert (await talk.until("response.done")).response.status == "cancelled"
    assert "quick" not in [text for _, text in await house.lines(talk.thread_id)]


async def test_a_thread_is_gone_on_with(house: House) -> None:
    async with house.client() as client:
        async with talking(client) as first:
            await first.ask("remember the teapot")
        async with talking(client, thread_id=first.thread_id) as second:
            assert second.thread_id == first.thread_id
            await second.ask("again")
    assert [text for _, text in await house.lines(first.thread_id)][:2] == ["remember the teapot"] * 2


async def test_typed_by_the_other_door_lands_in_the_same_talk(house: House) -> None:
    async with house.client() as client, talking(client) as talk:
        await house.gateway.calls.append_text(_typed(talk.thread_id, "from the other side"))
        assert words((await talk.until("response.done")).response) == "from the other side"


async def test_a_lost_upstream_keeps_the_connection_and_the_ids(house: House) -> None:
    async with house.client() as client, talking(client, text=False) as talk:
        await talk.ask("a first answer")
        spoken = next(event.item_id for event in talk.events if event.type == "response.output_audio.delta")
        drop = {"fault": "drop", "on": "server", "match": {"type": "response.output_audio.delta"}, "nth": 3}
        house.mock.mock.faults.add(drop)
        await talk.say("please count to twenty slowly")
        await talk.connection.response.create()
        cut = (await talk.until("response.output_audio.delta")).item_id
        lost = (await talk.until("response.done")).response
        assert (lost.status, lost.output[0].id) == ("failed", cut)
        again = await talk.until("response.created")
        await talk.connection.response.cancel(response_id=again.response.id)
        assert (await talk.until("response.done")).response.status == "cancelled"
        await talk.connection.conversation.item.truncate(item_id=spoken, content_index=0, audio_end_ms=120)
        assert (await talk.until("conversation.item.truncated")).item_id == spoken
        await talk.connection.conversation.item.retrieve(item_id=spoken)
        assert (await talk.until("conversation.item.retrieved")).item.id == spoken
        assert words(await talk.ask("the next turn")) == "the next turn"
        await talk.connection.conversation.item.delete(item_id=spoken)
        assert (await talk.until("conversation.item.deleted")).item_id == spoken
        assert talk.kinds().count("session.created") == 1
        assert talk.errors() == []
        assert len(house.mock.mock.sessions()) == 1


async def test_bad_events_are_answered_and_the_session_lives(house: House) -> None:
    async with house.client() as client, talking(client) as talk:
        bad: list[tuple[JsonDict, str, str | None]] = [
            ({"type": "no.such.event"}, "invalid_value", "type"),
            ({}, "missing_required_parameter", "type"),
            ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
            ({"type": "session.update", "session": 7}, "invalid_type", "session"),
            (
                {"type": "session.update", "session": {"type": "realtime", "colour": 1}},
                "unknown_parameter",
                "session.colour",
            ),
            ({"type": "response.create", "response": {"voice": "x"}}, "unknown_parameter", "response.voice"),
            ({"type": "input_audio_buffer.append", "audio": "%%%"}, "invalid_value", "audio"),
            ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", None),
            ({"type": "conversation.item.delete", "item_id": "nobody"}, "item_delete_invalid_item_id", "item_id"),
            ({"type": "conversation.item.create", "item": {"type": "message"}}, "missing_required_parameter", None),
        ]
        for number, (event, code, param) in enumerate(bad):
            wrong: Any = {**event, "event_id": f"bad_{number}"}
            await talk.connection.send(wrong)
            error = (await talk.until("error")).error
            assert (error.code, error.event_id) == (code, f"bad_{number}"), error
            assert param is None or error.param == param
        assert words(await talk.ask("still here")) == "still here"


async def test_a_wrong_token_is_told_so(tmp_path: Path, mock: MockServer) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("the-right-token\n")
    async with opened(tmp_path, mock, server={"auth_tokens_file": tokens}) as house:
        async with house.client("wrong") as client:
            with pytest.raises(AuthenticationError):
                await client.realtime.client_secrets.create()
        async with house.client("the-right-token") as client:
            secret = await client.realtime.client_secrets.create(
                session={"type": "realtime", "output_modalities": ["text"], "instructions": "Be kind."}
            )
            assert secret.session.type == "realtime"
            assert secret.session.instructions == "Be kind."
        async with house.client(secret.value) as guest, talking(guest, text=False) as talk:
            assert words(await talk.ask("by secret")) == "by secret"


JsonDict = dict[str, Any]


def _message(text: str) -> JsonDict:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def _typed(thread_id: str, text: str) -> AppendTextParams:
    return AppendTextParams.model_validate({"threadId": thread_id, "text": text, "respond": True})
