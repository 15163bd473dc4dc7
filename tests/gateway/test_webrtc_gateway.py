"""WebRTC calls that the gateway answers itself, with a real peer at the other end and an upstream that does as told."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from realtime.protocol.audio import base64_length
from tests.gateway.browser_peer import LOUD, Page, calling
from tests.gateway.in_process import opened
from tests.gateway.process import Serve, serving
from tests.gateway.rpc_client import RefusedError, RpcClient, connected
from tests.loopback import hanging
from tests.replay.upstream import Connection, Upstream, listening
from tests.transports.footprint import Footprint, resident_kib

RATE = 24_000
Answer = Callable[[str], Awaitable[str]]


def tone(seconds: float, rate: int = RATE) -> np.ndarray[Any, np.dtype[np.int16]]:
    """A loud one."""
    at = np.arange(int(seconds * rate)) / rate
    samples: np.ndarray[Any, np.dtype[np.int16]] = (12_000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16)
    return samples


def spoken(seconds: float, item_id: str) -> dict[str, Any]:
    """A piece of the answer."""
    data = base64.b64encode(tone(seconds).astype("<i2").tobytes()).decode()
    return {"type": "response.output_audio.delta", "delta": data, "item_id": item_id, "response_id": "resp_1"}


@dataclass(frozen=True, slots=True)
class Scene:
    """A client with a thread before a gateway that answers offers."""

    client: RpcClient
    upstream: Upstream
    thread: str
    http: aiohttp.ClientSession
    resource: str

    async def by_rpc(self, offer: str) -> str:
        """Through the JSON-RPC door."""
        transport, before = {"type": "webrtc", "sdp": offer}, len(self.client.notifications)
        await self.client.call(
            "thread/realtime/start", threadId=self.thread, outputModality="audio", transport=transport
        )
        told = await self.client.until("thread/realtime/sdp", after=before)
        return str(told.params["sdp"])

    async def by_http(self, offer: str) -> str:
        """Through the HTTP door."""
        headers = {"Content-Type": "application/sdp"}
        async with self.http.post(self.resource, data=offer, headers=headers) as response:
            assert response.status == 201
            return await response.text()

    async def read(self) -> dict[str, Any]:
        """The thread."""
        found: dict[str, Any] = (await self.client.call("thread/read", threadId=self.thread))["thread"]
        return found

    async def closed(self) -> str:
        """Why the call ended."""
        return str((await self.client.until("thread/realtime/closed")).params["reason"])


@asynccontextmanager
async def staged(folder: Path, **session: Any) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(listening())
        settings = {"base_url": upstream.base_url, "api_key": "sk-none"}
        address = await stack.enter_async_context(
            opened(folder, upstream=settings, session={"webrtc": "gateway", **session})
        )
        client = await stack.enter_async_context(connected(address))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        thread = await client.start_thread()
        url = address.removesuffix("/v1/rpc").replace("ws", "http", 1)
        yield Scene(client, upstream, thread, http, f"{url}/v1/threads/{thread}/realtime")


def heard_ms(connection: Connection) -> float:
    """Sound of the microphone that reached the upstream."""
    sent = [frame["audio"] for frame in connection.frames if frame["type"] == "input_audio_buffer.append"]
    return sum(base64_length(audio) for audio in sent) / 48


@pytest.mark.parametrize("door", ["by_rpc", "by_http"])
async def test_sound_goes_both_ways_and_a_barge_in_silences_the_page(tmp_path: Path, door: str) -> None:
    async with staged(tmp_path) as scene, calling(getattr(scene, door), tone(60, 48_000)) as page:
        voice = await scene.upstream.connection()
        await voice.got("input_audio_buffer.append", 20)
        assert heard_ms(voice) >= 390
        await voice.push({"type": "response.created", "response": {"id": "resp_1"}})
        item = {"id": "item_1", "type": "message", "role": "assistant"}
        await voice.push({"type": "conversation.item.added", "item": item}, spoken(5, "item_1"), spoken(5, "item_1"))
        await page.sounds()
        status = (await scene.read())["realtime"]
        assert (status["medium"], status["media"]["peer"]) == ("gateway", "connected")
        assert status["media"]["playoutDelayMs"] > 1000
        assert status["media"]["packetsReceived"] > 0
        await voice.push({"type": "input_audio_buffer.speech_started", "item_id": "item_2"})
        await voice.got("conversation.item.truncate")
        cut = next(frame for frame in voice.frames if frame["type"] == "conversation.item.truncate")
        assert cut["item_id"] == "item_1"
        assert 0 < cut["audio_end_ms"] < 9000
        await page.is_quiet()
        # what was sent is what may be heard, and nothing past it; a codec's tail aside
        assert sum(level > LOUD for level in page.levels) * 20 <= cut["audio_end_ms"] + 100
        assert (await scene.read())["realtime"]["media"]["playoutDelayMs"] <= 20


async def test_a_page_that_hangs_up_ends_the_call_and_one_that_is_stopped_is_told(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        async with calling(scene.by_rpc):
            await scene.upstream.connection()
        assert await scene.closed() == "transport_closed"
        await scene.upstream.connections[0].ended.wait()
        before = len(scene.client.notifications)
        async with calling(scene.by_http) as page:
            await scene.upstream.connection(1)
            await scene.client.call("thread/realtime/stop", threadId=scene.thread)
            await scene.client.until("thread/realtime/closed", after=before)
            await page.see(lambda: page.is_left)


async def test_the_answer_does_not_wait_for_the_upstream(tmp_path: Path) -> None:
    async with (
        hanging() as hole,
        opened(
            tmp_path,
            upstream={"base_url": f"{hole}/v1", "connect_timeout_s": 60},
            session={"webrtc": "gateway"},
        ) as url,
        connected(url) as client,
    ):
        thread = await client.start_thread()

        async def answer(offer: str) -> str:
            transport = {"type": "webrtc", "sdp": offer}
            await client.call("thread/realtime/start", threadId=thread, outputModality="audio", transport=transport)
            return str((await client.until("thread/realtime/sdp")).params["sdp"])

        async with calling(answer):
            assert client.named("thread/realtime/started") == []
            await client.call("thread/realtime/stop", threadId=thread)


async def test_a_call_goes_on_with_the_same_page_when_the_upstream_drops(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene, calling(scene.by_rpc, tone(60, 48_000)) as page:
        first = await scene.upstream.connection()
        await first.got("input_audio_buffer.append")
        first.drop()
        second = await scene.upstream.connection(1)
        await second.got("input_audio_buffer.append")
        await second.push(spoken(1, "item_9"))
        await page.sounds()
        assert scene.client.named("thread/realtime/closed") == []


@pytest.mark.parametrize("offer", ["v=0\r\n", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", "v=0\r\na=crypto:1\r\n"])
async def test_an_offer_that_no_call_can_be_made_of_is_refused(tmp_path: Path, offer: str) -> None:
    async with staged(tmp_path) as scene:
        headers = {"Content-Type": "application/sdp"}
        async with scene.http.post(scene.resource, data=offer, headers=headers) as response:
            assert response.status == 400
            assert (await response.json())["error"]["code"] == "invalid_offer"
        transport = {"type": "webrtc", "sdp": offer}
        params = {"threadId": scene.thread, "outputModality": "audio", "transport": transport}
        await scene.client.call("thread/realtime/start", **params)
        error = await scene.client.until("thread/realtime/error")
        assert error.params["code"] == "invalid_offer"
        assert scene.client.named("thread/realtime/closed") == []
        assert scene.upstream.connections == []


async def test_who_answers_can_be_chosen_by_the_client(tmp_path: Path) -> None:
    async with staged(tmp_path, webrtc="upstream") as scene:

        async def answer(offer: str) -> str:
            headers = {"Content-Type": "application/sdp"}
            where = f"{scene.resource}?answeredBy=gateway"
            async with scene.http.post(where, data=offer, headers=headers) as response:
                assert response.status == 201
                place, tag = response.headers["Location"], response.headers["ETag"]
                text = await response.text()
            url = f"{scene.resource}/{place.rpartition('/')[2]}"
            patch = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": tag}
            restart = "a=ice-ufrag:other\r\na=ice-pwd:otherotherotherotherother\r\n"
            async with scene.http.patch(url, data=restart, headers=patch) as response:
                assert response.status == 422
            return text

        async with calling(answer) as page:
            assert isinstance(page, Page)
            await scene.upstream.connection()
        with pytest.raises(RefusedError) as refused:
            await scene.client.call(
                "thread/realtime/start",
                threadId=scene.thread,
                outputModality="audio",
                transport={"type": "webrtc", "sdp": "v=0", "answeredBy": "nobody"},
            )
        assert refused.value.data["code"] == "invalid_params"


def events(page: Page) -> list[dict[str, Any]]:
    """What came by the data channel."""
    return [json.loads(text) for text in page.texts]


def kinds(page: Page) -> list[str]:
    """Their types, those of the output buffer and of the session's beginning, and errors."""
    shown = ("session.created", "response.done", "error")
    return [
        event["type"]
        for event in events(page)
        if event["type"] in shown or event["type"].startswith("output_audio_buffer.")
    ]


