"""WebRTC calls that the upstream answers, by both doors: made, joined, joined again, hung up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.canary import Canary
from tests.gateway.calling import ANSWER, OFFER, CallsUpstream, Reply, answering
from tests.gateway.in_process import opened
from tests.gateway.rpc_client import RefusedError, RpcClient, connected
from tests.replay.upstream import Connection

SDP = {"Content-Type": "application/sdp"}


@dataclass(frozen=True, slots=True)
class Scene:
    """A client with a thread, and the upstream behind the gateway."""

    client: RpcClient
    upstream: CallsUpstream
    thread: str
    http: aiohttp.ClientSession
    url: str

    async def start(self, **transport: Any) -> None:
        """Begin a call with an offer, or as told."""
        given = {"type": "webrtc", "sdp": OFFER, **transport}
        assert await self.client.call("thread/realtime/start", **self.params(transport=given)) == {}

    async def begin(self) -> Connection:
        """Begin a call with an offer; returns its sideband, once it has the session."""
        await self.start()
        sideband = await self.upstream.connection()
        await sideband.got("session.update")
        return sideband

    def params(self, **more: Any) -> dict[str, Any]:
        return {"threadId": self.thread, "outputModality": "audio", **more}

    def told(self) -> list[str]:
        """What the client was told of its call, by name, state and items left out."""
        names = [note.method.removeprefix("thread/realtime/") for note in self.client.notifications]
        return [name for name in names if name in ("started", "sdp", "error", "closed", "reconnecting", "resumed")]

    async def until(self, name: str) -> dict[str, Any]:
        return (await self.client.until(f"thread/realtime/{name}")).params

    @property
    def resource(self) -> str:
        return f"{self.url}/v1/threads/{self.thread}/realtime"


@asynccontextmanager
async def staged(folder: Path, key: str = "sk-none", **upstream: Any) -> AsyncIterator[Scene]:
    sections: dict[str, Mapping[str, Any]] = {"limits": upstream.pop("limits", {})}
    async with AsyncExitStack() as stack:
        voice = await stack.enter_async_context(answering())
        sections["upstream"] = {"base_url": voice.base_url, "api_key": key, **upstream}
        address = await stack.enter_async_context(opened(folder, **sections))
        client = await stack.enter_async_context(connected(address))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        url = address.removesuffix("/v1/rpc").replace("ws", "http", 1)
        yield Scene(client, voice, await client.start_thread(), http, url)


async def test_a_call_is_made_with_the_offer_as_it_came_and_the_session(tmp_path: Path, canary: Canary) -> None:
    async with staged(tmp_path, canary.key) as scene:
        await scene.start()
        assert (await scene.until("sdp"))["sdp"] == ANSWER
        asked = scene.upstream.asked[0]
        assert asked.headers["authorization"] == f"Bearer {canary.key}"
        assert asked.headers["x-session-id"] == scene.thread
        boundary = asked.content_type.partition("boundary=")[2].encode()
        sdp, session = [part.partition(b"\r\n\r\n") for part in asked.body.split(b"--" + boundary)[1:3]]
        assert sdp[0] == b'\r\nContent-Disposition: form-data; name="sdp"\r\nContent-Type: application/sdp'
        assert sdp[2] == OFFER.encode() + b"\r\n"
        assert b'name="session"' in session[0]
        body = json.loads(session[2])
        assert (body["type"], body["model"], "id" in body) == ("realtime", "gpt-realtime-1.5", False)
        sideband = await scene.upstream.connection()
        await sideband.got("session.update")
        assert sideband.address == "/v1/realtime?call_id=rtc_1"


async def test_the_answer_does_not_wait_for_the_sideband(tmp_path: Path) -> None:
    async with staged(tmp_path, limits={"join_s": 60.0}) as scene:
        scene.upstream.sidebands = [404, 404, 101]
        await scene.start()
        await scene.until("sdp")
        assert scene.told() == ["started", "sdp"]
        result = await scene.client.call("thread/realtime/appendText", threadId=scene.thread, text="early")
        assert result["seq"] >= 1
        sideband = await scene.upstream.connection()
        await sideband.got("conversation.item.create")
        assert scene.upstream.refused == 2
        assert [frame["type"] for frame in sideband.frames] == ["session.update", "conversation.item.create"]


@pytest.mark.parametrize(("statuses", "limits"), [([403], {}), ([410], {}), ([404], {"join_s": 0.3})])
async def test_a_sideband_that_is_refused_for_good_ends_the_call_and_hangs_it_up(
    tmp_path: Path, statuses: list[int], limits: dict[str, float]
) -> None:
    async with staged(tmp_path, limits=limits) as scene:
        scene.upstream.sidebands = statuses
        await scene.start()
        assert (await scene.until("closed"))["reason"] == "error"
        assert scene.told() == ["started", "sdp", "error", "closed"]
        assert scene.client.named("thread/realtime/error")[0].params["code"] == "upstream_refused"
        if statuses != [410]:  # gone is gone
            await scene.upstream.until(lambda upstream: upstream.hung_up == ["rtc_1"])


async def test_a_dropped_sideband_is_joined_again_and_only_what_is_missing_is_told(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        first = await scene.begin()
        await scene.client.call("thread/realtime/appendText", threadId=scene.thread, text="shown")
        await first.got("conversation.item.create")
        shown = first.frames[-1]["item"]
        await first.push({"type": "conversation.item.added", "item": shown})
        await scene.client.until("thread/realtime/itemAdded")
        await scene.client.call("thread/realtime/appendText", threadId=scene.thread, text="lost")
        await first.got("conversation.item.create", 2)
        first.drop()
        again = await scene.upstream.connection(1)
        assert again.address == "/v1/realtime?call_id=rtc_1"
        await scene.until("resumed")
        await again.got("conversation.item.create")
        assert [frame["item"]["id"] for frame in again.frames] == [first.frames[-1]["item"]["id"]]
        assert scene.told() == ["started", "sdp", "reconnecting", "resumed"]
        assert len(scene.upstream.asked) == 1


async def test_a_call_that_is_over_while_the_sideband_is_away_cannot_be_made_again(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        sideband = await scene.begin()
        scene.upstream.sidebands = [404]
        sideband.drop()
        assert (await scene.until("closed"))["reason"] == "error"
        assert scene.told() == ["started", "sdp", "reconnecting", "reconnecting", "error", "closed"]
        last = scene.client.named("thread/realtime/reconnecting")[-1].params
        assert last["action"] == "offer"


async def test_a_person_who_leaves_ends_the_call_in_order(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        sideband = await scene.begin()
        scene.upstream.sidebands = [404]
        await sideband.leave()
        assert (await scene.until("closed"))["reason"] == "transport_closed"
        assert scene.client.named("thread/realtime/error") == []
    assert scene.upstream.hung_up == []


async def test_stop_hangs_the_call_up(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        sideband = await scene.begin()
        await scene.client.call("thread/realtime/stop", threadId=scene.thread)
        assert (await scene.until("closed"))["reason"] == "requested"
        await scene.upstream.until(lambda upstream: upstream.hung_up == ["rtc_1"])
        await sideband.ended.wait()
        assert sideband.close_code == 1000


async def test_a_call_that_is_being_made_when_it_is_stopped_is_hung_up(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        gate = asyncio.Event()
        scene.upstream.replies = [Reply(gate=gate)]
        await scene.start()
        await scene.upstream.until(lambda upstream: upstream.asked)
        await scene.client.call("thread/realtime/stop", threadId=scene.thread)
        gate.set()
        await scene.upstream.until(lambda upstream: upstream.hung_up == ["rtc_1"])
    assert scene.told() == []


async def test_leaving_hangs_up_without_delay(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        await scene.begin()
        upstream = scene.upstream
    assert upstream.hung_up == ["rtc_1"]


async def test_a_second_start_takes_over_and_hangs_the_first_up(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        scene.upstream.replies = [Reply(), Reply(location="https://other.example/calls/rtc_2/more?x=1")]
        await scene.begin()
        await scene.start()
        second = await scene.upstream.connection(1)
        await second.got("session.update")
        assert second.address == "/v1/realtime?call_id=rtc_2"
        assert scene.told() == ["started", "sdp", "closed", "started", "sdp"]
        await scene.upstream.until(lambda upstream: upstream.hung_up == ["rtc_1"])


@pytest.mark.parametrize(
    ("reply", "hung_up"),
    [
        (Reply(status=400, body="bad offer"), []),
        (Reply(status=500, body="secret trace"), []),
        (Reply(location=None), []),
        (Reply(location="/v1/realtime/calls/abc"), []),
        (Reply(location="/v1/realtime/calls/rtc_"), []),
        (Reply(body=""), ["rtc_1"]),
        (Reply(body=b"\xff\xfe"), ["rtc_1"]),
        (Reply(body="v=0" + "x" * 70_000), ["rtc_1"]),
    ],
    ids=["400", "500", "no-location", "odd-location", "short-location", "empty", "bytes", "long"],
)
async def test_an_answer_that_is_none_fails_the_start_and_leaves_nothing_running(
    tmp_path: Path, reply: Reply, hung_up: list[str]
) -> None:
    async with staged(tmp_path, retries=0) as scene:
        scene.upstream.replies = [reply]
        await scene.start()
        error = await scene.until("error")
        assert error["code"] == "upstream_refused"
        assert ("bad offer" in error["message"]) == (reply.status == 400)
        assert "secret" not in error["message"]
        assert scene.told() == ["error"]
        await scene.upstream.until(lambda upstream: upstream.hung_up == hung_up)


async def test_a_call_is_tried_again_when_the_upstream_is_at_fault(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        scene.upstream.replies = [Reply(status=503), Reply(status=500), Reply()]
        await scene.start()
        await scene.until("sdp")
        assert len(scene.upstream.asked) == 3
        assert scene.told() == ["started", "sdp"]


async def test_the_key_is_blotted_out_of_a_refusal(tmp_path: Path) -> None:
    key = "sk-said-by-the-upstream-itself"  # not the run's canary, which no client may receive, not even our own
    async with staged(tmp_path, key) as scene:
        scene.upstream.replies = [Reply(status=401, body=f"bad key {key}")]
        await scene.start()
        assert "bad key [redacted]" in (await scene.until("error"))["message"]


@pytest.mark.parametrize(
    ("transport", "code", "field"),
    [
        ({"type": "webrtc"}, "invalid_params", "transport.sdp"),
        ({"type": "webrtc", "sdp": " "}, "invalid_offer", "transport.sdp"),
        ({"type": "webrtc", "sdp": "nonsense"}, "invalid_offer", "transport.sdp"),
        ({"type": "webrtc", "sdp": "v=0\r\n\0"}, "invalid_offer", "transport.sdp"),
        ({"type": "webrtc", "sdp": "v=0" + "é" * 40_000}, "invalid_offer", "transport.sdp"),
        ({"type": "webrtc", "sdp": "v=0" * 40_000}, "invalid_params", "transport.sdp"),
        ({"type": "existingCall"}, "invalid_params", "transport.callId"),
        ({"type": "existingCall", "callId": "a b"}, "invalid_params", "transport.callId"),
        ({"type": "pigeon"}, "invalid_params", "transport.type"),
    ],
)
async def test_an_absurd_transport_is_refused_by_the_call(
    tmp_path: Path, transport: dict[str, Any], code: str, field: str
) -> None:
    async with staged(tmp_path) as scene:
        with pytest.raises(RefusedError) as refused:
            await scene.client.call("thread/realtime/start", **scene.params(transport=transport))
        assert (refused.value.data["code"], refused.value.data["field"]) == (code, field)
        assert scene.upstream.asked == []


async def test_a_call_of_the_clients_own_is_joined_and_left_as_it_is(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        existing = {"type": "existingCall", "callId": "rtc_9"}
        with pytest.raises(RefusedError):
            await scene.client.call("thread/realtime/start", **scene.params(transport=existing, prompt="mine"))
        await scene.client.call("thread/realtime/start", **scene.params(transport=existing))
        await scene.until("started")
        sideband = await scene.upstream.connection()
        assert sideband.address == "/v1/realtime?call_id=rtc_9"
        await scene.client.call("thread/realtime/appendText", threadId=scene.thread, text="hello")
        await sideband.got("conversation.item.create")
        assert [frame["type"] for frame in sideband.frames] == ["conversation.item.create"]
        await scene.client.call("thread/realtime/stop", threadId=scene.thread)
        await scene.until("closed")
        assert scene.upstream.asked == []
    assert scene.upstream.hung_up == []


# -- by requests -----------------------------------------------------------------------------------------


async def test_an_offer_by_http_is_answered_and_the_call_is_a_resource(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        async with scene.http.post(f"{scene.resource}?prompt=hi", data=OFFER, headers=SDP) as response:
            assert response.status == 201
            assert response.content_type == "application/sdp"
            assert await response.text() == ANSWER
            place, tag = response.headers["Location"], response.headers["ETag"]
        assert place.startswith(f"/v1/threads/{scene.thread}/realtime/rtc_")
        sideband = await scene.upstream.connection()
        await sideband.got("session.update")
        assert sideband.frames[0]["session"]["instructions"] == "hi"
        call = f"{scene.url}{place}"
        fragment = {"Content-Type": "application/trickle-ice-sdpfrag"}
        ours = "a=ice-ufrag:abcd\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
        for headers, data, status in (
            ({}, ours, 428),
            ({"If-Match": '"other"'}, ours, 412),
            ({"If-Match": tag}, ours, 204),
            ({"If-Match": f'"x", {tag}'}, ours, 204),
            ({"If-Match": tag}, "a=ice-ufrag:new1\r\na=ice-pwd:x\r\n", 422),
            ({"If-Match": tag}, "junk", 400),
        ):
            async with scene.http.patch(call, data=data, headers={**fragment, **headers}) as response:
                assert response.status == status, (headers, data)
        async with scene.http.patch(call, data=ours, headers={"Content-Type": "text/plain"}) as response:
            assert response.status == 415
        read = await scene.client.call("thread/read", threadId=scene.thread)
        assert read["thread"]["realtime"]["medium"] == "upstream"
        assert read["thread"]["realtime"]["callId"] == place.rpartition("/")[2]
        async with scene.http.delete(call) as response:
            assert response.status == 200
        for verb in ("DELETE", "PATCH"):
            async with scene.http.request(verb, call, headers=fragment) as response:
                assert response.status == 404
        await sideband.ended.wait()
        await scene.upstream.until(lambda upstream: upstream.hung_up == ["rtc_1"])


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "invalid_offer"),
        (b"v=1", 400, "invalid_offer"),
        (b"v=0\xff", 400, "invalid_offer"),
        (b"v=0" + b"x" * 2_000_000, 400, "invalid_offer"),
    ],
)
async def test_an_absurd_offer_by_http_is_refused_before_the_upstream_sees_it(
    tmp_path: Path, data: bytes, status: int, code: str
) -> None:
    async with staged(tmp_path) as scene:
        async with scene.http.post(scene.resource, data=data, headers=SDP) as response:
            assert response.status == status
            assert (await response.json())["error"]["code"] == code
        assert scene.upstream.asked == []


async def test_a_refusal_of_the_upstreams_is_the_answer_to_the_request(tmp_path: Path) -> None:
    async with staged(tmp_path, retries=0) as scene:
        scene.upstream.replies = [Reply(status=500)]
        async with scene.http.post(scene.resource, data=OFFER, headers=SDP) as response:
            assert response.status == 503
            assert (await response.json())["error"]["code"] == "upstream_refused"
            assert "Retry-After" in response.headers
        for query in ("?outputModality=smell", "?answeredBy=nobody", "?turnDetection=[]"):
            async with scene.http.post(f"{scene.resource}{query}", data=OFFER, headers=SDP) as response:
                assert response.status in (400, 422)


async def test_a_call_by_http_lives_though_nobody_watches_the_thread(tmp_path: Path) -> None:
    async with staged(tmp_path, limits={"orphan_s": 0.1}) as scene:
        by_http = (await scene.client.call("thread/start"))["thread"]["id"]
        resource = f"{scene.url}/v1/threads/{by_http}/realtime"
        async with scene.http.post(resource, data=OFFER, headers=SDP) as response:
            assert response.status == 201
        await (await scene.upstream.connection()).got("session.update")
        async with connected(f"{scene.url.replace('http', 'ws', 1)}/v1/rpc") as leaver:
            thread = await leaver.start_thread()
            given = {"type": "webrtc", "sdp": OFFER}
            await leaver.call("thread/realtime/start", threadId=thread, outputModality="audio", transport=given)
            await leaver.until("thread/realtime/sdp")
        await scene.upstream.until(lambda upstream: len(upstream.hung_up) == 1)
        read = await scene.client.call("thread/read", threadId=by_http)
        assert read["thread"]["realtime"]["state"] == "open"


@pytest.mark.parametrize("path", ["/v1/threads/{thread}/realtime", "/v1/realtime/calls?thread_id={thread}"])
async def test_a_page_that_leaves_before_it_is_answered_leaves_no_call(tmp_path: Path, path: str) -> None:
    async with staged(tmp_path) as scene:
        gate = asyncio.Event()
        scene.upstream.replies = [Reply(gate=gate)]
        url = scene.url + path.format(thread=scene.thread)
        asking = asyncio.create_task(scene.http.post(url, data=OFFER, headers=SDP))
        await scene.upstream.until(lambda upstream: len(upstream.asked) == 1)
        asking.cancel()
        await asyncio.wait([asking])
        gate.set()
        await scene.upstream.until(lambda upstream: upstream.hung_up == ["rtc_1"])
        await scene.until("closed")
