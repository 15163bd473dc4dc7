"""A talk by voice with the embedded model and its engines: ``voxgate serve``, a real socket, flite for a person."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.canary import Canary
from tests.gateway.commands import call
from tests.gateway.process import Serve, serving
from tests.gateway.rpc_client import Notification, RpcClient, connected
from tests.gateway.spoken import loudness, read_wav
from tests.mock.speech.sentences import INSIDE
from tests.mock.speech.sounds import RATE, Samples, silence, spoken, write
from tests.mock.speech.tiny_models import transducer

pytestmark = pytest.mark.needs("flite")
FRAME = RATE // 50
PLACES = "2"
DONE = "thread/realtime/transcript/done"


def speaking(folder: Path, environment: Mapping[str, str]) -> Serve:
    settings = {"speech.engines": "auto", "speech.sessions": PLACES}
    return Serve(environment, folder / "data", settings)


async def test_the_agent_is_asked_by_voice_and_the_right_number_is_spoken(
    tmp_path: Path, gateway_env: dict[str, str]
) -> None:
    asked = write(tmp_path / "in.wav", silence(300), spoken(INSIDE[0]), silence(800))
    out = tmp_path / "out.wav"
    async with serving(speaking(tmp_path, gateway_env)) as gateway:
        assert "ears: silero, pocketsphinx; mouth: flite" in gateway.ready_line
        called = await call(gateway_env, "--url", gateway.url, "--wav", str(asked), "--out", str(out))
    assert (called.status, called.errors) == (0, "")
    assert [line["text"] for line in called.of("user")] == [INSIDE[0]]
    assert "391" in called.of("assistant")[-1]["text"]
    _, samples = read_wav(out)
    assert loudness(samples.astype("<i2").tobytes()) > 500


async def test_what_a_model_of_ones_own_hears_is_the_transcript(tmp_path: Path, gateway_env: dict[str, str]) -> None:
    asked = write(tmp_path / "in.wav", silence(300), spoken(INSIDE[0]), silence(800))
    folder = tmp_path / "mine"
    folder.mkdir()
    serve = speaking(tmp_path, gateway_env)
    serve = replace(serve, settings={**serve.settings, "speech.recognition_model": str(transducer(folder))})
    async with serving(serve) as gateway:
        assert "ears: silero, sherpa-onnx with mine; mouth: flite" in gateway.ready_line
        called = await call(gateway_env, "--url", gateway.url, "--wav", str(asked))
    assert (called.status, called.errors) == (0, "")
    assert [line["text"] for line in called.of("user")] == ["soft"]


async def test_words_come_while_they_are_spoken_and_cutting_in_stops_the_voice(
    tmp_path: Path, gateway_env: dict[str, str], canary: Canary
) -> None:
    async with serving(speaking(tmp_path, gateway_env)) as gateway, connected(gateway.rpc, canary) as client:
        thread_id = await begin(client)
        await say(client, thread_id, spoken(INSIDE[0]), silence(200))
        delta = await client.until("thread/realtime/transcript/delta")
        assert delta.params["role"] == "user"
        await say(client, thread_id, silence(800))
        done = await client.until(DONE)
        assert (done.params["role"], done.params["text"]) == ("user", INSIDE[0])
        sound = await client.until("thread/realtime/outputAudio/delta")
        await say(client, thread_id, spoken("stop please", "rms"), silence(800))
        flush = await client.until("thread/realtime/outputAudio/flush")
        assert flush.params["itemId"] == sound.params["audio"]["itemId"]
        later = client.notifications[client.notifications.index(flush) :]
        assert not [each for each in later if sounds_of(each) == flush.params["itemId"]]


async def test_one_spoken_session_more_than_there_are_places_is_refused_in_plain_words(
    tmp_path: Path, gateway_env: dict[str, str], canary: Canary
) -> None:
    async with serving(speaking(tmp_path, gateway_env)) as gateway, connected(gateway.rpc, canary) as client:
        first = await begin(client)
        await begin(client)
        third = await client.start_thread()
        await client.call("thread/realtime/start", threadId=third, outputModality="audio")
        refused = await client.until(lambda told: told.method.endswith("/error") and told.params["threadId"] == third)
        assert refused.params["code"] == "overloaded"
        assert refused.params["retryable"] is True
        assert f"all {PLACES} places for spoken sessions are taken" in refused.params["message"]
        await begin(client, modality="text")
        await begin(client, first)
        await client.call("thread/realtime/stop", threadId=first)
        await client.until(lambda told: told.method.endswith("/closed") and told.params["reason"] == "requested")
        await begin(client)


async def test_a_call_that_nobody_watches_leaves_its_place_to_one_that_is_wanted(
    tmp_path: Path, gateway_env: dict[str, str], canary: Canary
) -> None:
    async with serving(speaking(tmp_path, gateway_env)) as gateway, connected(gateway.rpc, canary) as client:
        left = await begin(client)
        await begin(client)
        await client.call("thread/unsubscribe", threadId=left)
        await begin(client)
        thread = (await client.call("thread/read", threadId=left))["thread"]
        (session,) = [item for item in thread["items"] if item["type"] == "session"]
        assert session["status"] == "completed"


@pytest.mark.long
async def test_a_timer_is_set_steered_and_cancelled_by_voice_and_silence_is_kept(
    tmp_path: Path, gateway_env: dict[str, str], canary: Canary
) -> None:
    async with serving(speaking(tmp_path, gateway_env)) as gateway, connected(gateway.rpc, canary) as client:
        thread_id = await begin(client)
        await answered(client, thread_id, "set a timer for five minutes", "5 minutes")
        await answered(client, thread_id, "make it twenty seconds", "20 seconds")
        await answered(client, thread_id, "cancel the timer", "cancel")
        after = len(client.notifications)
        await say(client, thread_id, spoken("stay silent"), silence(3000))
        told = client.notifications[after:]
        assert [each.params["text"] for each in told if each.method == DONE] == ["stay silent"]
        assert not [each for each in told if sounds_of(each) is not None]


async def answered(client: RpcClient, thread_id: str, words: str, expected: str) -> None:
    """Say these words; what is answered holds what is expected."""
    after = len(client.notifications)
    await say(client, thread_id, spoken(words), silence(1000))
    heard = await client.until(lambda told: told.method == DONE and told.params["role"] == "user", after=after)
    assert heard.params["text"] == words
    await client.until(
        lambda told: (
            told.method == DONE and told.params["role"] == "assistant" and expected in told.params["text"].lower()
        ),
        after=after,
    )
    await say(client, thread_id, silence(2000))


def sounds_of(told: Notification) -> Any:
    """Which item's sound it carries, if it does."""
    return told.params["audio"]["itemId"] if told.method == "thread/realtime/outputAudio/delta" else None


async def begin(client: RpcClient, thread_id: str | None = None, *, modality: str = "audio") -> str:
    """A call that has started, in this thread or a new one."""
    thread_id = thread_id or await client.start_thread()
    after = len(client.notifications)
    await client.call("thread/realtime/start", threadId=thread_id, outputModality=modality)
    await client.until(
        lambda told: told.method == "thread/realtime/started" and told.params["threadId"] == thread_id, after=after
    )
    return thread_id


async def say(client: RpcClient, thread_id: str, *pieces: Samples) -> None:
    """In real time."""
    loop = asyncio.get_running_loop()
    sound, begun = np.concatenate(pieces), loop.time()
    for number, start in enumerate(range(0, len(sound), FRAME), start=1):
        frame = sound[start : start + FRAME]
        audio = {
            "data": base64.b64encode(frame.astype("<i2").tobytes()).decode(),
            "sampleRate": RATE,
            "numChannels": 1,
            "samplesPerChannel": len(frame),
        }
        await client.tell("thread/realtime/appendAudio", threadId=thread_id, audio=audio)
        await asyncio.sleep(begun + number * 0.02 - loop.time())
