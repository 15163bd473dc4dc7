"""Each shipped scenario does what its line says."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from realtime.errors import ConfigurationError
from realtime.mock.magic import DefaultScript
from realtime.mock.scenarios import SCENARIOS, find_scenario
from realtime.mock.server import MockServer
from tests.mock.talk import Talk, function, said, silence, tone
from tests.mock.wire import Client, connected


def talk_in(name: str) -> Talk:
    scenario = find_scenario(name)
    settings = {each.name: getattr(scenario.settings, each.name) for each in dataclasses.fields(scenario.settings)}
    return Talk(scenario.script(DefaultScript()), **settings)


@asynccontextmanager
async def client_in(name: str) -> AsyncIterator[Client]:
    scenario = find_scenario(name)
    server = MockServer(script=scenario.script(DefaultScript()))
    server.mock.settings = scenario.settings
    for fault in scenario.faults:
        server.mock.faults.add(fault)
    async with server, connected(server, lenient=True) as client:
        yield client


def hear_with_transcription(talk: Talk) -> None:
    talk.configure(audio={"input": {"transcription": {"model": "whisper-1"}}}, instructions="heard: hello")
    talk.hear(tone(400), silence(600))
    talk.wait(5.0)


def test_late_transcription() -> None:
    talk = talk_in("late-transcription")
    hear_with_transcription(talk)
    kinds = talk.kinds()
    completed = kinds.index("conversation.item.input_audio_transcription.completed")
    assert completed > kinds.index("response.done")
    assert talk.times[completed] - talk.times[kinds.index("input_audio_buffer.committed")] >= 3.0


def test_failed_transcription() -> None:
    talk = talk_in("failed-transcription")
    hear_with_transcription(talk)
    assert talk.all("conversation.item.input_audio_transcription.failed")
    assert said(talk.last("response.done")["response"]) == "hello"


def test_endless_response() -> None:
    talk = talk_in("endless-response")
    talk.type("hello")
    talk.send("response.create")
    talk.wait(300.0)
    assert not talk.all("response.done")
    assert talk.refused("response.create")["code"] == "conversation_already_has_active_response"
    talk.send("response.cancel")
    assert talk.all("response.done")


def test_session_cap() -> None:
    talk = talk_in("session-cap")
    talk.wait(11.0)
    assert talk.close is not None
    assert talk.times[-1] - talk.times[0] == pytest.approx(10.0)


def test_slow_tool() -> None:
    talk = talk_in("slow-tool")
    talk.configure(tools=[function("f")])
    start = talk.now
    talk.ask("please call f with {}")
    assert talk.now - start >= 3.0
    start = talk.now
    talk.ask("hello")
    assert talk.now - start < 1.0


async def test_active_response_race() -> None:
    async with client_in("active-response-race") as client:
        await client.type("hello")
        await client.send("response.create")
        await client.until("conversation.item.done")
        await client.send("response.create")
        error = await client.until("error")
        assert error["error"]["code"] == "conversation_already_has_active_response"


async def test_garbage() -> None:
    async with client_in("garbage") as client:
        await client.type("hello")
        await client.send("response.create")
        with pytest.raises(ValueError, match="Unterminated"):
            await client.until("response.done")
        assert (await client.receive())["type"] == "response.done"


def test_every_scenario_has_a_test_and_a_line_about_it() -> None:
    tested = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")}
    assert set(SCENARIOS) <= tested
    assert all(scenario.about for scenario in SCENARIOS.values())


def test_an_unknown_scenario_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"late-transcription.*: nobody"):
        find_scenario("nobody")
