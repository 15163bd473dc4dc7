"""Calls by WebRTC, with real media: a page of aiortc on this side, the mock's peer on the other."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
import pytest
import websockets
from openai import AsyncOpenAI
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from realtime.mock.server import MockServer
from realtime.protocol.json import JsonObject
from tests.mock.page import SDP, Page, calling, offering, post
from tests.mock.presence import no_session
from tests.mock.wire import address
from tests.transports.line import RATE, Samples

LONG = "please count to twenty slowly"
LOUDSPEAKER = "output_audio_buffer"


def voice(*pieces: tuple[float, int]) -> Samples:
    """A microphone: seconds and amplitudes."""
    waves = [amplitude * np.sin(np.arange(int(s * RATE)) * (2 * np.pi * 440 / RATE)) for s, amplitude in pieces]
    return np.concatenate(waves).astype(np.int16)


@asynccontextmanager
async def joined(server: MockServer, page: Page) -> AsyncIterator[ClientConnection]:
    """A sideband of the page's call."""
    async with websockets.connect(address(server, f"?call_id={page.call_id}"), max_queue=None) as sideband:
        assert json.loads(await sideband.recv())["type"] == "session.created"
        yield sideband


def _part(header: str) -> bytes:
    """A form with an offer under one more header."""
    return f'--b\r\nContent-Disposition: form-data; name="sdp"\r\n{header}\r\n\r\nv=0\r\n--b--\r\n'.encode()


@pytest.fixture
async def offer() -> AsyncIterator[str]:
    async with offering() as offer:
        yield offer


class TestTalking:
    async def test_a_typed_question_is_answered_aloud(self, server: MockServer) -> None:
        async with calling(server) as page:
            page.ask("how are you")
            done = await page.until("response.done")
            assert done["response"]["output"][0]["content"][0]["transcript"] == "how are you"
            stopped = await page.until(f"{LOUDSPEAKER}.stopped")
            assert stopped["response_id"] == done["response"]["id"]
            await page.see(lambda: len(page.heard) > 0.6 * RATE)
            kinds = page.kinds()
            assert kinds.index("response.content_part.added") < kinds.index(f"{LOUDSPEAKER}.started")
            assert "response.output_audio.delta" not in kinds
            assert "response.output_audio_transcript.delta" in kinds
        assert len(page.heard) / RATE == pytest.approx(0.06 * len("how are you"), abs=0.15)
        await no_session(server)

    async def test_a_spoken_question_is_heard(self, server: MockServer) -> None:
        async with calling(server, says=voice((0.3, 0), (0.6, 8000), (1.0, 0))) as page:
            heard = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}, "instructions": "heard: good day"}
            page.send("session.update", session={"type": "realtime", **heard})
            started = await page.until("input_audio_buffer.speech_started")
            stopped = await page.until("input_audio_buffer.speech_stopped")
            assert stopped["audio_end_ms"] - started["audio_start_ms"] == pytest.approx(900, abs=200)
            transcript = await page.until("conversation.item.input_audio_transcription.completed")
            assert transcript["transcript"] == "good day"
            assert (await page.until("response.done"))["response"]["status"] == "completed"
            await page.until(f"{LOUDSPEAKER}.stopped")

    async def test_who_cuts_in_is_heard_and_the_answer_cut_to_what_was(self, server: MockServer) -> None:
        async with calling(server, says=voice((2.0, 0), (0.8, 8000), (1.0, 0))) as page:
            page.ask("this is a rather long sentence that takes some five seconds to be said in full, or more")
            item_id = (await page.until("response.output_item.added"))["item"]["id"]
            await page.until("response.done")
            truncated = await page.until("conversation.item.truncated")
            kinds = page.kinds()
            assert kinds.index("input_audio_buffer.speech_started") < kinds.index(f"{LOUDSPEAKER}.cleared")
            assert truncated["item_id"] == item_id
            assert 200 < truncated["audio_end_ms"] < 4000
            (session,) = server.mock.sessions()
            said = next(item for item in session["items"] if item["id"] == item_id)
            assert "transcript" not in said["content"][0]
            await page.until("response.done", 2)

    async def test_the_client_clears_what_is_not_heard_yet(self, server: MockServer) -> None:
        async with calling(server) as page:
            page.ask(LONG)
            await page.until(f"{LOUDSPEAKER}.started")
            page.send("response.cancel")
            page.send(f"{LOUDSPEAKER}.clear")
            await page.until(f"{LOUDSPEAKER}.cleared")
            await page.until("conversation.item.truncated")
            assert (await page.until("response.done"))["response"]["status_details"]["reason"] == "client_cancelled"

    async def test_what_is_too_large_for_the_channel(self, server: MockServer) -> None:
        async with calling(server) as page, joined(server, page) as sideband:
            page.ask("this is a rather long sentence that takes some five seconds to be said")
            item_id = (await page.until("response.output_item.added"))["item"]["id"]
            await page.until("response.done")
            page.send("conversation.item.retrieve", item_id=item_id)
            (part,) = (await page.until("conversation.item.retrieved"))["item"]["content"]
            assert (part["type"], "audio" in part) == ("output_audio", False)
            told = {"input": {"transcription": {"model": "whisper-1", "prompt": "x" * 300_000}}}
            update = {"type": "realtime", "audio": told}
            await sideband.send(json.dumps({"type": "session.update", "session": update}))
            assert (await page.until("error"))["error"]["code"] == "server_error"
            page.send("output_audio_buffer.clear")
            await page.until("output_audio_buffer.cleared")

    async def test_what_is_wrong_is_told_as_elsewhere(self, server: MockServer) -> None:
        async with calling(server) as page:
            page.channel.send("no json")
            assert (await page.until("error"))["error"]["code"] == "invalid_json"
            page.send("response.cancel", event_id="mine")
            assert (await page.until("error", 2))["error"]["event_id"] == "mine"


