"""The mock's doors over real sockets."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.typing import Subprotocol

from realtime.errors import ConfigurationError
from realtime.mock.host import serve_link
from realtime.mock.magic import DefaultScript
from realtime.mock.model import ModelSettings
from realtime.mock.server import MockOptions, MockServer, run_mock
from tests.mock.talk import function, said
from tests.mock.wire import PATIENCE_S, Client, address, connected
from transports.errors import LinkClosed
from transports.link import memory_pair


async def test_a_text_turn_and_a_call(server: MockServer) -> None:
    async with connected(server) as client:
        await client.send("session.update", session={"type": "realtime", "tools": [function("f")]})
        assert said(await client.ask("hello there")) == "hello there"
        (call,) = (await client.ask('please call f with {"a": 1}'))["output"]
        assert call["arguments"] == '{"a": 1}'
        assert client.socket.subprotocol is None


async def test_two_sessions_share_nothing(server: MockServer) -> None:
    async with connected(server) as first, connected(server) as second:
        await asyncio.gather(first.ask("one"), second.ask("two"))
        assert first.events[0]["session"]["id"] != second.events[0]["session"]["id"]
        assert said(first.events[-1]["response"]) == "one"
        assert said(second.events[-1]["response"]) == "two"


async def test_compression_is_not_negotiated(server: MockServer) -> None:
    async with connected(server, compression="deflate") as client:
        assert client.socket.response is not None
        assert "Sec-WebSocket-Extensions" not in client.socket.response.headers


async def test_what_is_no_event_is_answered_and_the_session_lives(server: MockServer) -> None:
    async with connected(server) as client:
        for frame in ("no json", "[1]", '{"a": NaN}', b"\xff\x00"):
            await client.socket.send(frame)
            assert (await client.receive())["error"]["code"] == "invalid_json"
        assert said(await client.ask("still there")) == "still there"


async def test_a_handshake_needs_a_model_and_a_known_call(server: MockServer) -> None:
    for query, status in (("", 400), ("?model=", 400), ("?call_id=rtc_x", 404)):
        with pytest.raises(InvalidStatus) as caught:
            await websockets.connect(address(server, query))
        assert caught.value.response.status_code == status
        assert json.loads(caught.value.response.body or b"")["error"]["message"]


class TestKey:
    async def test_by_header(self) -> None:
        async with MockServer(api_key="sk-right") as server:
            headers = {"Authorization": "Bearer sk-right"}
            async with connected(server, additional_headers=headers) as client:
                assert said(await client.ask("in")) == "in"

    async def test_by_subprotocol(self) -> None:
        async with MockServer(api_key="sk-right") as server:
            offered = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.sk-right")]
            async with connected(server, subprotocols=offered) as client:
                assert client.socket.subprotocol == "realtime"

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer sk-wrong"}])
    async def test_a_wrong_one_is_refused(self, headers: dict[str, str]) -> None:
        async with MockServer(api_key="sk-right") as server, aiohttp.ClientSession() as http:
            with pytest.raises(InvalidStatus) as caught:
                await websockets.connect(address(server), additional_headers=headers)
            assert caught.value.response.status_code == 401
            error = json.loads(caught.value.response.body or b"")["error"]
            assert (error["code"], error["type"]) == ("invalid_api_key", "invalid_request_error")
            for method, path in (("GET", "/models"), ("POST", "/responses")):
                async with http.request(method, server.base_url + path, headers=headers, json={}) as answer:
                    assert answer.status == 401


async def test_models_are_listed(http: aiohttp.ClientSession) -> None:
    async with http.get("/v1/models") as answer:
        body = await answer.json()
    assert "gpt-realtime" in [model["id"] for model in body["data"]]


async def test_sessions_can_be_looked_into(server: MockServer, http: aiohttp.ClientSession) -> None:
    async with connected(server) as client:
        await client.ask("hello")
        async with http.get("/_mock/sessions") as answer:
            (session,) = (await answer.json())["sessions"]
        assert session["conn"] == "c1"
        assert session["id"] == client.events[0]["session"]["id"]
        assert [item["role"] for item in session["items"]] == ["user", "assistant"]
    async with http.get("/_mock/sessions") as answer:
        assert (await answer.json())["sessions"] == []


async def test_any_event_can_be_pushed(server: MockServer, http: aiohttp.ClientSession) -> None:
    async with connected(server, lenient=True) as client:
        for session in ("c1", client.events[0]["session"]["id"]):
            async with http.post("/_mock/push", json={"session": session, "event": {"type": "made.up"}}) as answer:
                assert answer.status == 200
            assert (await client.receive())["type"] == "made.up"
        async with http.post("/_mock/push", json={"session": "c9", "event": {"type": "made.up"}}) as answer:
            assert answer.status == 404
        wrong: list[dict[str, Any]] = [{"session": "c1"}, {"event": {}}, {"session": "c1", "event": 5}]
        for body in wrong:
            async with http.post("/_mock/push", json=body) as answer:
                assert answer.status == 400


async def test_the_log_has_every_frame(tmp_path: Path) -> None:
    log = tmp_path / "mock.jsonl"
    before = time.time()
    async with MockServer(log=log) as server, connected(server) as client:
        await client.ask("hello")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["event"]["type"] for line in lines if line["dir"] == "client"] == [
        "conversation.item.create",
        "response.create",
    ]
    assert [line["event"] for line in lines if line["dir"] == "server"] == client.events
    assert {line["conn"] for line in lines} == {"c1"}
    assert all(before <= line["t"] <= time.time() for line in lines)


async def test_the_session_limit_closes_with_1001() -> None:
    server = MockServer()
    server.mock.settings = ModelSettings(session_limit_s=0.2)
    async with server, connected(server) as client:
        assert (await client.until("error"))["error"]["code"] == "session_expired"
        with pytest.raises(ConnectionClosedOK) as caught:
            await client.receive()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001


async def test_a_server_that_leaves_closes_properly() -> None:
    async with MockServer() as server:
        socket = await websockets.connect(address(server))
        client = Client(socket, lenient=False)
        await client.receive()
    with pytest.raises(ConnectionClosedOK) as caught:
        await client.receive()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1001


class TestFaults:
    async def strike(self, http: aiohttp.ClientSession, fault: str, on: str = "server", **more: Any) -> str:
        async with http.post("/_mock/faults", json={"fault": fault, "on": on, **more}) as answer:
            assert answer.status == 201
            return str((await answer.json())["id"])

    async def test_the_table_over_http(self, http: aiohttp.ClientSession) -> None:
        fault_id = await self.strike(http, "lose", match={"type": "response.done"}, nth=2)
        async with http.get("/_mock/faults") as answer:
            (fault,) = (await answer.json())["faults"]
        assert (fault["id"], fault["nth"], fault["match"]) == (fault_id, 2, {"type": "response.done"})
        async with http.post("/_mock/faults", json={"fault": "melt", "on": "server"}) as answer:
            assert answer.status == 400
        async with http.delete(f"/_mock/faults/{fault_id}") as answer:
            assert answer.status == 204
        async with http.delete(f"/_mock/faults/{fault_id}") as answer:
            assert answer.status == 404
        await self.strike(http, "lose")
        async with http.delete("/_mock/faults") as answer:
            assert answer.status == 204
        async with http.get("/_mock/faults") as answer:
            assert (await answer.json())["faults"] == []

    async def test_a_refused_handshake(self, server: MockServer, http: aiohttp.ClientSession) -> None:
        await self.strike(http, "refuse", "upgrade", args={"status": 429, "retryAfter": 3})
        with pytest.raises(InvalidStatus) as caught:
            await websockets.connect(address(server))
        assert caught.value.response.status_code == 429
        assert caught.value.response.headers["Retry-After"] == "3"
        async with connected(server):
            pass

    async def test_lost_and_doubled_frames(self, server: MockServer, http: aiohttp.ClientSession) -> None:
        await self.strike(http, "lose", match={"type": "response.created"})
        await self.strike(http, "double", match={"type": "response.done"})
        async with connected(server, lenient=True) as client:
            await client.ask("hello")
            assert "response.created" not in client.kinds()
            assert (await client.receive())["type"] == "response.done"

    async def test_a_doubled_client_frame(self, server: MockServer, http: aiohttp.ClientSession) -> None:
        await self.strike(http, "double", "client", match={"type": "conversation.item.create"})
        async with connected(server) as client:
            await client.ask("hello")
            assert client.kinds().count("conversation.item.added") == 3

    async def test_garbage_and_oversized_frames(self, server: MockServer, http: aiohttp.ClientSession) -> None:
        await self.strike(http, "garbage", match={"type": "response.created"}, args={"text": "{{{"})
        await self.strike(http, "oversized", match={"type": "response.done"}, args={"bytes": 2_000_000})
        async with connected(server, lenient=True) as client:
            await client.type("hello")
            await client.send("response.create")
            for _ in range(2):
                await client.receive()
            assert await client.socket.recv() == "{{{"
            oversized = await client.until("mock.oversized")
            assert len(oversized["padding"]) == 2_000_000
            await client.until("response.done")

    async def test_reordered_frames(self, server: MockServer, http: aiohttp.ClientSession) -> None:
        await self.strike(http, "reorder", match={"type": "conversation.item.added"})
        async with connected(server, lenient=True) as client:
            await client.type("hello")
            assert [(await client.receive())["type"] for _ in range(2)] == [
                "conversation.item.done",
                "conversation.item.added",
            ]

    async def test_a_delayed_frame(self, server: MockServer, http: aiohttp.ClientSession) -> None:
        await self.strike(http, "delay", match={"type": "response.created"}, args={"seconds": 0.3})
        async with connected(server) as client:
            await client.type("hello")
            await client.until("conversation.item.done")
            start = time.monotonic()
            await client.send("response.create")
            await client.until("response.created")
            assert time.monotonic() - start >= 0.3

    async def test_a_close_with_a_code(self, server: MockServer, http: aiohttp.ClientSession) -> None:
        await self.strike(http, "close", "client", match={"type": "response.create"}, args={"code": 1011})
        async with connected(server) as client:
            with pytest.raises(ConnectionClosedError) as caught:
                await client.ask("hello")
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1011

    @pytest.mark.parametrize("fault", ["drop", "rst"])
    async def test_a_broken_connection(self, server: MockServer, http: aiohttp.ClientSession, fault: str) -> None:
        await self.strike(http, fault, match={"type": "response.output_audio.delta"})
        async with connected(server) as client:
            with pytest.raises(ConnectionClosedError) as caught:
                await client.ask("hello")
            assert caught.value.rcvd is None
        async with connected(server) as client:
            await client.ask("hello")

    async def test_hung_up(self, server: MockServer, http: aiohttp.ClientSession) -> None:
        await self.strike(http, "hang_up", "client", match={"type": "response.create"})
        async with connected(server) as client:
            await client.send("response.create")
            with pytest.raises(ConnectionClosedOK) as caught:
                await client.until("response.done")
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1000

    async def test_an_early_expiry(self, server: MockServer, http: aiohttp.ClientSession) -> None:
        await self.strike(http, "expire", "client", match={"type": "response.create"})
        async with connected(server) as client:
            await client.type("hello")
            await client.send("response.create")
            assert (await client.until("error"))["error"]["code"] == "session_expired"
            with pytest.raises(ConnectionClosedOK):
                await client.receive()

    async def test_a_stalled_connection_still_answers_pings(
        self, server: MockServer, http: aiohttp.ClientSession
    ) -> None:
        await self.strike(http, "stall", match={"type": "response.created"})
        async with connected(server) as client:
            await client.type("hello")
            await client.until("conversation.item.done")
            await client.send("response.create")
            async with asyncio.timeout(PATIENCE_S):
                await (await client.socket.ping())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await client.socket.recv()

    async def test_a_half_open_connection_answers_nothing(
        self, server: MockServer, http: aiohttp.ClientSession
    ) -> None:
        await self.strike(http, "half_open", "client", match={"type": "response.create"})
        async with connected(server, close_timeout=0.1, ping_interval=None) as client:
            await client.send("response.create")
            pong = await client.socket.ping()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await pong


class TestLink:
    async def test_a_session_over_a_link_in_memory(self) -> None:
        ours, theirs = memory_pair()
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            group.create_task(serve_link(theirs, DefaultScript(), settings=ModelSettings(model="gpt-realtime-2")))
            assert json.loads(await ours.receive())["session"]["model"] == "gpt-realtime-2"
            await ours.send('{"type": "response.create"}')
            while json.loads(await ours.receive())["type"] != "response.done":
                pass
            await ours.close()

    async def test_expiry_closes_the_link(self) -> None:
        ours, theirs = memory_pair()
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            group.create_task(serve_link(theirs, DefaultScript(), settings=ModelSettings(session_limit_s=0.05)))
            received = [json.loads(await ours.receive())["type"] for _ in range(2)]
            with pytest.raises(LinkClosed) as caught:
                await ours.receive()
        assert received == ["session.created", "error"]
        assert caught.value.code == 1001

    async def test_without_a_seed_sessions_have_their_own_ids(self) -> None:
        created = []
        for _ in range(2):
            ours, theirs = memory_pair()
            async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
                group.create_task(serve_link(theirs, DefaultScript()))
                created.append(json.loads(await ours.receive())["session"]["id"])
                await ours.close()
        assert created[0] != created[1]


class TestRun:
    async def test_it_serves_until_it_is_cancelled(self, tmp_path: Path) -> None:
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        options = MockOptions(port=0, script="assistant", scenario="failed-transcription", log=tmp_path / "log")
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            task = group.create_task(run_mock(options, ready.set_result))
            base_url = await ready
            async with websockets.connect(base_url.replace("http", "ws") + "/realtime?model=m") as socket:
                client = Client(socket, lenient=False)
                assert "Hello" in said(await client.ask("hello"))
            task.cancel()
        assert (tmp_path / "log").read_text()

    @pytest.mark.parametrize(
        "wrong",
        [MockOptions(port=0, script="nobody"), MockOptions(port=0, scenario="nobody")],
        ids=["script", "scenario"],
    )
    async def test_wrong_options_are_refused_before_it_listens(self, wrong: MockOptions) -> None:
        with pytest.raises(ConfigurationError, match="nobody"):
            await run_mock(wrong, print)

    async def test_a_log_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="No such file") as caught:
            await run_mock(MockOptions(port=0, log=tmp_path / "missing" / "log"), print)
        assert caught.value.setting == "--log"

    async def test_a_port_that_is_taken_is_an_error(self, server: MockServer) -> None:
        with pytest.raises(OSError, match="address already in use"):
            await run_mock(MockOptions(port=server.port), print)
