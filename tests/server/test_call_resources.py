"""Calls by offer and answer as RFC 9725 (WHIP) shapes them, at the door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from realtime.errors import Overloaded
from realtime.gateway import IceServer
from realtime.settings import ServerSettings
from tests.server.fake import Doors, open_doors

PAGE = "https://app.example"
OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n"
SDP = {"Content-Type": "application/sdp"}
TURN = IceServer("turn:turn.example.org?transport=udp", "17:someone", 'a"b\\c')


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    async with open_doors(ServerSettings(port=0, allowed_origins=(PAGE,))) as opened:
        yield opened


def resource(doors: Doors) -> str:
    """Where calls of a new thread are made."""
    return f"{doors.address}/v1/threads/{doors.threads.make()}/realtime"


async def test_an_offer_makes_a_resource_that_a_foreign_page_can_read(doors: Doors) -> None:
    doors.gateway.fake_offers.servers = [IceServer("stun:stun.example.org"), TURN]
    url = resource(doors)
    headers = {**SDP, "Origin": PAGE}
    query = "?voice=marin&turnDetection=null&includeStartupContext=false&answeredBy=gateway"
    async with doors.http.post(f"{url}{query}", data=OFFER, headers=headers) as response:
        assert response.status == 201
        assert response.headers["Content-Type"] == "application/sdp"  # it has no charset (RFC 8866, section 8.1)
        assert (await response.text()).endswith("answer")
        assert response.headers["Location"] == f"{url.removeprefix(doors.address)}/rtc_1"
        assert response.headers["ETag"] == '"tag"'
        assert response.headers.getall("Link") == [
            '<stun:stun.example.org>; rel="ice-server"',
            '<turn:turn.example.org?transport=udp>; rel="ice-server"; username="17:someone"; '
            'credential="a\\"b\\\\c"; credential-type="password"',
        ]
        exposed = response.headers["Access-Control-Expose-Headers"].replace(" ", "").split(",")
        assert {"Location", "ETag", "Link"} <= set(exposed)
        assert response.headers["Access-Control-Allow-Origin"] == PAGE
    params = doors.journal.named("take_offer")[0]
    assert (params.output_modality, params.voice, params.include_startup_context) == ("audio", "marin", False)
    assert params.has_turn_detection
    assert params.turn_detection is None
    assert not params.has_prompt
    assert (params.transport.sdp, params.transport.answered_by) == (OFFER, "gateway")


async def test_what_may_be_posted_is_told(doors: Doors) -> None:
    doors.gateway.fake_offers.servers = [TURN]
    async with doors.http.options(resource(doors)) as response:
        assert response.status == 204
        assert response.headers["Accept-Post"] == "application/sdp"
        assert 'rel="ice-server"' in response.headers["Link"]
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "if-match"}
    async with doors.http.options(f"{resource(doors)}/rtc_1", headers=asked) as response:
        assert response.status == 204
        assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
        assert "If-Match" in response.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    ("data", "query", "status", "code"),
    [
        (b"x" * 70_000, "", 400, "invalid_offer"),
        (b"v=0\xff", "", 400, "invalid_offer"),
        (OFFER.encode(), "?outputModality=smell", 422, "invalid_params"),
        (OFFER.encode(), "?answeredBy=nobody", 422, "invalid_params"),
        (OFFER.encode(), "?turnDetection=x", 422, "invalid_params"),
        (OFFER.encode(), "?transport=x", 422, "invalid_params"),
    ],
)
async def test_what_no_call_can_be_made_of_is_refused(
    doors: Doors, data: bytes, query: str, status: int, code: str
) -> None:
    async with doors.http.post(f"{resource(doors)}{query}", data=data, headers=SDP) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (status, code)
    assert doors.journal.named("take_offer") == []


async def test_a_full_house_says_when_to_come_back(doors: Doors) -> None:
    doors.journal.failures["take_offer"] = Overloaded("too many calls are live", retry_after_ms=5000)
    async with doors.http.post(resource(doors), data=OFFER, headers=SDP) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize(
    ("headers", "data", "status"),
    [
        ({"If-Match": '"tag"'}, b"a=candidate", 204),
        ({"If-Match": 'W/"tag"'}, b"a=candidate", 204),
        ({"If-Match": "*"}, b"a=candidate", 204),
        ({"If-Match": '"other", "tag"'}, b"a=candidate", 204),
        ({"If-Match": '"other"'}, b"a=candidate", 412),
        ({"If-Match": "tag"}, b"a=candidate", 412),
        ({}, b"a=candidate", 428),
        ({"If-Match": '"tag"'}, b"a" * 70_000, 400),
        ({"If-Match": '"tag"', "Content-Type": "application/sdp"}, b"a=candidate", 415),
    ],
)
async def test_candidates_are_trickled_to_the_ice_session_that_is_named(
    doors: Doors, headers: dict[str, Any], data: bytes, status: int
) -> None:
    kind = {"Content-Type": "application/trickle-ice-sdpfrag"}
    async with doors.http.patch(f"{resource(doors)}/rtc_1", data=data, headers={**kind, **headers}) as response:
        assert response.status == status
        assert response.headers.get("Accept-Patch") == (kind["Content-Type"] if status == 415 else None)
    assert doors.journal.named("trickle") == (["a=candidate"] if status == 204 else [])


async def test_a_call_is_hung_up_once(doors: Doors) -> None:
    url = f"{resource(doors)}/rtc_1"
    async with doors.http.delete(f"{resource(doors)}/rtc_2") as response:
        assert response.status == 404
    for status in (200, 404):
        async with doors.http.delete(url) as response:
            assert response.status == status
