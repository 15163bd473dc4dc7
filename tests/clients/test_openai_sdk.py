"""The official SDK, unmodified, on the wire: how it gets in, how it barges in, and how it edits a conversation.

Whole frames are judged from the mock's log when a test is over.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import ConversationItem
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from realtime.mock.server import MockServer
from tests.clients.journal import judge
from tests.mock.talk import base64_of, silence, tone

KEY = "sk-right"
WAIT_S = 10.0
Arrange = Callable[[str], Mapping[str, Any]]


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[MockServer]:
    """A mock that asks for the key; its log is judged afterwards."""
    log = tmp_path / "frames.jsonl"
    async with MockServer(seed=7, api_key=KEY, log=log) as server:
        yield server
    judge(log)


@pytest.fixture
async def client(mock: MockServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=mock.base_url, api_key="sk-any", max_retries=0) as client:
        yield client


@pytest.fixture
async def connection(client: AsyncOpenAI) -> AsyncIterator[AsyncRealtimeConnection]:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        yield connection


async def until(connection: AsyncRealtimeConnection, kind: str) -> Any:
    """The next event of a type; an error that was not waited for fails the test."""
    async with asyncio.timeout(WAIT_S):
        async for event in connection:
            if event.type == kind:
                return event
            assert event.type != "error", event
    raise AssertionError(f"closed before {kind}")


async def say(connection: AsyncRealtimeConnection, text: str, **where: str) -> ConversationItem:
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], "id": text},
        **where,
    )
    added = await until(connection, "conversation.item.added")
    item: ConversationItem = added.item
    return item


def by_header(key: str) -> Mapping[str, Any]:
    return {"extra_headers": {"Authorization": f"Bearer {key}"}}


def by_subprotocol(key: str) -> Mapping[str, Any]:
    """As browsers have to."""
    offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{key}")]
    return {"extra_headers": {"Authorization": ""}, "websocket_connection_options": {"subprotocols": offered}}


BOTH = pytest.mark.parametrize("arrange", [by_header, by_subprotocol])


async def enter(server: MockServer, options: Mapping[str, Any]) -> str:
    """The type of the first event that comes."""
    async with (
        AsyncOpenAI(base_url=server.base_url, api_key="sk-other", max_retries=0) as client,
        client.realtime.connect(model="gpt-realtime", **options) as connection,
    ):
        return (await connection.recv()).type


@BOTH
async def test_a_key_opens_in_both_forms(locked: MockServer, arrange: Arrange) -> None:
    assert await enter(locked, arrange(KEY)) == "session.created"


@BOTH
async def test_a_wrong_key_opens_in_neither_form(locked: MockServer, arrange: Arrange) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await enter(locked, arrange("sk-wrong"))
    assert refused.value.response.status_code == 401


@BOTH
async def test_a_client_secret_opens_until_it_expires(locked: MockServer, arrange: Arrange) -> None:
    async with AsyncOpenAI(base_url=locked.base_url, api_key=KEY, max_retries=0) as client:
        made = await client.realtime.client_secrets.create(
            session={"type": "realtime"}, expires_after={"anchor": "created_at", "seconds": 60}
        )
    assert await enter(locked, arrange(made.value)) == "session.created"
    locked.mock.advance(61.0)
    with pytest.raises(InvalidStatus):
        await enter(locked, arrange(made.value))


async def test_a_barge_in_from_speech_to_the_next_answer(connection: AsyncRealtimeConnection) -> None:
    await connection.session.update(session={"type": "realtime", "instructions": "heard: stop it"})
    await say(connection, "please count to twenty slowly")
    await connection.response.create()
    item_id = (await until(connection, "response.output_audio.delta")).item_id
    await connection.input_audio_buffer.append(audio=base64_of(tone(600)))
    await until(connection, "input_audio_buffer.speech_started")
    ended = (await until(connection, "response.done")).response
    assert (ended.status, ended.status_details.reason) == ("cancelled", "turn_detected")
    await connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=40)
    assert (await until(connection, "conversation.item.truncated")).audio_end_ms == 40
    await connection.conversation.item.retrieve(item_id=item_id)
    (cut,) = (await until(connection, "conversation.item.retrieved")).item.content
    assert len(base64.b64decode(cut.audio)) == 40 * 48
    assert cut.transcript is None
    await connection.input_audio_buffer.append(audio=base64_of(silence(700)))
    (message,) = (await until(connection, "response.done")).response.output
    assert message.content[0].transcript == "stop it"


async def test_a_conversation_is_edited(connection: AsyncRealtimeConnection) -> None:
    await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
    await say(connection, "one")
    await say(connection, "three")
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "two"}], "id": "two"},
        previous_item_id="one",
    )
    assert (await until(connection, "conversation.item.added")).previous_item_id == "one"
    await connection.conversation.item.retrieve(item_id="two")
    assert (await until(connection, "conversation.item.retrieved")).item.content[0].text == "two"
    await connection.conversation.item.delete(item_id="three")
    assert (await until(connection, "conversation.item.deleted")).item_id == "three"
    await connection.response.create()
    (message,) = (await until(connection, "response.done")).response.output
    assert message.content[0].text == "two"


@pytest.mark.parametrize("action", ["retrieve", "delete"])
async def test_what_was_deleted_is_gone(connection: AsyncRealtimeConnection, action: str) -> None:
    await say(connection, "one")
    await connection.conversation.item.delete(item_id="one")
    await until(connection, "conversation.item.deleted")
    await getattr(connection.conversation.item, action)(item_id="one")
    assert (await until(connection, "error")).error.code == f"item_{action}_invalid_item_id"


async def test_answers_beside_the_conversation_run_at_the_same_time(connection: AsyncRealtimeConnection) -> None:
    await say(connection, "please count to twenty slowly")
    await connection.response.create()
    main = (await until(connection, "response.created")).response.id
    await until(connection, "response.output_audio.delta")
    aside: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "aside"}]}
    await connection.response.create(response={"conversation": "none", "output_modalities": ["text"], "input": [aside]})
    side = (await until(connection, "response.done")).response
    assert (side.status, side.conversation_id, side.output[0].content[0].text) == ("completed", None, "aside")
    await connection.response.cancel(response_id=main)
    ended = (await until(connection, "response.done")).response
    assert (ended.id, ended.status) == (main, "cancelled")
