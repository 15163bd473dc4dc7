"""Real speech through real processes: ``voxgate mock``, ``voxgate serve`` and ``voxgate call``."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.canary import Canary
from tests.gateway.commands import Called, MockProcess, call, mocking
from tests.gateway.journal import BYTES_PER_MS, Log
from tests.gateway.process import GatewayProcess, Serve, serving
from tests.gateway.rpc_client import Notification, RpcClient, connected
from tests.gateway.spoken import RATE, Sentence, loudness, read_wav, speak

SENTENCE = "good morning, are you there"
"""What is said, and what the mock is told to have heard."""
WORK = "what is twelve times twelve, ask the agent"
PREFIX_PADDING_MS = 300
"""What the voice detection puts before a turn where the session says nothing else."""
TOLERANCE_MS = 150
TOOLS = [pytest.param(tool, marks=pytest.mark.needs(tool)) for tool in ("flite", "espeak-ng")]


@dataclass(frozen=True, slots=True)
class House:
    """A gateway before a mock."""

    mock: MockProcess
    gateway: GatewayProcess
    environment: Mapping[str, str]

    async def call(self, *arguments: str) -> Called:
        """A talk from the terminal."""
        return await call(self.environment, "--url", self.gateway.url, *arguments)

    async def get(self, path: str) -> str:
        """A page of the HTTP door."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.gateway.url}{path}") as answer:
            assert answer.status == 200
            return await answer.text()

    async def items(self, thread_id: str) -> list[dict[str, Any]]:
        """The folded thread, spoken lines and hand-offs only."""
        text = await self.get(f"/v1/threads/{thread_id}/transcript?format=jsonl")
        folded = (json.loads(line) for line in text.splitlines())
        return [item for item in folded if item["type"] != "session"]


