"""Each shipped scenario does what its line says."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
import websockets
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from realtime.errors import ConfigurationError
from realtime.mock.carrier import MemoryCarrier
from realtime.mock.magic import DefaultScript
from realtime.mock.scenarios import SCENARIOS, find_scenario
from realtime.mock.server import MockServer
from realtime.protocol.json import JsonObject
from tests.mock.page import calling, post
from tests.mock.talk import Talk, base64_of, calls, function, said, silence, tone
from tests.mock.wire import PATIENCE_S, Client, address, connected
from transports.link import memory_pair


def talk_in(name: str) -> Talk:
    scenario = find_scenario(name)
    settings = {each.name: getattr(scenario.settings, each.name) for each in dataclasses.fields(scenario.settings)}
    return Talk(scenario.script(DefaultScript()), **settings)


@asynccontextmanager
async def client_in(name: str) -> AsyncIterator[Client]:
    scenario = find_scenario(name)
    server = MockServer(script=scenario.script(DefaultScript()))
    scenario.prepare(server.mock)
    async with server, connected(server, lenient=True) as client:
        yield client


@asynccontextmanager
async def mock_in(name: str) -> AsyncIterator[MockServer]:
    server = MockServer()
    find_scenario(name).prepare(server.mock)
    async with server:
        yield server


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
    talk.begin("hello", 300.0)
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


async def test_double_creation() -> None:
    async with client_in("double-creation") as client:
        response = await client.ask("hello")
        again = (await client.receive())["response"]
        assert again["id"] == response["id"]
        assert [event["type"] for event in client.events].count("response.created") == 2


async def test_lost_done() -> None:
    async with client_in("lost-done") as client:
        await client.type("hello")
        await client.send("response.create")
        await client.until("response.output_item.done")
        assert said(await client.ask("again")) == "again"
        assert client.kinds().count("response.created") == 2


async def test_harmless_error() -> None:
    async with client_in("harmless-error") as client:
        assert (await client.ask("hello"))["status"] == "completed"
        assert client.kinds().count("error") == 1


def test_truncate_too_far() -> None:
    talk = talk_in("truncate-too-far")
    talk.begin("a sentence of thirty-odd letters")
    item_id = talk.until("response.output_audio.delta")["item_id"]
    talk.wait(1.5)
    where = {"item_id": item_id, "content_index": 0}
    error = talk.refused("conversation.item.truncate", **where, audio_end_ms=1500)
    assert error["message"] == "Audio content of 400ms is already shorter than 1500ms"
    talk.send("conversation.item.truncate", **where, audio_end_ms=400)
    assert talk.all("conversation.item.truncated")


def test_all_at_once() -> None:
    talk = talk_in("all-at-once")
    talk.begin("a sentence of thirty-odd letters")
    assert talk.last("response.done")["response"]["status"] == "completed"


def test_touchy_ears() -> None:
    talk = talk_in("touchy-ears")
    talk.begin("please count to twenty slowly", 1.0)
    talk.hear(tone(300, amplitude=60))
    assert talk.last("response.done")["response"]["status_details"]["reason"] == "turn_detected"


async def test_missing_transcription() -> None:
    async with client_in("missing-transcription") as client:
        heard = {"transcription": {"model": "whisper-1"}, "turn_detection": None}
        await client.send("session.update", session={"type": "realtime", "audio": {"input": heard}})
        await client.send("input_audio_buffer.append", audio=base64_of(tone(300)))
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        await client.until("response.done")
        await client.ask("hello")
        assert not [kind for kind in client.kinds() if "transcription" in kind]


def test_empty_transcription() -> None:
    talk = talk_in("empty-transcription")
    hear_with_transcription(talk)
    completed = talk.last("conversation.item.input_audio_transcription.completed")
    assert completed["transcript"] == ""
    assert not talk.all("conversation.item.input_audio_transcription.delta")


async def test_text_without_sound() -> None:
    async with client_in("text-without-sound") as client:
        assert said(await client.ask("hello")) == "hello"
        assert "response.output_audio_transcript.delta" in client.kinds()
        assert "response.output_audio.delta" not in client.kinds()


@pytest.mark.parametrize("name", ["dropped-connection", "abrupt-close"])
async def test_connections_that_end(name: str) -> None:
    async with client_in(name) as client:
        with pytest.raises(ConnectionClosedError) as caught:
            await client.ask("hello")
        assert (caught.value.rcvd.code if caught.value.rcvd else None) == (1011 if name == "abrupt-close" else None)


async def test_half_open() -> None:
    async with client_in("half-open") as client:
        await client.type("hello")
        await client.until("conversation.item.done")
        await client.send("response.create")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.socket.recv()
        client.socket.transport.abort()


async def test_impatient() -> None:
    server = MockServer()
    find_scenario("impatient").prepare(server.mock)
    async with server, aiohttp.ClientSession() as http, asyncio.timeout(PATIENCE_S):
        async with http.ws_connect(address(server), autoping=False) as deaf:
            kinds = [message.type async for message in deaf]
        assert kinds == [aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.PING]
        async with connected(server) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.8):
                    await client.socket.recv()
            assert said(await client.ask("still here")) == "still here"


def test_double_call() -> None:
    talk = talk_in("double-call")
    talk.configure(tools=[function("f")])
    response = talk.ask("please call f with {}")
    assert len({item["call_id"] for item in response["output"]}) == 2


def test_corrected_call() -> None:
    talk = talk_in("corrected-call")
    talk.configure(tools=[function("f", "x")])
    first, second = calls(talk.ask('please call f with {"x": "four times four"}'))
    assert first == ("f", '{"x":"four ti"}')
    assert second == ("f", '{"x": "four times four"}')


def test_own_voice() -> None:
    talk = talk_in("own-voice")
    talk.configure(audio={"input": {"transcription": {"model": "whisper-1"}}})
    assert talk.ask("one sentence that takes some time to say")["status_details"]["reason"] == "turn_detected"
    again = talk.until("response.done")["response"]
    heard = talk.last("conversation.item.input_audio_transcription.completed")["transcript"]
    assert said(again) == heard != ""
    assert "one sentence that takes some time to say".startswith(heard)
    talk.wait(5.0)
    assert len(talk.all("response.done")) == 2
    assert talk.ask("and another that takes some time to say")["status"] == "completed"


@pytest.mark.parametrize("detection", [None, {"type": "server_vad", "create_response": False}])
def test_own_voice_is_heard_by_the_session_s_rules(detection: JsonObject | None) -> None:
    talk = talk_in("own-voice")
    talk.configure(audio={"input": {"turn_detection": detection}})
    status = talk.ask("one sentence that takes some time to say")["status"]
    talk.wait(5.0)
    assert status == ("completed" if detection is None else "cancelled")
    assert len(talk.all("response.done")) == 1


def test_dead_air() -> None:
    talk = talk_in("dead-air")
    start = talk.now
    talk.begin("how are you today my dear friend")
    talk.until("response.done", 90.0)
    assert talk.times[talk.kinds().index("response.output_audio.delta")] - start < 1.0
    assert talk.now - start == pytest.approx(60.0, abs=1.0)
    start = talk.now
    talk.ask("how are you today my dear friend")
    assert talk.now - start < 2.0


async def test_forgotten() -> None:
    server = MockServer()
    find_scenario("forgotten").prepare(server.mock)
    async with server:
        async with connected(server) as client:
            await client.ask("hello")
            await client.type("again")
            with pytest.raises(ConnectionClosedError):
                await client.until("conversation.item.added")
        async with connected(server) as client:
            (session,) = server.mock.sessions()
            assert session["items"] == []
            assert said(await client.ask("again")) == "again"


def test_unanswered_call() -> None:
    talk = talk_in("unanswered-call")
    talk.configure(tools=[function("f")])
    (call,) = talk.ask("please call f with {}")["output"]
    assert talk.ask("hello")["output"] == []
    talk.output(call["call_id"], "done")
    assert "hello" in said(talk.ask("hello"))


def test_slow_answer() -> None:
    talk = talk_in("slow-answer")
    start = talk.now
    talk.ask("hello")
    assert talk.now - start >= 5.0


async def test_repeated_audio() -> None:
    async with client_in("repeated-audio") as client:
        await client.ask("hello")
        sounds = [event["event_id"] for event in client.events if event["type"] == "response.output_audio.delta"]
        assert sounds[::2] == sounds[1::2]


async def test_reordered() -> None:
    async with client_in("reordered") as client:
        await client.ask("hello")
        kinds = client.kinds()
        words = kinds.index("response.output_audio_transcript.delta")
        assert words < kinds.index("response.content_part.added")


async def test_sideband_404() -> None:
    server = MockServer()
    find_scenario("sideband-404").prepare(server.mock)
    async with server:
        ours, theirs = memory_pair()
        call_id = server.mock.new_call_id()
        async with asyncio.TaskGroup() as group:
            group.create_task(server.mock.serve(MemoryCarrier(theirs), "m", call_id=call_id))
            await ours.receive()
            for _ in range(2):
                with pytest.raises(InvalidStatus) as caught:
                    await websockets.connect(address(server, f"?call_id={call_id}"))
                assert caught.value.response.status_code == 404
            async with websockets.connect(address(server, f"?call_id={call_id}")) as socket:
                assert "session.created" in str(await socket.recv())
            await ours.close()


async def test_sideband_refused() -> None:
    async with mock_in("sideband-refused") as server, calling(server) as page:
        for _ in range(3):
            with pytest.raises(InvalidStatus) as caught:
                await websockets.connect(address(server, f"?call_id={page.call_id}"))
            assert caught.value.response.status_code == 403


@pytest.mark.parametrize(("name", "status"), [("call-refused", 403), ("call-unavailable", 503)])
async def test_refused_calls(name: str, status: int) -> None:
    async with mock_in(name) as server:
        for _ in range(2):
            found, body, headers = await post(server, "v=0")
            assert (found, json.loads(body)["error"]["code"]) == (status, "refused")
            assert headers.get("Retry-After") == ("1" if status == 503 else None)
        if status == 503:
            async with calling(server) as page:
                assert page.call_id


async def test_no_location() -> None:
    async with mock_in("no-location") as server, calling(server) as page:
        assert page.location is None


async def test_odd_location() -> None:
    async with mock_in("odd-location") as server, calling(server) as page:
        assert page.location is not None
        assert "rtc_" not in page.location


async def test_dropped_call() -> None:
    async with mock_in("dropped-call") as server:
        async with calling(server) as page:
            page.ask("hello")
            await page.see(lambda: page.is_left)
            assert "response.done" not in page.kinds()
        async with calling(server) as page:
            page.ask("hello")
            await page.until("response.done")


async def test_slow_start() -> None:
    scenario = find_scenario("slow-start")
    (fault,) = scenario.faults
    assert fault["args"]["seconds"] == 3.0
    quick = dataclasses.replace(scenario, faults=({**fault, "args": {"seconds": 0.3}},))
    server = MockServer()
    quick.prepare(server.mock)
    start = time.monotonic()
    async with server, connected(server):
        assert time.monotonic() - start >= 0.3


@pytest.mark.parametrize(("name", "status"), [("refused-key", 401), ("too-many-requests", 429)])
async def test_refused_connections(name: str, status: int) -> None:
    server = MockServer()
    find_scenario(name).prepare(server.mock)
    async with server:
        for _ in range(2):
            with pytest.raises(InvalidStatus) as caught:
                await websockets.connect(address(server))
            assert caught.value.response.status_code == status
        if status == 429:
            assert caught.value.response.headers["Retry-After"] == "1"
            async with connected(server):
                pass


def test_rate_limited() -> None:
    talk = talk_in("rate-limited")
    assert [talk.ask("hello")["status"] for _ in range(3)] == ["completed", "completed", "failed"]


def test_no_quota() -> None:
    error = talk_in("no-quota").ask("hello")["status_details"]["error"]
    assert error["code"] == "insufficient_quota"


async def test_large_frames() -> None:
    async with client_in("large-frames") as client:
        await client.ask("hello")
        assert max(len(str(event)) for event in client.events) > 2_000_000


TESTED_TOGETHER = {
    "dropped-connection",
    "abrupt-close",
    "refused-key",
    "too-many-requests",
    "call-refused",
    "call-unavailable",
}


def test_every_scenario_has_a_test_and_a_line_about_it() -> None:
    tested = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")}
    assert set(SCENARIOS) == (set(SCENARIOS) & tested) | TESTED_TOGETHER
    assert all(scenario.about for scenario in SCENARIOS.values())


def test_an_unknown_scenario_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"late-transcription.*: nobody"):
        find_scenario("nobody")
