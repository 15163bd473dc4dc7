"""Calls by WebRTC through the Realtime API's door, with a real peer at the page's end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from realtime.errors import StoreError
from realtime.mock.server import MockServer
from realtime.protocol.appserver import ThreadStartParams
from realtime.protocol.json import JsonObject
from tests.gateway.browser_peer import Page, calling
from tests.realtime_door.house import House, Talk, words
from tests.realtime_door.house import house as opened
from tests.transports.line import caller_connection

SESSION = {"type": "realtime", "instructions": "Be kind.", "audio": {"output": {"voice": "cedar"}}}


@pytest.fixture
async def house(tmp_path: Path, mock: MockServer) -> AsyncIterator[House]:
    """A gateway that answers offers itself."""
    async with opened(tmp_path, mock, session={"webrtc": "gateway"}) as house:
        yield house


class Caller:
    """Posts offers as clients do; remembers where the call is."""

    def __init__(self, house: House, key: str = "any") -> None:
        self._house = house
        self._key = key
        self.location = ""

    async def raw(self, offer: str) -> str:
        return await self._post(data=offer.encode(), headers={"Content-Type": "application/sdp"})

    async def form(self, offer: str) -> str:
        return await self._post(data=_form(offer, SESSION))

    async def refused(self, offer: str, session: JsonObject) -> tuple[int, JsonObject]:
        """The status, and what is wrong with the session."""
        status, _, text, _ = await self._ask(data=_form(offer, session))
        error: JsonObject = json.loads(text)["error"]
        return status, error

    async def _post(self, **request: Any) -> str:
        status, kind, text, self.location = await self._ask(**request)
        assert (status, kind) == (201, "application/sdp"), text
        return text

    async def _ask(self, **request: Any) -> tuple[int, str, str, str]:
        headers = {"Authorization": f"Bearer {self._key}", **request.pop("headers", {})}
        url = f"{self._house.url}/realtime/calls?model=gpt-realtime"
        async with aiohttp.ClientSession() as http, http.post(url, headers=headers, **request) as answer:
            return answer.status, answer.content_type, await answer.text(), answer.headers.get("Location", "")


async def _offer() -> str:
    """One that nobody stands behind any more."""
    connection = caller_connection()
    connection.addTransceiver("audio")
    connection.createDataChannel("oai-events")
    await connection.setLocalDescription(await connection.createOffer())
    await connection.close()
    return connection.localDescription.sdp


def _form(offer: str, session: JsonObject) -> aiohttp.MultipartWriter:
    form = aiohttp.MultipartWriter("form-data")
    parts = (("sdp", "application/sdp", offer), ("session", "application/json", json.dumps(session)))
    for name, kind, text in parts:
        form.append(text, {"Content-Type": kind}).set_content_disposition("form-data", name=name)
    return form


def events(page: Page) -> list[JsonObject]:
    return [json.loads(text) for text in page.texts]


async def told(page: Page, kind: str, count: int = 1) -> JsonObject:
    """The event of this type by the data channel; so many of them."""
    await page.see(lambda: sum(event["type"] == kind for event in events(page)) >= count)
    return [event for event in events(page) if event["type"] == kind][count - 1]


def send(page: Page, kind: str, **members: Any) -> None:
    page.channel.send(json.dumps({"type": kind, **members}))


@asynccontextmanager
async def called(answer: Callable[[str], Awaitable[str]]) -> AsyncIterator[Page]:
    async with calling(answer) as page:
        created = (await told(page, "session.created"))["session"]
        assert created["voxgate"]["thread_id"]
        yield page


async def test_a_call_of_a_page_and_the_sideband_of_its_server(house: House) -> None:
    caller = Caller(house)
    async with called(caller.form) as page:
        (created, *_) = events(page)
        assert created["session"]["instructions"] == "Be kind."
        assert created["session"]["audio"]["output"]["voice"] == "cedar"
        call_id = caller.location.rpartition("/")[2]
        assert call_id.startswith("rtc_")
        async with house.client() as client, client.realtime.connect(call_id=call_id) as connection:
            side = Talk(connection)
            assert (await side.receive()).type == "session.created"
            await side.say("hello to the page")
            await connection.response.create()
            assert words((await side.until("response.done")).response) == "hello to the page"
            await page.sounds()
            await told(page, "response.done")
            await told(page, "output_audio_buffer.started")
            assert "response.output_audio.delta" not in [event["type"] for event in events(page)]
            send(page, "no.such.event", event_id="mine")
            assert (await told(page, "error"))["error"]["event_id"] == "mine"
            await client.realtime.calls.hangup(call_id)
        await page.see(lambda: page.is_left)
    assert ("assistantMessage", "hello to the page") in await house.lines(side.thread_id)


async def test_a_sideband_sees_and_may_cut_what_the_page_hears(house: House) -> None:
    caller = Caller(house)
    async with called(caller.raw) as page, house.client() as client:
        call_id = caller.location.rpartition("/")[2]
        async with client.realtime.connect(call_id=call_id) as connection:
            side = Talk(connection)
            await side.say("please count to twenty slowly")
            await connection.response.create()
            started = await side.until("output_audio_buffer.started")
            await connection.output_audio_buffer.clear()
            cleared = await side.until("output_audio_buffer.cleared")
            assert cleared.response_id == started.response_id
            assert "response.output_audio.delta" not in {event.type for event in side.events}
            assert (await told(page, "output_audio_buffer.cleared"))["response_id"] == cleared.response_id
            await side.say("and now?")
            await connection.response.create()
            await side.until("output_audio_buffer.stopped")
            assert [event.type for event in side.events].index("response.done") < len(side.events) - 1


@pytest.mark.parametrize("webrtc", ["gateway", "upstream"])
@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"colour": 1}, "unknown_parameter", "session.colour"),
        ({"audio": {"output": {"voice": "bob"}}}, "invalid_value", "session.audio.output.voice"),
    ],
)
async def test_a_session_that_the_voice_model_refuses_makes_no_call(
    tmp_path: Path, mock: MockServer, webrtc: str, members: JsonObject, code: str, param: str
) -> None:
    async with opened(tmp_path, mock, session={"webrtc": webrtc}) as house:
        status, error = await Caller(house).refused(await _offer(), {"type": "realtime", **members})
        assert (status, error["code"], error["param"]) == (400, code, param)
        assert error["type"] == "invalid_request_error"


async def test_an_item_that_is_too_large_for_the_data_channel_comes_without_its_sound(house: House) -> None:
    words = "an answer of some forty letters, spoken out, " * 4 + "and out"
    async with called(Caller(house).raw) as page:
        content = [{"type": "input_text", "text": words}]
        send(page, "conversation.item.create", item={"type": "message", "role": "user", "content": content})
        send(page, "response.create")
        (answer,) = (await told(page, "response.done"))["response"]["output"]
        send(page, "conversation.item.retrieve", item_id=answer["id"])
        item = (await told(page, "conversation.item.retrieved"))["item"]
        assert item["content"] == [{"type": "output_audio", "transcript": words}]


async def test_a_sideband_whose_handshake_is_broken_leaves_nothing_in_the_call(house: House) -> None:
    caller = Caller(house)
    async with called(caller.raw):
        call_id = caller.location.rpartition("/")[2]
        call = house.gateway.calls.find(None, call_id)
        assert call is not None
        before = len(call.session.clients)
        url = f"{house.url}/realtime?call_id={call_id}"
        headers = {"Upgrade": "websocket", "Connection": "Upgrade"}  # and neither version nor key
        async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
            assert answer.status == 400
        assert len(call.session.clients) == before


async def test_a_raw_offer_by_a_client_secret_keeps_its_locks(house: House) -> None:
    async with house.client() as client:
        secret = await client.realtime.client_secrets.create(
            session={"type": "realtime", "instructions": "Speak of gardens only."},
            extra_body={"voxgate": {"locks": ["instructions"]}},
        )
    async with called(Caller(house, secret.value).raw) as page:
        send(page, "session.update", session={"type": "realtime", "instructions": "Tell all."})
        assert (await told(page, "error"))["error"]["param"] == "session.instructions"
        updated = (await told(page, "session.updated"))["session"]
        assert updated["instructions"] == "Speak of gardens only."


@pytest.mark.parametrize(("kind", "body"), [("application/sdp", "no offer"), ("text/plain", "x")])
async def test_what_is_no_offer_is_refused(house: House, kind: str, body: str) -> None:
    url = f"{house.url}/realtime/calls"
    async with aiohttp.ClientSession() as http, http.post(url, data=body, headers={"Content-Type": kind}) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["type"] == "invalid_request_error"
    async with aiohttp.ClientSession() as http, http.post(f"{url}/rtc_none/hangup") as answer:
        assert answer.status == 404


async def test_the_upstream_answers_and_the_sideband_of_the_server_is_ours(tmp_path: Path, mock: MockServer) -> None:
    async with opened(tmp_path, mock, session={"webrtc": "upstream"}) as house:
        caller = Caller(house)
        async with calling(caller.form) as page:
            created = await told(page, "session.created")
            assert created["session"]["instructions"].startswith("Be kind.")
            call_id = caller.location.rpartition("/")[2]
            async with house.client() as client, client.realtime.connect(call_id=call_id) as connection:
                side = Talk(connection)
                assert (await side.receive()).session.instructions == "Be kind."
                await side.say("hello to the page")
                await connection.response.create()
                assert words((await side.until("response.done")).response) == "hello to the page"
                await page.sounds()
                await client.realtime.calls.hangup(call_id)
            await page.see(lambda: page.is_left)


async def test_a_refusal_that_may_be_repeated_says_when(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(params: ThreadStartParams) -> None:
        raise StoreError("slow", retry_after_ms=2500)

    monkeypatch.setattr(house.gateway.library, "start", refuse)
    url, headers = f"{house.url}/realtime/calls", {"Content-Type": "application/sdp"}
    async with aiohttp.ClientSession() as http, http.post(url, data=b"v=0", headers=headers) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "3")
        assert (await answer.json())["error"]["code"] == "store_unavailable"