@asynccontextmanager
async def housed(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[House]:
    """Both processes for the length of the block."""
    async with mocking(environment, folder) as mock:
        settings = {"session.prompt": f"heard: {SENTENCE}"}
        serve = Serve(environment, folder / "data", settings, flags=("--upstream", mock.base_url))
        async with serving(serve) as gateway:
            yield House(mock, gateway, environment)


@pytest.mark.parametrize("tool", TOOLS)
async def test_a_spoken_question_goes_up_and_an_answer_comes_back(
    tool: str, tmp_path: Path, gateway_env: dict[str, str]
) -> None:
    sentence = speak(tool, SENTENCE, tmp_path / "in.wav")
    out = tmp_path / "reply.wav"
    async with housed(tmp_path, gateway_env) as house:
        called = await house.call("--wav", str(sentence.path), "--out", str(out))
        log = house.mock.log()
        assert (called.status, called.errors) == (0, "")
        _check_what_was_heard(sentence, log)
        _check_what_came_back(called, log, out)
        await _check_the_thread(house, called)


async def test_an_answer_in_writing_brings_no_sound(tmp_path: Path, gateway_env: dict[str, str]) -> None:
    async with housed(tmp_path, gateway_env) as house:
        called = await house.call("--modality", "text", "--text", WORK)
        log = house.mock.log()
        items = await house.items(called.of("started")[0]["threadId"])
    (update,) = log.sent("session.update")
    assert update.event["session"]["output_modalities"] == ["text"]
    assert called.status == 0
    assert "144" in called.of("assistant")[-1]["text"]
    assert called.of("end")[0]["firstAudioMs"] is None
    assert called.of("end")[0]["audioMs"] == 0
    assert not log.told("response.output_audio.delta")
    assert [item["type"] for item in items] == ["userMessage", "handoff", "assistantMessage"]
    states = [(line["callId"], line["state"]) for line in called.of("handoff")]
    assert states == [(states[0][0], "started"), (states[0][0], "finished")]


@pytest.mark.parametrize("tool", TOOLS[:1])
async def test_cutting_in_stops_the_voice_and_leaves_its_mark(
    tool: str, tmp_path: Path, gateway_env: dict[str, str], canary: Canary
) -> None:
    sentence = speak(tool, "stop please", tmp_path / "stop.wav", lead_s=0.1, tail_s=0.8)
    async with housed(tmp_path, gateway_env) as house, connected(house.gateway.rpc, canary) as client:
        thread_id = await client.start_thread()
        await client.call("thread/realtime/start", threadId=thread_id, outputModality="audio")
        await client.until("thread/realtime/started")
        await client.call(
            "thread/realtime/appendText", threadId=thread_id, text="please count to twenty slowly", respond=True
        )
        await client.until("thread/realtime/outputAudio/delta")
        await _say(client, thread_id, sentence)
        flush = await client.until("thread/realtime/outputAudio/flush")
        await client.until(lambda told: _completed(told, "assistantMessage", "completed"))
        await client.call("thread/realtime/stop", threadId=thread_id)
        await client.until("thread/realtime/closed")
        _check_the_cut(house.mock.log(), flush.params["itemId"], await house.items(thread_id))
        assert _none_after(client.notifications, flush)


def _check_what_was_heard(sentence: Sentence, log: Log) -> None:
    assert log.heard_bytes() / BYTES_PER_MS == pytest.approx(sentence.duration_ms, abs=20)
    (started,) = log.told("input_audio_buffer.speech_started")
    (stopped,) = log.told("input_audio_buffer.speech_stopped")
    onset = started.event["audio_start_ms"] + PREFIX_PADDING_MS
    assert onset == pytest.approx(sentence.onset_ms, abs=TOLERANCE_MS)
    assert stopped.event["audio_end_ms"] == pytest.approx(sentence.end_ms, abs=TOLERANCE_MS)


def _check_what_came_back(called: Called, log: Log, out: Path) -> None:
    rate, samples = read_wav(out)
    sent = log.spoken_pcm()
    assert rate == 24_000
    assert samples.astype("<i2").tobytes() == sent
    assert loudness(sent) > 100
    times = [line["t"] for line in called.lines]
    assert times == sorted(times)
    started, user, assistant, end = called.lines
    assert started.keys() == {"t", "type", "threadId", "sessionId"}
    assert user.keys() == {"t", "type", "itemId", "text"}
    assert assistant.keys() == {"t", "type", "itemId", "responseId", "text"}
    assert [line["type"] for line in called.lines] == ["started", "user", "assistant", "end"]
    assert (user["text"], assistant["text"]) == (SENTENCE, SENTENCE)
    assert 0 <= end.pop("firstAudioMs") < 5000
    assert end == {
        "t": end["t"],
        "type": "end",
        "ok": True,
        "reason": "completed",
        "threadId": started["threadId"],
        "audioMs": len(sent) // BYTES_PER_MS,
        "out": str(out),
    }


async def _check_the_thread(house: House, called: Called) -> None:
    thread_id = called.of("started")[0]["threadId"]
    items = await house.items(thread_id)
    assert [(item["type"], item["status"]) for item in items] == [
        ("userMessage", "completed"),
        ("assistantMessage", "completed"),
    ]
    assert [item["text"] for item in items] == [SENTENCE, SENTENCE]
    assert [item["id"] for item in items] == [line["itemId"] for line in called.lines[1:3]]
    records = json.loads(await house.get(f"/v1/threads/{thread_id}/items"))
    seqs = [record["seq"] for record in records["data"]]
    assert seqs == list(range(1, records["seq"] + 1))
    shown = await house.get(f"/v1/threads/{thread_id}/transcript?format=text")
    assert shown.count(SENTENCE) == 2


def _check_the_cut(log: Log, item_id: str, items: list[dict[str, Any]]) -> None:
    (truncate,) = log.sent("conversation.item.truncate")
    heard_ms = truncate.event["audio_end_ms"]
    arrived_ms = len(log.spoken_pcm(item_id)) // BYTES_PER_MS
    assert truncate.event["item_id"] == item_id
    assert 0 < heard_ms < arrived_ms
    assert [line.event["audio_end_ms"] for line in log.told("conversation.item.truncated")] == [heard_ms]
    assert not log.told("error")
    (cut,) = [item for item in items if item["id"] == item_id]
    assert (cut["status"], cut["heardMs"]) == ("interrupted", heard_ms)
    assert heard_ms <= cut["audioMs"] <= arrived_ms
    said = [(item["type"], item["status"]) for item in items if item["type"] != "handoff"]
    assert said == [
        ("userMessage", "completed"),
        ("assistantMessage", "interrupted"),
        ("userMessage", "completed"),
        ("assistantMessage", "completed"),
    ]


async def _say(client: RpcClient, thread_id: str, sentence: Sentence) -> None:
    """In real time: the voice goes on meanwhile."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for number, pcm in enumerate(sentence.frames(), start=1):
        audio = {"data": base64.b64encode(pcm).decode(), "sampleRate": RATE, "numChannels": 1}
        await client.tell("thread/realtime/appendAudio", threadId=thread_id, audio=audio)
        await asyncio.sleep(begun + number * 0.02 - loop.time())  # a microphone's pace


def _completed(told: Notification, kind: str, status: str) -> bool:
    return told.method == "item/completed" and (told.item["type"], told.item["status"]) == (kind, status)


def _none_after(notifications: list[Notification], flush: Notification) -> bool:
    """True when no sound of the flushed item came after the flush."""
    after = itertools.dropwhile(lambda told: told is not flush, notifications)
    sounds = [told for told in after if told.method == "thread/realtime/outputAudio/delta"]
    return bool(sounds) and all(told.params["audio"]["itemId"] != flush.params["itemId"] for told in sounds)
