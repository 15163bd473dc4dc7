"""The life of a call through the whole gateway: begun, replaced, watched, refused, ended."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from realtime.configuration import load
from realtime.core.config import SessionConfig
from realtime.gateway import Gateway
from realtime.lanes import Outgoing
from realtime.mock.server import MockServer
from realtime.server.app import serving
from realtime.session.peer_audio import PeerAudio
from realtime.session.upstream import UpstreamConnection, WebSocketOpener
from tests.gateway.in_process import opened
from tests.gateway.records import fetch, read
from tests.gateway.rpc_client import RefusedError, RpcClient, connected
from tests.loopback import hanging

SILENCE = base64.b64encode(bytes(960)).decode()
Json = dict[str, Any]


@asynccontextmanager
async def talking(data: Path, mock: MockServer, **sections: Mapping[str, Any]) -> AsyncIterator[RpcClient]:
    """A client of a gateway before this mock."""
    upstream = {"base_url": mock.base_url, **sections.pop("upstream", {})}
    async with opened(data, upstream=upstream, **sections) as url, connected(url) as client:
        yield client


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """What the mock saw and said."""
    return tmp_path / "mock.log"


@pytest.fixture
async def mock(journal: Path) -> AsyncIterator[MockServer]:
    async with MockServer(log=journal) as server:
        yield server


async def started(client: RpcClient, **params: Any) -> str:
    """A new thread with a call that has begun."""
    thread = await client.start_thread()
    await client.call("thread/realtime/start", **{"threadId": thread, "outputModality": "text", **params})
    await client.until(lambda note: note.method == "thread/realtime/started" and note.params["threadId"] == thread)
    return thread


def instructions(journal: Path) -> str:
    """Those of the newest session."""
    events = [json.loads(line)["event"] for line in journal.read_text().splitlines()]
    updates = [event["session"] for event in events if event["type"] == "session.update"]
    return str(updates[-1]["instructions"])


async def test_text_is_taken_before_the_upstream_is_there(tmp_path: Path, mock: MockServer) -> None:
    async with talking(tmp_path, mock) as client:
        thread = await client.start_thread()
        await client.call("thread/realtime/start", threadId=thread, outputModality="text")
        result = await client.call("thread/realtime/appendText", threadId=thread, text="early bird")
        assert result["seq"] >= 1
        done = await client.until("thread/realtime/transcript/done")
        assert done.params["text"] == "early bird"


async def test_a_second_start_replaces_the_first_and_both_say_what_they_are(tmp_path: Path, mock: MockServer) -> None:
    async with talking(tmp_path, mock) as client:
        thread = await started(client)
        await client.call("thread/realtime/start", threadId=thread, outputModality="text", prompt="second")
        await client.until(lambda _: len(client.named("thread/realtime/started")) == 2)
        order = [
            note.method.rpartition("/")[2]
            for note in client.notifications
            if note.method in ("thread/realtime/started", "thread/realtime/closed")
        ]
        assert order == ["started", "closed", "started"]


async def test_of_two_starts_the_later_one_stays_whichever_connects_first(
    tmp_path: Path, mock: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, connect = asyncio.Event(), WebSocketOpener.__call__

    async def slow_for_one(self: WebSocketOpener, config: SessionConfig) -> UpstreamConnection:
        connection = await connect(self, config)
        if config.session_id == "second":
            await late.wait()
        return connection

    monkeypatch.setattr(WebSocketOpener, "__call__", slow_for_one)
    async with talking(tmp_path, mock) as client:
        thread = await started(client, realtimeSessionId="first")
        second = {"threadId": thread, "outputModality": "text", "realtimeSessionId": "second"}
        await client.call("thread/realtime/start", **second)
        await client.call("thread/realtime/start", **{**second, "realtimeSessionId": "third"})
        await client.until(lambda _: len(client.named("thread/realtime/started")) == 2)
        late.set()
        await client.call("thread/realtime/appendText", threadId=thread, text="who is there")
        await client.until("thread/realtime/transcript/done")
        shown = await client.call("thread/read", threadId=thread)
        assert shown["thread"]["realtime"]["sessionId"] == "third"
        assert len(client.named("thread/realtime/closed")) == 1


async def test_a_call_that_ends_leaves_the_thread_to_the_one_that_is_on_its_way(
    tmp_path: Path, mock: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, connect = asyncio.Event(), WebSocketOpener.__call__

    async def slow_for_one(self: WebSocketOpener, config: SessionConfig) -> UpstreamConnection:
        if config.session_id == "second":
            await late.wait()
        return await connect(self, config)

    monkeypatch.setattr(WebSocketOpener, "__call__", slow_for_one)
    async with talking(tmp_path, mock, upstream={"reconnect": False}, server={"port": 0, "max_sessions": 1}) as client:
        thread = await started(client, realtimeSessionId="first")
        second = {"threadId": thread, "outputModality": "text", "realtimeSessionId": "second"}
        await client.call("thread/realtime/start", **second)
        mock.mock.faults.add({"fault": "drop", "on": "client", "match": {"type": "conversation.item.create"}})
        await client.call("thread/realtime/appendText", threadId=thread, text="the last words")
        await client.until("thread/realtime/closed")
        shown: Json = {}
        async with asyncio.timeout(10):
            while shown.get("sessionId") != "second":  # each look takes a round trip
                shown = (await client.call("thread/read", threadId=thread))["thread"].get("realtime", {})
        assert await _start(client, await client.start_thread()) == "overloaded"
        assert (await client.call("thread/realtime/appendText", threadId=thread, text="who is there"))["seq"]
        late.set()
        await client.until(lambda _: len(client.named("thread/realtime/started")) == 2)
        await client.until(lambda note: note.method.endswith("done") and note.params.get("text") == "who is there")


async def test_a_second_start_that_fails_leaves_the_first_alone(tmp_path: Path, mock: MockServer) -> None:
    async with talking(tmp_path, mock, upstream={"retries": 0}) as client:
        thread = await started(client)
        mock.mock.faults.add({"fault": "refuse", "on": "upgrade", "args": {"status": 500}, "times": 1})
        await client.call("thread/realtime/start", threadId=thread, outputModality="text")
        error = await client.until("thread/realtime/error")
        assert error.params["code"] == "upstream_refused"
        await client.call("thread/realtime/appendText", threadId=thread, text="still here")
        done = await client.until("thread/realtime/transcript/done")
        assert done.params["text"] == "still here"
        assert client.named("thread/realtime/closed") == []


async def test_a_first_connection_is_tried_again(tmp_path: Path, mock: MockServer) -> None:
    mock.mock.faults.add({"fault": "refuse", "on": "upgrade", "args": {"status": 503}, "times": 2})
    async with talking(tmp_path, mock) as client:
        await started(client)
        assert client.named("thread/realtime/error") == []


async def test_a_connect_that_hangs_keeps_nobody_else_waiting(tmp_path: Path, mock: MockServer) -> None:
    async with (
        hanging() as hole,
        opened(tmp_path, upstream={"base_url": f"{hole}/v1", "connect_timeout_s": 0.5, "retries": 0}) as url,
        connected(url) as client,
    ):
        thread = await client.start_thread()
        await client.call("thread/realtime/start", threadId=thread, outputModality="text")
        turn = await client.call("turn/start", threadId=thread, input=[{"type": "text", "text": "what is 2 plus 3"}])
        assert turn["turn"]["status"] == "inProgress"
        completed = await client.until("turn/completed")
        assert "5" in completed.params["turn"]["output"]
        error = await client.until("thread/realtime/error")
        assert error.params["code"] == "upstream_refused"


async def test_a_call_that_nobody_watches_ends(tmp_path: Path, mock: MockServer) -> None:
    limits = {"orphan_s": 0.5}
    async with opened(tmp_path, upstream={"base_url": mock.base_url}, limits=limits) as url:
        async with connected(url) as client:
            thread = await started(client)
        base = url.replace("ws", "http", 1).removesuffix("/v1/rpc")
        async with aiohttp.ClientSession() as http, asyncio.timeout(10):
            ended = False
            while not ended:  # each look takes a round trip
                records = await fetch(http, base, thread)
                items = [record["params"]["item"] for record in records]
                ended = any(item["type"] == "session" and item["status"] == "completed" for item in items)


async def test_more_calls_than_allowed_are_refused(tmp_path: Path, mock: MockServer) -> None:
    async with talking(tmp_path, mock, server={"port": 0, "max_sessions": 1}) as client:
        await started(client)
        other = await client.start_thread()
        with pytest.raises(RefusedError) as refused:
            await client.call("thread/realtime/start", threadId=other, outputModality="text")
        assert (refused.value.code, refused.value.name) == (-32001, "overloaded")
        assert refused.value.data["retryAfterMs"] > 0


async def test_calls_that_begin_at_one_moment_are_counted(tmp_path: Path, mock: MockServer) -> None:
    async with talking(tmp_path, mock, server={"port": 0, "max_sessions": 2}) as client:
        threads = [await client.start_thread() for _ in range(8)]
        begun = await asyncio.gather(*(_start(client, thread) for thread in threads))
        assert sorted(begun) == ["begun"] * 2 + ["overloaded"] * 6


async def test_starts_that_hang_do_not_pile_up_on_a_thread(tmp_path: Path, mock: MockServer) -> None:
    async with talking(tmp_path, mock) as client:
        thread = await started(client)
        mock.mock.faults.add({"fault": "stall", "on": "upgrade", "times": 100})
        begun = [await _start(client, thread) for _ in range(8)]
        assert begun == ["begun"] * 4 + ["overloaded"] * 4
        await client.call("thread/realtime/appendText", threadId=thread, text="still here")
        await client.until("thread/realtime/transcript/done")


async def _start(client: RpcClient, thread: str) -> str:
    """What came of it."""
    try:
        await client.call("thread/realtime/start", threadId=thread, outputModality="text")
    except RefusedError as refused:
        return str(refused.name)
    return "begun"


@pytest.mark.parametrize(("params", "told"), [({}, True), ({"includeStartupContext": False}, False)])
async def test_a_voice_is_told_what_was_said_before(
    tmp_path: Path, mock: MockServer, journal: Path, params: Json, told: bool
) -> None:
    async with talking(tmp_path, mock) as client:
        thread = await started(client)
        await client.call("thread/realtime/appendText", threadId=thread, text="my desk is in room seven")
        await client.until("thread/realtime/transcript/done")
        await client.call("thread/realtime/stop", threadId=thread)
        await client.until("thread/realtime/closed")
        await client.call(
            "thread/realtime/start", **{"threadId": thread, "outputModality": "text", "prompt": "", **params}
        )
        await client.until(lambda _: len(client.named("thread/realtime/started")) == 2)
        await client.call("thread/realtime/appendText", threadId=thread, text="x")
        await client.until(lambda _: len(client.named("thread/realtime/transcript/done")) == 2)
        assert ("my desk is in room seven" in instructions(journal)) is told
        assert ("<startup_context>" in instructions(journal)) is told


async def test_a_result_after_hanging_up_is_in_the_next_context(
    tmp_path: Path, mock: MockServer, journal: Path
) -> None:
    async with talking(tmp_path, mock) as client:
        thread = await started(client)
        asked = 'please call background_agent with {"prompt": "set a timer for 1 second"}'
        await client.call("thread/realtime/appendText", threadId=thread, text=asked)
        await client.until("turn/started")
        await client.call("thread/realtime/stop", threadId=thread)
        await client.until("thread/realtime/closed")
        completed = await client.until("turn/completed")
        assert completed.params["turn"]["status"] == "completed"
        output = completed.params["turn"]["output"]
        await client.call("thread/realtime/start", threadId=thread, outputModality="text")
        await client.until(lambda _: len(client.named("thread/realtime/started")) == 2)
        await client.call("thread/realtime/appendText", threadId=thread, text="x")
        await client.until("thread/realtime/transcript/done")
        assert output in instructions(journal)


async def test_push_to_talk_commits_and_is_answered(tmp_path: Path, mock: MockServer) -> None:
    async with talking(tmp_path, mock) as client:
        thread = await started(client, turnDetection=None)
        for _ in range(10):
            audio = {"data": SILENCE, "sampleRate": 24_000, "numChannels": 1}
            await client.call("thread/realtime/appendAudio", threadId=thread, audio=audio)
        await client.call("thread/realtime/commitAudio", threadId=thread)
        await client.until(lambda _: len(client.named("thread/realtime/transcript/done")) == 2)
        said = [note.params["role"] for note in client.named("thread/realtime/transcript/done")]
        assert sorted(said) == ["assistant", "user"]


async def test_audio_goes_to_whoever_takes_it_over(tmp_path: Path, mock: MockServer) -> None:
    async with opened(tmp_path, upstream={"base_url": mock.base_url}) as url, connected(url) as first:
        thread = await started(first, outputModality="audio")
        async with connected(url) as second:
            await second.call("thread/resume", threadId=thread, audio=True)
            await second.call("thread/realtime/appendText", threadId=thread, text="speak up", respond=True)
            await second.until("thread/realtime/outputAudio/delta")
            for client in (first, second):
                await client.until(lambda note: note.params.get("responseActive") is False)
            assert first.named("thread/realtime/outputAudio/delta") == []
            assert first.named("thread/realtime/transcript/done") != []


async def test_whoever_unsubscribes_hears_nothing_more_until_it_calls_again(tmp_path: Path, mock: MockServer) -> None:
    upstream = {"base_url": mock.base_url}
    async with opened(tmp_path, upstream=upstream) as url, connected(url) as client, connected(url) as watcher:
        thread = await started(client, outputModality="audio")
        await watcher.call("thread/resume", threadId=thread)
        assert await client.call("thread/unsubscribe", threadId=thread) == {"status": "unsubscribed"}
        assert await client.call("thread/unsubscribe", threadId=thread) == {"status": "notSubscribed"}
        told = len(client.notifications)
        await watcher.call("thread/realtime/appendText", threadId=thread, text="are you there?", respond=True)
        await watcher.until(lambda note: note.item.get("type") == "assistantMessage" and bool(note.item.get("text")))
        assert watcher.named("thread/realtime/outputAudio/delta") == []
        await client.call("thread/list")
        assert len(client.notifications) == told
        await client.call("thread/realtime/appendText", threadId=thread, text="here I am")
        await client.until(lambda note: note.item.get("text") == "here I am")


async def test_of_a_thread_on_which_nothing_happens_there_is_nothing_to_unsubscribe_from(
    tmp_path: Path, mock: MockServer
) -> None:
    async with talking(tmp_path, mock) as client:
        unknown = "00000000-0000-7000-8000-000000000000"
        assert await client.call("thread/unsubscribe", threadId=unknown) == {"status": "notLoaded"}


async def test_whoever_comes_back_is_told_whether_a_call_runs(tmp_path: Path, mock: MockServer) -> None:
    async with opened(tmp_path, upstream={"base_url": mock.base_url}) as url, connected(url) as client:
        thread = await started(client)
        read = await client.call("thread/read", threadId=thread)
        resumed = await client.call("thread/resume", threadId=thread)
        assert resumed["thread"]["realtime"]["sessionId"] == read["thread"]["realtime"]["sessionId"]
        await client.call("thread/realtime/stop", threadId=thread)
        await client.until("thread/realtime/closed")
        assert "realtime" not in (await client.call("thread/resume", threadId=thread))["thread"]


@pytest.mark.parametrize("texts", [["x" * 95_000] * 12 + ["small"] * 20, ["before", "日" * 600_000, "after", "that"]])
async def test_whoever_reads_gets_records_of_any_size(texts: list[str], tmp_path: Path, mock: MockServer) -> None:
    upstream = {"base_url": mock.base_url}
    async with opened(tmp_path, upstream=upstream) as url, connected(url) as talker, connected(url) as reader:
        thread = await started(talker)
        for text in texts:
            await talker.call("thread/realtime/appendText", threadId=thread, text=text, respond=False)
        head = (await reader.call("thread/resume", threadId=thread, afterSeq=0))["seq"]
        await reader.until("thread/replayDone")
        seqs = [note.params["seq"] for note in reader.notifications if note.item]
        assert seqs == list(range(1, head + 1))
        assert [note.item["text"] for note in reader.notifications if note.item.get("role") == "user"] == texts


async def test_whoever_comes_back_is_told_that_the_thread_was_put_away(tmp_path: Path, mock: MockServer) -> None:
    async with talking(tmp_path, mock) as client:
        thread = await started(client)
        await client.call("thread/archive", threadId=thread)
        resumed = (await client.call("thread/resume", threadId=thread))["thread"]
        assert resumed["archived"] is True


async def test_why_a_call_cannot_be_begun_is_told_behind_the_answer(tmp_path: Path, mock: MockServer) -> None:
    async with talking(tmp_path, mock) as client:
        thread = await client.start_thread()
        asked = {"threadId": thread, "outputModality": "audio", "voice": "cove"}
        before = len(client.messages)
        await client.call("thread/realtime/start", **asked)
        error = await client.until("thread/realtime/error")
        assert "cove" in error.params["message"]
        assert [message.get("method", "answer") for message in client.messages[before:]] == [
            "answer",
            "thread/realtime/error",
        ]


async def test_leaving_tells_the_caller_and_keeps_what_was_said(tmp_path: Path, mock: MockServer) -> None:
    settings = load(flags={"data": tmp_path, "server": {"port": 0}, "upstream": {"base_url": mock.base_url}})
    gateway = Gateway(settings)
    doors = serving(gateway, settings.server, settings.limits, gateway.telemetry)
    async with AsyncExitStack() as stack:
        async with gateway.running(), doors as address:
            client = await stack.enter_async_context(connected(address.replace("http", "ws", 1)))
            thread = await started(client)
            seq = (await client.call("thread/realtime/appendText", threadId=thread, text="last words"))["seq"]
            await gateway.drain()
            closed = await client.until("thread/realtime/closed")
            assert closed.params["reason"] == "draining"
            await client.until(
                lambda note: (note.item.get("type"), note.item.get("status")) == ("session", "completed")
            )
            with pytest.raises(RefusedError) as refused:
                await client.call("thread/realtime/start", threadId=thread, outputModality="text")
            assert refused.value.name == "draining"
        assert (await client.wait_gone()).code == 1012
    stored = {record["seq"]: record["params"] for record in read(tmp_path / "voxgate.db", thread)}
    assert stored[seq]["item"]["text"] == "last words"


async def test_a_peer_that_cannot_be_closed_takes_nobody_along(
    tmp_path: Path, mock: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: PeerAudio) -> None:
        raise RuntimeError("a library's own trouble")

    monkeypatch.setattr(PeerAudio, "close", fail)
    async with talking(tmp_path, mock) as client:
        other = await started(client)
        thread = await client.start_thread()
        transport = {"type": "webrtc", "sdp": "v=0\r\n", "answeredBy": "gateway"}
        await client.call("thread/realtime/start", threadId=thread, outputModality="audio", transport=transport)
        error = await client.until("thread/realtime/error")
        assert error.params["code"] == "invalid_offer"
        await client.call("thread/realtime/appendText", threadId=other, text="still here")
        assert (await client.until("thread/realtime/transcript/done")).params["threadId"] == other


async def test_two_calls_side_by_side_do_not_meet(tmp_path: Path, mock: MockServer) -> None:
    async with talking(tmp_path, mock) as client:
        threads = [await started(client) for _ in range(2)]
        for number, thread in enumerate(threads):
            await client.call("thread/realtime/appendText", threadId=thread, text=f"words of {number}")
        await client.until(lambda _: len(client.named("thread/realtime/transcript/done")) == 2)
        heard = {
            note.params["threadId"]: note.params["text"] for note in client.named("thread/realtime/transcript/done")
        }
        assert heard == {threads[0]: "words of 0", threads[1]: "words of 1"}


def test_a_notification_is_serialised_once_for_all() -> None:
    message = Outgoing("thread/started", '{"a":1}')
    assert message.rpc is message.rpc
    assert message.rpc == '{"method":"thread/started","params":{"a":1}}'