async def test_the_data_channel_speaks_the_realtime_api(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene, calling(scene.by_http) as page:
        voice = await scene.upstream.connection()
        await page.see(lambda: "session.created" in kinds(page))
        page.channel.send("junk")
        await page.see(lambda: "error" in kinds(page))
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "by the channel"}]}
        page.channel.send(json.dumps({"type": "conversation.item.create", "item": item}))
        await voice.got("conversation.item.create")
        created = [frame for frame in voice.frames if frame["type"] == "conversation.item.create"]
        assert created[-1]["item"]["content"] == item["content"]  # behind it there may be the microphone's sound
        page.channel.send(json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(b"ab").decode()}))
        await _says(voice, "resp_1", "item_1", 0.3)
        await voice.push({"type": "response.done", "response": {"id": "resp_1", "status": "completed"}})
        await page.see(lambda: "output_audio_buffer.stopped" in kinds(page))
        await page.is_quiet()
        await _says(voice, "resp_2", "item_2", 20)
        await page.sounds()
        page.channel.send(json.dumps({"type": "output_audio_buffer.clear"}))
        await voice.got("conversation.item.truncate")
        await voice.got("response.cancel")
        await page.see(lambda: "output_audio_buffer.cleared" in kinds(page))
        await page.is_quiet()
        buffer = "output_audio_buffer."
        started, stopped, cleared = f"{buffer}started", f"{buffer}stopped", f"{buffer}cleared"
        order = [kind for kind in kinds(page) if kind not in ("session.created", "error")]
        assert sorted(order[:3]) == [started, stopped, "response.done"]
        assert order[0] == started
        assert order[2] == stopped
        assert order[3:] == [started, cleared]
        assert not any("audio.delta" in event["type"] for event in events(page))


