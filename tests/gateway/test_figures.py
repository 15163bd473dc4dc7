"""What operators see of calls: ``/metrics`` after a talk, and the log of one that went wrong."""

from __future__ import annotations

import logging
from pathlib import Path

import aiohttp
import pytest

from realtime.mock.server import MockServer
from tests.gateway.in_process import opened
from tests.gateway.rpc_client import Notification, RpcClient, connected

SECRET_WORDS = "the harbour is closed on Tuesday"


async def start(client: RpcClient) -> str:
    """A new thread with a spoken call."""
    thread = await client.start_thread()
    await client.call("thread/realtime/start", threadId=thread, outputModality="audio")
    await client.until("thread/realtime/started")
    return thread


async def quiet(client: RpcClient, after: int) -> None:
    """Wait until nothing is being answered, nor is to be, as told since notification no. ``after``."""
    idle = {"responseActive": False, "responseWanted": False, "handoffsOpen": 0}
    await client.until(lambda note: idle.items() <= note.params.items(), after=after)


async def ask(client: RpcClient, thread: str, text: str) -> None:
    """Type words that want an answer, and wait until it was given."""
    before = len(client.notifications)
    await client.call("thread/realtime/appendText", threadId=thread, text=text, respond=True)
    await quiet(client, before)


async def ask_behind_an_answer(client: RpcClient, thread: str, mock: MockServer) -> None:
    """Twice; the end of the first answer is held back until the second was asked for."""
    before = len(client.notifications)
    mock.mock.faults.add({"fault": "lose", "on": "server", "match": {"type": "response.done"}})
    await client.call("thread/realtime/appendText", threadId=thread, text="one", respond=True)
    said = await client.until(lambda note: "responseId" in note.params, after=before)
    await client.until(lambda note: note.method == "item/completed" and is_answer(note), after=before)
    await client.call("thread/realtime/appendText", threadId=thread, text="two", respond=True)
    await client.until(lambda note: note.params.get("responseWanted") is True, after=before)
    (session,) = mock.mock.sessions()
    over = {"type": "response.done", "response": {"id": said.params["responseId"], "status": "completed"}}
    assert mock.mock.push(session["id"], over) is not None
    await quiet(client, before)


def is_answer(note: Notification) -> bool:
    return bool(note.params["item"]["type"] == "assistantMessage")


def is_end_of_call(note: Notification) -> bool:
    """The last record of a call."""
    return note.method == "item/completed" and note.params["item"]["type"] == "session"


async def figures(url: str) -> dict[str, float]:
    """What a scraper reads."""
    base = url.replace("ws", "http", 1).removesuffix("v1/rpc")
    async with aiohttp.ClientSession() as http, http.get(f"{base}metrics") as answer:
        assert answer.status == 200
        lines = [line for line in (await answer.text()).splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def test_the_figures_of_a_talk_are_true(tmp_path: Path) -> None:
    async with MockServer() as mock:
        upstream = {"base_url": mock.base_url}
        async with opened(tmp_path, upstream=upstream) as url, connected(url) as client:
            before = await figures(url)
            assert before["voxgate_records_stored_total"] == before["voxgate_first_audio_seconds_count"] == 0
            thread = await start(client)
            await ask(client, thread, "good morning")
            await ask_behind_an_answer(client, thread, mock)
            await ask(client, thread, 'please call background_agent with {"prompt": "what is 2 plus 3"}')
            mock.mock.faults.add({"fault": "drop", "on": "client", "match": {"type": "response.create"}})
            await ask(client, thread, "are you still there?")
            assert client.named("thread/realtime/resumed") != []
            await client.call("thread/realtime/stop", threadId=thread)
            await client.until(is_end_of_call)
            head = max(note.params["seq"] for note in client.notifications if "seq" in note.params)
            found = await figures(url)
    spoken = {note.params["audio"]["itemId"] for note in client.named("thread/realtime/outputAudio/delta")}
    assert found["voxgate_first_audio_seconds_count"] == len(spoken) == 5
    assert 0 < found["voxgate_first_audio_seconds_sum"] < 60
    assert found["voxgate_responses_queued_total"] == 1
    assert found["voxgate_upstream_reconnect_seconds_count"] == 1
    assert found["voxgate_upstream_reconnect_seconds_sum"] > 0
    assert found['voxgate_turns_total{outcome="completed"}'] == 1
    assert found["voxgate_turn_seconds_count"] == 1
    assert found["voxgate_records_stored_total"] == head
    assert 1 <= found["voxgate_commit_seconds_count"] <= head
    assert found['voxgate_sessions_closed_total{reason="requested"}'] == 1
    assert (found["voxgate_sessions"], found["voxgate_clients"]) == (0, 1)


async def test_a_lost_upstream_is_in_the_log_and_what_was_said_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="realtime")
    async with MockServer() as mock:
        upstream = {"base_url": mock.base_url}
        async with opened(tmp_path, upstream=upstream) as url, connected(url) as client:
            thread = await start(client)
            mock.mock.faults.add({"fault": "drop", "on": "client", "match": {"type": "response.create"}})
            await ask(client, thread, SECRET_WORDS)
            await client.call("thread/realtime/stop", threadId=thread)
            await client.until("thread/realtime/closed")
    told = [(line.levelname, line.getMessage()) for line in caplog.records if line.name == "realtime.session.observer"]
    assert [level for level, _ in told] == ["WARNING", "INFO"]
    assert all(thread in text for _, text in told)
    assert "lost" in told[0][1]
    assert "back after" in told[1][1]
    assert SECRET_WORDS not in caplog.text


async def test_a_call_that_finds_no_upstream_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with MockServer() as mock:
        mock.mock.faults.add({"fault": "refuse", "on": "upgrade", "args": {"status": 401}})
        upstream = {"base_url": mock.base_url, "retries": 0}
        async with opened(tmp_path, upstream=upstream) as url, connected(url) as client:
            thread = await client.start_thread()
            await client.call("thread/realtime/start", threadId=thread, outputModality="text")
            error = await client.until("thread/realtime/error")
    lines = [line for line in caplog.records if line.levelname == "WARNING" and thread in line.getMessage()]
    assert [repr(error.params["code"]) in line.getMessage() for line in lines] == [True]


async def test_a_call_that_cannot_be_made_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(tmp_path) as url, connected(url) as client:
        thread = await client.start_thread()
        await client.call("thread/realtime/start", threadId=thread, outputModality="text", version="v1", voice="marin")
        error = await client.until("thread/realtime/error")
    lines = [line for line in caplog.records if line.levelname == "WARNING" and thread in line.getMessage()]
    assert [error.params["code"] in line.getMessage() for line in lines] == [True]
