"""Keys, client secrets, the beta, calls and their sidebands, the clock, and clients that do not read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import websockets
from openai import AsyncOpenAI
from openai.types.realtime import ClientSecretCreateResponse
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.typing import Subprotocol

from realtime.mock import connection
from realtime.mock.carrier import MemoryCarrier
from realtime.mock.host import MockHost
from realtime.mock.magic import DefaultScript
from realtime.mock.server import MockServer
from tests.mock.sdk_types import unlisted
from tests.mock.talk import said
from tests.mock.wire import PATIENCE_S, Client, address, connected
from transports.link import MessageLink, memory_pair

KEY = {"Authorization": "Bearer sk-right"}


@pytest.fixture
async def locked() -> AsyncIterator[MockServer]:
    async with MockServer(seed=3, api_key="sk-right") as server:
        yield server


async def secret(server: MockServer, **body: Any) -> dict[str, Any]:
    url = f"{server.base_url}/realtime/client_secrets"
    async with aiohttp.ClientSession() as http, http.post(url, json=body, headers=KEY) as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def refused(server: MockServer, query: str = "?model=gpt-realtime", **options: Any) -> tuple[int, dict[str, Any]]:
    """Status and error of a handshake that must fail."""
    with pytest.raises(InvalidStatus) as caught:
        await websockets.connect(address(server, query), **options)
    response = caught.value.response
    return response.status_code, json.loads(response.body or b"")["error"]


class TestSecrets:
    async def test_a_secret_carries_its_session_to_any_number_of_connections(self, locked: MockServer) -> None:
        audio = {"output": {"voice": "cedar"}, "input": {"turn_detection": None}}
        session = {"type": "realtime", "model": "gpt-realtime-2", "instructions": "Be kind.", "audio": audio}
        made = await secret(locked, session=session)
        assert made["value"].startswith("ek_")
        assert made["expires_at"] == pytest.approx(locked.mock.clock.now() + 600, abs=2)
        assert (made["session"]["object"], made["session"]["type"]) == ("realtime.session", "realtime")
        for _ in range(2):
            offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{made['value']}")]
            async with websockets.connect(address(locked, ""), subprotocols=offered) as socket:
                shown = json.loads(await socket.recv())["session"]
            assert (shown["model"], shown["instructions"]) == ("gpt-realtime-2", "Be kind.")
            assert shown["audio"]["output"]["voice"] == "cedar"
            assert shown["audio"]["input"]["turn_detection"] is None

    async def test_a_secret_expires_and_its_session_lives_on(self, locked: MockServer) -> None:
        made = await secret(locked, expires_after={"anchor": "created_at", "seconds": 30})
        headers = {"Authorization": f"Bearer {made['value']}"}
        async with connected(locked, additional_headers=headers) as client:
            locked.mock.advance(29.0)
            async with connected(locked, additional_headers=headers):
                pass
            locked.mock.advance(2.0)
            status, error = await refused(locked, additional_headers=headers)
            assert (status, error["code"]) == (401, "invalid_api_key")
            assert said(await client.ask("still here")) == "still here"

    async def test_an_unknown_secret_is_refused_even_where_no_key_is_asked_for(self, server: MockServer) -> None:
        status, _ = await refused(server, additional_headers={"Authorization": "Bearer ek_nobody"})
        assert status == 401

    async def test_a_secret_makes_no_secrets(self, locked: MockServer, http: aiohttp.ClientSession) -> None:
        made = await secret(locked)
        url = f"{locked.base_url}/realtime/client_secrets"
        async with http.post(url, json={}, headers={"Authorization": f"Bearer {made['value']}"}) as answer:
            assert answer.status == 401

    @pytest.mark.parametrize(
        ("body", "code", "param"),
        [
            ({"expires_after": {"anchor": "created_at", "seconds": 9}}, "invalid_value", "expires_after.seconds"),
            ({"expires_after": {"anchor": "created_at", "seconds": 7201}}, "invalid_value", "expires_after.seconds"),
            ({"expires_after": {"anchor": "now", "seconds": 60}}, "invalid_value", "expires_after.anchor"),
            ({"session": {"voice": "cedar"}}, "missing_required_parameter", "session.type"),
            ({"session": {"type": "realtime", "colour": "red"}}, "unknown_parameter", "session.colour"),
            ({"colour": "red"}, "unknown_parameter", "colour"),
        ],
    )
    async def test_a_wrong_request_is_refused(
        self, http: aiohttp.ClientSession, body: dict[str, Any], code: str, param: str
    ) -> None:
        async with http.post("/v1/realtime/client_secrets", json=body) as answer:
            assert answer.status == 400
            error = (await answer.json())["error"]
        assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)

    async def test_the_answer_for_a_transcription_holds_what_its_type_lists(self, locked: MockServer) -> None:
        heard = {"transcription": {"model": "gpt-4o-transcribe"}, "turn_detection": {"type": "server_vad"}}
        made = await secret(locked, session={"type": "transcription", "audio": {"input": heard}})
        parsed = ClientSecretCreateResponse.model_validate(made, strict=True)
        assert list(unlisted(parsed, "")) == []
        assert made["session"]["object"] == "realtime.transcription_session"
        async with websockets.connect(
            address(locked, ""), additional_headers={"Authorization": f"Bearer {made['value']}"}
        ) as socket:
            shown = json.loads(await socket.recv())["session"]
        assert shown["audio"] == made["session"]["audio"]

    async def test_the_sdk_makes_them_and_connects_with_them(self, locked: MockServer) -> None:
        async with AsyncOpenAI(base_url=locked.base_url, api_key="sk-right", max_retries=0) as client:
            made = await client.realtime.client_secrets.create(
                session={"type": "realtime", "output_modalities": ["text"]},
                expires_after={"anchor": "created_at", "seconds": 7200},
            )
        assert made.session.type == "realtime"
        async with (
            AsyncOpenAI(base_url=locked.base_url, api_key=made.value, max_retries=0) as client,
            client.realtime.connect(model="gpt-realtime") as socket,
        ):
            created = await socket.recv()
        assert created.type == "session.created"
        assert created.session.type == "realtime"
        assert created.session.output_modalities == ["text"]


async def test_a_wrong_key_is_told_exactly(locked: MockServer) -> None:
    status, error = await refused(locked, additional_headers={"Authorization": "Bearer sk-wrong"})
    assert status == 401
    assert error == {
        "message": "Incorrect API key provided.",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_api_key",
    }


async def test_a_transcription_session_by_its_intent(server: MockServer) -> None:
    async with websockets.connect(address(server, "?intent=transcription")) as socket:
        session = json.loads(await socket.recv())["session"]
    assert (session["type"], session["object"]) == ("transcription", "realtime.transcription_session")


async def test_pages_may_ask_and_read_the_location(http: aiohttp.ClientSession) -> None:
    async with http.options("/v1/realtime/calls", headers={"Origin": "http://page.example"}) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    async with http.post("/v1/realtime/calls", data="v=0", headers={"Content-Type": "application/sdp"}) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == "missing_required_parameter"
        assert answer.headers["Access-Control-Expose-Headers"] == "Location"


class TestBeta:
    @pytest.mark.parametrize(
        "options",
        [
            {"additional_headers": {"OpenAI-Beta": "realtime=v1"}},
            {"subprotocols": [Subprotocol("realtime"), Subprotocol("openai-beta.realtime-v1")]},
        ],
        ids=["header", "subprotocol"],
    )
    async def test_a_beta_handshake_ends_with_4000(self, server: MockServer, options: dict[str, Any]) -> None:
        async with websockets.connect(address(server), **options) as socket:
            error = json.loads(await socket.recv())["error"]
            assert error["code"] == "beta_api_shape_disabled"
            assert error["message"].startswith("The Realtime Beta API is no longer supported")
            with pytest.raises(ConnectionClosedError) as caught:
                await socket.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 4000

    @pytest.mark.parametrize("member", ["modalities", "voice", "input_audio_format", "turn_detection"])
    async def test_a_flat_session_ends_with_4000(self, server: MockServer, member: str) -> None:
        async with connected(server) as client:
            await client.send("session.update", session={member: None}, event_id="e1")
            error = (await client.until("error"))["error"]
            assert (error["code"], error["event_id"]) == ("beta_api_shape_disabled", "e1")
            with pytest.raises(ConnectionClosedError) as caught:
                await client.receive()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 4000

    async def test_it_can_be_switched_off(self, server: MockServer) -> None:
        server.mock.refuse_beta = False
        async with connected(server, additional_headers={"OpenAI-Beta": "realtime=v1"}) as client:
            await client.send("session.update", session={"voice": "ash"})
            assert (await client.until("error"))["error"]["param"] == "session.type"

    @pytest.mark.parametrize("path", ["sessions", "transcription_sessions"])
    async def test_its_routes_are_gone(self, http: aiohttp.ClientSession, path: str) -> None:
        async with http.post(f"/v1/realtime/{path}", json={}) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]["code"] == "beta_api_shape_disabled"


class Call:
    """A call without media: its first connection is a link in memory."""

    def __init__(self, link: MessageLink, call_id: str) -> None:
        self.link = link
        self.id = call_id

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            event: dict[str, Any] = json.loads(await self.link.receive())
        return event

    async def until(self, kind: str) -> dict[str, Any]:
        while (event := await self.receive())["type"] != kind:
            pass
        return event


@asynccontextmanager
async def calling(server: MockServer) -> AsyncIterator[Call]:
    ours, theirs = memory_pair()
    call = Call(ours, server.mock.new_call_id())
    async with asyncio.TaskGroup() as group:
        group.create_task(server.mock.serve(MemoryCarrier(theirs), "gpt-realtime", call_id=call.id))
        await call.until("session.created")
        yield call
        await ours.close()


def sideband(server: MockServer, call: Call) -> str:
    return address(server, f"?call_id={call.id}")


class TestSideband:
    async def test_both_connections_speak_with_one_session(self, server: MockServer) -> None:
        async with calling(server) as call, websockets.connect(sideband(server, call)) as socket:
            client = Client(socket, lenient=False)
            await client.until("session.created")
            await client.send("session.update", session={"type": "realtime", "instructions": "Be kind."})
            for update in (await client.until("session.updated"), await call.until("session.updated")):
                assert update["session"]["instructions"] == "Be kind."
            assert said(await client.ask("from the side")) == "from the side"
            assert said((await call.until("response.done"))["response"]) == "from the side"
            await call.link.send('{"type": "input_audio_buffer.clear"}')
            await client.until("input_audio_buffer.cleared")
            (session,) = server.mock.sessions()
            assert (session["call_id"], len(session["connections"])) == (call.id, 2)

    async def test_either_may_leave_and_the_call_goes_on(self, server: MockServer) -> None:
        async with calling(server) as call:
            async with websockets.connect(sideband(server, call)) as socket:
                await Client(socket, lenient=False).until("session.created")
            await call.link.send('{"type": "input_audio_buffer.clear"}')
            await call.until("input_audio_buffer.cleared")
            async with websockets.connect(sideband(server, call)) as socket:
                client = Client(socket, lenient=False)
                await client.until("session.created")
                await call.link.close()
                assert said(await client.ask("alone")) == "alone"

    async def test_a_call_that_is_unknown_or_over_is_404(self, server: MockServer) -> None:
        status, error = await refused(server, "?call_id=rtc_nobody")
        assert (status, error["code"]) == (404, "call_id_not_found")
        async with calling(server) as call:
            pass
        assert (await refused(server, f"?call_id={call.id}"))[0] == 404

    async def test_hanging_up_ends_it_for_all(self, server: MockServer, http: aiohttp.ClientSession) -> None:
        async with calling(server) as call, websockets.connect(sideband(server, call)) as socket:
            client = Client(socket, lenient=False)
            await client.until("session.created")
            async with http.post(f"/v1/realtime/calls/{call.id}/refer", json={}) as answer:
                assert answer.status == 400
            async with http.post(f"/v1/realtime/calls/{call.id}/hangup") as answer:
                assert answer.status == 200
            with pytest.raises(ConnectionClosedOK):
                await client.receive()
        async with http.post(f"/v1/realtime/calls/{call.id}/hangup") as answer:
            assert answer.status == 404


async def test_the_clock_can_be_set(server: MockServer, http: aiohttp.ClientSession) -> None:
    async with connected(server) as client:
        async with http.post("/_mock/clock", json={"advance": 3599}) as answer:
            after = (await answer.json())["now"]
        assert said(await client.ask("still time")) == "still time"
        async with http.post("/_mock/clock", json={"advance": 2}) as answer:
            assert (await answer.json())["now"] >= after + 2
        assert (await client.until("error"))["error"]["code"] == "session_expired"
    for wrong in ({}, {"advance": -1}, {"advance": "x"}):
        async with http.post("/_mock/clock", json=wrong) as answer:
            assert answer.status == 400


async def test_the_bill_of_a_session_can_be_seen(server: MockServer) -> None:
    async with connected(server) as client:
        responses = [await client.ask("hello"), await client.ask("again")]
        (session,) = server.mock.sessions()
    totals = {name: sum(each["usage"][name] for each in responses) for name in ("input_tokens", "output_tokens")}
    assert session["bill"] == {"responses": 2, "cached_tokens": 0, **totals}


class Deaf:
    """A carrier whose other side neither reads nor writes."""

    def __init__(self) -> None:
        self.closed: int | None = None

    async def send(self, text: str) -> None:
        await asyncio.Event().wait()

    async def receive(self) -> str | bytes:
        await asyncio.Event().wait()
        return ""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed = code

    async def abort(self, *, reset: bool) -> None:
        raise AssertionError("there is no need for force")


async def test_a_client_that_does_not_read_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOST_QUEUED", 100_000)
    host, carrier = MockHost(DefaultScript()), Deaf()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        serving = group.create_task(host.serve(carrier, "gpt-realtime"))
        while not serving.done():
            await asyncio.sleep(0)  # the connection has its turn
            for session in host.sessions():
                host.push(session["id"], {"type": "made.up", "padding": "x" * 10_000})
    assert carrier.closed == 1008
    assert host.sessions() == []