async def test_the_embedded_model_is_called_by_webrtc(tmp_path: Path, gateway_env: dict[str, str]) -> None:
    async with serving(Serve(gateway_env, tmp_path / "data")) as gateway, aiohttp.ClientSession() as http:

        async def answer(offer: str) -> str:
            async with http.post(f"{gateway.url}/v1/threads") as response:
                thread = (await response.json())["thread"]["id"]
            where = f"{gateway.url}/v1/threads/{thread}/realtime"
            async with http.post(where, data=offer, headers={"Content-Type": "application/sdp"}) as response:
                assert response.status == 201
                return await response.text()

        async with calling(answer) as page:
            content = [{"type": "input_text", "text": "hello there"}]
            item = {"type": "message", "role": "user", "content": content}
            page.channel.send(json.dumps({"type": "conversation.item.create", "item": item}))
            page.channel.send(json.dumps({"type": "response.create"}))
            await page.sounds()
            await page.see(lambda: "output_audio_buffer.stopped" in kinds(page))
        assert "Traceback" not in gateway.log.read_text()


async def _says(voice: Connection, response_id: str, item_id: str, seconds: float) -> None:
    """A response with sound, but for its end."""
    item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    named = {"response_id": response_id, "output_index": 0}
    await voice.push(
        {"type": "response.created", "response": {"id": response_id, "status": "in_progress"}},
        {"type": "response.output_item.added", "item": item, **named},
        {"type": "conversation.item.added", "item": item, "previous_item_id": None},
        {**spoken(seconds, item_id), **named},
    )


async def talk(scene: Scene, number: int) -> None:
    """A call by either door, with sound both ways, that either side ends."""
    before = len(scene.client.notifications)
    async with calling(scene.by_http if number % 2 else scene.by_rpc, tone(1, 48_000)) as page:
        voice = await scene.upstream.connection(number)
        await voice.got("input_audio_buffer.append", 3)
        await voice.push(spoken(10, "item_1"))
        await page.sounds()
        if number % 3 == 0:
            await scene.client.call("thread/realtime/stop", threadId=scene.thread)
            await page.see(lambda: page.is_left)
    await scene.client.until("thread/realtime/closed", after=before)
    await voice.ended.wait()
    voice.frames.clear()


async def test_calls_leave_nothing_behind(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        for number in range(2):
            await talk(scene, number)
        before = await Footprint.between_calls()
        for number in range(2, 8):
            await talk(scene, number)
        assert await before.growth() == {}


@pytest.mark.long
async def test_two_hundred_calls_leave_no_memory_either(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        memory = []
        for number in range(200):
            await talk(scene, number)
            if number % 40 == 39:
                memory.append(resident_kib())
        print(f"\nKiB resident after each forty calls: {memory}")
        # the upstream and the pages are in this process too, and the client keeps what it was told
        assert memory[-1] - memory[0] < 160 * 60, memory