class TestOffers:
    async def test_raw(self, server: MockServer, offer: str) -> None:
        status, answer, headers = await post(server, offer)
        assert (status, headers["Content-Type"].partition(";")[0]) == (201, SDP)
        assert headers["Location"].startswith("/v1/realtime/calls/rtc_")
        assert answer.startswith("v=0\r\n")
        (session,) = server.mock.sessions()
        assert session["call_id"] == headers["Location"].rpartition("/")[2]
        assert session["peer"]["state"] in ("new", "connecting")

    async def test_by_the_sdk_with_a_session(self, server: MockServer, offer: str) -> None:
        async with AsyncOpenAI(base_url=server.base_url, api_key="sk-any", max_retries=0) as client:
            session: Any = {"type": "realtime", "model": "gpt-realtime", "instructions": "Be brief."}
            answer = await client.realtime.calls.create(sdp=offer, session=session)
        assert answer.response.headers["Location"].startswith("/v1/realtime/calls/rtc_")
        (live,) = server.mock.sessions()
        assert (live["session"]["model"], live["session"]["instructions"]) == ("gpt-realtime", "Be brief.")

    async def test_by_a_client_secret(self, offer: str) -> None:
        async with MockServer(api_key="sk-right") as server:
            async with AsyncOpenAI(base_url=server.base_url, api_key="sk-right", max_retries=0) as client:
                wanted: Any = {"type": "realtime", "model": "gpt-realtime", "instructions": "Be brief."}
                secret = await client.realtime.client_secrets.create(session=wanted)
            status, _, _ = await post(server, offer, headers={"Authorization": f"Bearer {secret.value}"}, query="")
            assert status == 201
            (live,) = server.mock.sessions()
            assert live["session"]["instructions"] == "Be brief."
            status, body, _ = await post(server, offer, headers={"Authorization": "Bearer sk-wrong"})
            assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")

    @pytest.mark.parametrize("sdp", ["v=0", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", "\0", "x" * 100_000, "é"])
    async def test_a_bad_one(self, server: MockServer, sdp: str) -> None:
        status, body, headers = await post(server, sdp)
        error = json.loads(body)["error"]
        assert (status, error["type"], error["code"], error["param"]) == (
            400,
            "invalid_request_error",
            "invalid_offer",
            "sdp",
        )
        assert "Location" not in headers
        assert server.mock.sessions() == []

    @pytest.mark.parametrize(
        ("sdp", "query", "code", "param"),
        [
            ("", "?model=gpt-realtime", "missing_required_parameter", "sdp"),
            ("v=0", "", "missing_required_parameter", "model"),
        ],
    )
    async def test_something_is_missing(self, server: MockServer, sdp: str, query: str, code: str, param: str) -> None:
        status, body, _ = await post(server, sdp, query=query)
        error = json.loads(body)["error"]
        assert (status, error["code"], error["param"]) == (400, code, param)

    @pytest.mark.parametrize(
        ("session", "code", "param"),
        [
            ("{", "invalid_json", "session"),
            ('{"model": "gpt-realtime"}', "missing_required_parameter", "session.type"),
            ('{"type": "realtime", "colour": 1, "model": "m"}', "unknown_parameter", "session.colour"),
            ('{"type": "realtime"}', "missing_required_parameter", "model"),
            (b"\xff", "invalid_value", "session"),
            (None, "missing_required_parameter", "sdp"),
        ],
    )
    async def test_a_bad_form(
        self, http: aiohttp.ClientSession, offer: str, session: str | bytes | None, code: str, param: str
    ) -> None:
        with aiohttp.MultipartWriter("form-data") as form:
            parts = {"session": session, "sdp": offer} if session is not None else {"other": "x"}
            for name, content in parts.items():
                assert content is not None
                form.append(content).set_content_disposition("form-data", name=name)
            async with http.post("/v1/realtime/calls", data=form) as answer:
                error = (await answer.json())["error"]
                assert (answer.status, error["code"], error["param"]) == (400, code, param)

    @pytest.mark.parametrize(
        ("boundary", "body"),
        [
            ("", b"x"),
            ("; boundary=b", b"x"),
            ("; boundary=b", b"--b\r\nxx"),
            ("; boundary=b", b"--b\r\nA: \0\r\n\r\n--b--"),
            ("; boundary=b", b'--b\r\nContent-Disposition: form-data; name="sdp"\r\n\r\nv=0'),
            ("; boundary=b", _part("Content-Transfer-Encoding: odd")),
            ("; boundary=b", _part("Content-Encoding: gzip")),
            ("; boundary=b", _part("Content-Type: text/plain; charset=odd")),
        ],
    )
    async def test_what_is_no_form(self, http: aiohttp.ClientSession, boundary: str, body: bytes) -> None:
        headers = {"Content-Type": f"multipart/form-data{boundary}"}
        async with http.post("/v1/realtime/calls?model=m", data=body, headers=headers) as answer:
            error = (await answer.json())["error"]
            assert answer.status == 400
            assert error["code"] in ("invalid_form", "invalid_offer", "missing_required_parameter")

    async def test_too_much(self, http: aiohttp.ClientSession) -> None:
        headers = {"Content-Type": SDP}
        async with http.post("/v1/realtime/calls?model=m", data=bytes(33 << 20), headers=headers) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (413, "request_too_large")

    async def test_another_type(self, http: aiohttp.ClientSession) -> None:
        async with http.post("/v1/realtime/calls", json={"sdp": "v=0"}) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (415, "unsupported_content_type")

    async def test_a_page_of_another_origin_may(self, server: MockServer, offer: str) -> None:
        asks = {
            "Origin": "http://127.0.0.1:3000",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        async with (
            aiohttp.ClientSession(server.base_url + "/") as http,
            http.options("realtime/calls", headers=asks) as answer,
        ):
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
        _, _, headers = await post(server, offer, headers={"Origin": "http://127.0.0.1:3000"})
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Access-Control-Expose-Headers"] == "Location"


class TestEnds:
    async def test_the_page_leaves(self, server: MockServer) -> None:
        async with calling(server) as page, joined(server, page) as sideband:
            await page.connection.close()
            with pytest.raises(ConnectionClosed):
                await sideband.recv()
        await no_session(server)

    async def test_it_is_hung_up(self, server: MockServer) -> None:
        async with calling(server) as page, aiohttp.ClientSession() as http:
            async with http.post(f"{server.base_url}/realtime/calls/{page.call_id}/hangup") as answer:
                assert answer.status == 200
            await page.see(lambda: page.is_left)
            async with http.post(f"{server.base_url}/realtime/calls/{page.call_id}/hangup") as answer:
                assert (answer.status, (await answer.json())["error"]["code"]) == (404, "call_id_not_found")
        await no_session(server)

    async def test_its_time_is_over(self, server: MockServer) -> None:
        async with calling(server) as page:
            server.mock.advance(3600.0)
            assert (await page.until("error"))["error"]["code"] == "session_expired"
            await page.see(lambda: page.is_left)
        await no_session(server)

    async def test_it_is_hung_up_before_anybody_connects(self, server: MockServer, offer: str) -> None:
        _, _, headers = await post(server, offer)
        hangup = f"http://127.0.0.1:{server.port}{headers['Location']}/hangup"
        async with aiohttp.ClientSession() as http, http.post(hangup) as answer:
            assert answer.status == 200
        await no_session(server)

    async def test_the_mock_goes(self) -> None:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(MockServer())
            async with calling(server) as page:
                await stack.aclose()
                await page.see(lambda: page.is_left)


class TestSideband:
    async def test_it_sees_and_sends_the_same(self, server: MockServer) -> None:
        async with calling(server) as page, joined(server, page) as sideband:
            update = {"type": "realtime", "instructions": "Be brief."}
            await sideband.send(json.dumps({"type": "session.update", "session": update}))
            assert (await page.until("session.updated"))["session"]["instructions"] == "Be brief."
            page.ask("how are you")
            await page.until(f"{LOUDSPEAKER}.stopped")
            seen: list[JsonObject] = []
            while not seen or seen[-1]["type"] != f"{LOUDSPEAKER}.stopped":
                seen.append(json.loads(await sideband.recv()))
            assert [event["event_id"] for event in seen] == [event["event_id"] for event in page.events[1:]]

    async def test_it_may_silence_the_call(self, server: MockServer) -> None:
        async with calling(server) as page, joined(server, page) as sideband:
            page.ask(LONG)
            await page.until(f"{LOUDSPEAKER}.started")
            await sideband.send(json.dumps({"type": f"{LOUDSPEAKER}.clear"}))
            await page.until(f"{LOUDSPEAKER}.cleared")

    async def test_a_call_that_is_over_has_none(self, server: MockServer) -> None:
        async with calling(server) as page:
            call_id = page.call_id
        await no_session(server)
        with pytest.raises(InvalidStatus) as caught:
            await websockets.connect(address(server, f"?call_id={call_id}"))
        assert caught.value.response.status_code == 404
