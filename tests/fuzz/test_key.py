"""An upstream that tells the key it was given is not repeated: not to clients, logs, or the store."""

from __future__ import annotations

import asyncio
import json
import logging
import struct
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.canary import Canary
from tests.fuzz.frames import BINARY, CLOSE, TEXT, frame
from tests.fuzz.hostile import Behaviour, Visit, hostile_upstream
from tests.fuzz.house import served, settings_for
from tests.gateway.rpc_client import RpcClient, connected

ENCODED: tuple[Callable[[str], str], ...] = (
    lambda key: key[: len(key) // 2 + 4],
    lambda key: b64encode(f"user:{key}".encode()).decode(),
    lambda key: key.encode().hex(),
    lambda key: quote(key, safe=""),
)


def echoes(text: str) -> list[str]:
    """Every kind of event that clients, logs or the store get words of."""
    item = {"id": "item_1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    of_item = {"item_id": "item_1", "response_id": "resp_1"}
    call = {"type": "function_call", "id": "item_2", "call_id": "call_1", "name": "background_agent"}
    failed = {"id": "resp_2", "status": "failed", "status_details": {"error": {"code": text, "message": text}}}
    events = [
        {"type": "session.updated", "session": {"instructions": text}},
        {"type": "error", "error": {"type": text, "code": text, "message": text}},
        {"type": text},
        {"type": "error", "error": text},
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "conversation.item.added", "item": item},
        {"type": "response.output_text.delta", "delta": text, **of_item},
        {"type": "response.output_text.done", "text": text, **of_item},
        {"type": "conversation.item.done", "item": item},
        {"type": "response.done", "response": {"id": "resp_1", "status": "completed"}},
        {"type": "response.created", "response": {"id": "resp_2"}},
        {"type": "response.done", "response": failed},
        {"type": "input_audio_buffer.speech_started", "item_id": f"item_{text[:8]}"},
        {"type": "conversation.item.input_audio_transcription.completed", "item_id": "item_3", "transcript": text},
        {"type": "conversation.item.input_audio_transcription.failed", "item_id": "item_4", "error": {"message": text}},
        {"type": "conversation.item.done", "item": {**call, "arguments": json.dumps({"prompt": f"what is {text}"})}},
    ]
    return [json.dumps(event) for event in events]


def escaped(text: str, key: str) -> str:
    """The same JSON with each character of the key as an escape."""
    return text.replace(json.dumps(key)[1:-1], "".join(f"\\u{ord(character):04x}" for character in key))


def slashed(text: str, key: str) -> str:
    """The same JSON with slashes escaped, as some serialisers do."""
    return text.replace(key, key.replace("/", "\\/"))


async def tell(visit: Visit) -> None:
    """In events of every kind and spelling, and in the reason of the close."""
    await visit.upgrade()
    for text in echoes(f"bad key {visit.key}"):
        await visit.send(text)
        await visit.send(escaped(text, visit.key))
        await visit.send(slashed(text, visit.key))
        await visit.send(text, BINARY)
    for form in ENCODED:
        for text in echoes(f"bad key {form(visit.key)}"):
            await visit.send(text)
    visit.writer.write(frame(TEXT, f"not JSON: {visit.key}".encode()))
    visit.writer.write(frame(CLOSE, struct.pack(">H", 1008) + f"bad {visit.key}".encode()[:123]))
    await visit.writer.drain()


def refusing(status: str) -> Behaviour:
    """In the headers and the body of a refused handshake."""

    async def behave(visit: Visit) -> None:
        body = json.dumps({"error": {"message": f"Incorrect API key provided: {visit.key}"}}).encode()
        await visit.answer(
            f"{status} {visit.key}", f"WWW-Authenticate: {visit.key}", f"Location: /{visit.key}", body=body
        )

    return behave


BEHAVIOURS: dict[str, Behaviour] = {"always tell": tell, "always 401": refusing("401"), "always 302": refusing("302")}


async def _ended(client: RpcClient, model: str) -> str:
    thread_id = await client.start_thread()
    begin = len(client.notifications)
    await client.call("thread/realtime/start", threadId=thread_id, outputModality="text", model=model)
    await client.until(lambda note: note.method in ("thread/realtime/closed", "thread/realtime/error"), after=begin)
    await client.call("thread/realtime/stop", threadId=thread_id)
    return thread_id


async def test_a_key_that_the_upstream_tells_is_seen_nowhere(
    tmp_path: Path, canary: Canary, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen = dict(canary.sightings)
    async with hostile_upstream(BEHAVIOURS) as upstream:
        settings = settings_for(tmp_path, upstream=upstream.base_url, key=canary.key, reconnect=False)
        async with served(settings) as address, connected(address.replace("http", "ws"), canary) as client:
            for model in BEHAVIOURS:
                thread_id = await _ended(client, model)
                shown = await client.call("thread/read", threadId=thread_id)
                canary.saw("a thread", json.dumps(shown))
                if model == "always tell":
                    async with asyncio.timeout(10):
                        await client.until("thread/realtime/closed")
                    assert "[redacted]" in json.dumps(shown), "nothing was repeated, so nothing was proven"
        assert sum(upstream.visits.values()) >= len(BEHAVIOURS)
    canary.saw("the log", caplog.text)
    canary.look_at_files(tmp_path)
    assert canary.sightings == seen
