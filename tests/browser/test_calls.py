"""Calls from a real browser: both ways of answering, each through both doors, with speech into its microphone."""

from __future__ import annotations

import asyncio
import os
import threading
import wave
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page

from realtime.mock.server import MockServer
from tests.browser.chromium import chromium
from tests.gateway.in_process import opened
from tests.gateway.rpc_client import RpcClient, connected
from tests.gateway.spoken import RATE, speak

SCRIPT = Path(__file__).with_name("call.js")
HEARD = ("please count to twenty slowly", "thank you")
"""What the mock is told to have heard; the first makes it speak until it is interrupted."""
PATIENCE_MS = 60_000
POOLS = ("asyncio_", "store-")
"""Threads that wait for work, up to a bound, and grow when several want it at once."""

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("flite")]


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence twice, with enough silence around it that the answer has begun when it comes again."""
    folder = tmp_path_factory.mktemp("microphone")
    sentence = speak("flite", HEARD[0], folder / "once.wav", lead_s=0.8, tail_s=2.0)
    with wave.open(str(folder / "in.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 2 * len(sentence.samples), "NONE", ""))
        file.writeframes(np.tile(sentence.samples, 2).astype("<i2").tobytes())
    return folder / "in.wav"


@dataclass(frozen=True, slots=True)
class Scene:
    """A page of the gateway's own origin, and somebody who watches the thread."""

    page: Page
    watcher: RpcClient
    mock: MockServer
    thread: str
    url: str

    async def call(self, door: str) -> None:
        """Call through a door."""
        options = {"prompt": "\n".join(f"heard: {text}" for text in HEARD), "outputModality": "audio"}
        if door == "http":
            query = "&".join(f"{name}={value}" for name, value in options.items()).replace("\n", "%0A")
            await self.page.evaluate("url => byHttp(url)", f"/v1/threads/{self.thread}/realtime?{query}")
        else:
            where = f"{self.url.replace('http', 'ws', 1)}/v1/rpc"
            params = {"threadId": self.thread, **options}
            await self.page.evaluate("([url, params]) => byRpc(url, params)", [where, params])

    async def hang_up(self, door: str) -> None:
        """By the door that it was called through."""
        if door == "http":
            assert await self.page.evaluate("hangUp()") == 200
        else:
            stop = "ask => call.ask('thread/realtime/stop', {threadId: ask}).then(() => call.connection.close())"
            await self.page.evaluate(stop, self.thread)
        await self.watcher.until("thread/realtime/closed")

    async def wait(self, condition: str, *arguments: Any) -> Any:
        """Wait until it holds in the page; its value."""
        handle = await self.page.wait_for_function(condition, arg=list(arguments), timeout=PATIENCE_MS, polling=50)
        return await handle.json_value()

    async def items(self) -> list[dict[str, Any]]:
        """The thread's lines."""
        read = await self.watcher.call("thread/read", threadId=self.thread)
        return [item for item in read["thread"]["items"] if item["type"] in ("userMessage", "assistantMessage")]


@asynccontextmanager
async def staged(folder: Path, answers: str, microphone: Path) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        mock = await stack.enter_async_context(MockServer())
        upstream = {"base_url": mock.base_url, "api_key": "sk-none"}
        address = await stack.enter_async_context(opened(folder, upstream=upstream, session={"webrtc": answers}))
        url = address.removesuffix("/v1/rpc").replace("ws", "http", 1)
        watcher = await stack.enter_async_context(connected(address))
        thread = await watcher.start_thread()
        browser = await stack.enter_async_context(chromium(microphone=microphone))
        page = await browser.new_page()
        await page.goto(f"{url}/healthz")  # any page of the gateway's own origin
        await page.add_script_tag(path=SCRIPT)
        yield Scene(page, watcher, mock, thread, url)


@pytest.mark.parametrize("door", ["rpc", "http"])
@pytest.mark.parametrize("answers", ["upstream", "gateway"])
async def test_a_browser_talks_is_answered_interrupts_and_hangs_up(
    tmp_path: Path, microphone: Path, answers: str, door: str
) -> None:
    async with staged(tmp_path, answers, microphone) as scene:
        before = footprint()
        await scene.call(door)
        await scene.wait("call.connection.connectionState === 'connected' && call.channel.readyState === 'open'")
        await scene.wait("call.events.some(({ type }) => type === 'session.created')")
        await scene.wait("loud()")
        await scene.wait("heardStats().then(({ packets, energy }) => packets > 10 && energy > 0)")
        await _is_interrupted(scene)
        said = [(item["role"], item["text"]) for item in await scene.items()]
        assert said[0] == ("user", HEARD[0])
        assert said[1][0] == "assistant"
        assert "one" in said[1][1].lower()
        await scene.hang_up(door)
        await _everything_is_freed(scene, before)


async def _is_interrupted(scene: Scene) -> None:
    """The second turn cuts the answer off."""
    started = "input_audio_buffer.speech_started"
    await scene.watcher.until(lambda note: _starts(scene.watcher, started) >= 2)
    at = await scene.page.evaluate("performance.now()")
    quiet = await scene.wait("([at]) => quietSince(at, 250)", at)
    print(f"\nthe page was silent {max(0.0, quiet - at):.0f} ms after it was interrupted")
    await scene.watcher.until(lambda note: _interrupted(note.params.get("item")))


def _starts(watcher: RpcClient, kind: str) -> int:
    added = watcher.named("thread/realtime/itemAdded")
    return sum(note.params["item"].get("type") == kind for note in added)


def _interrupted(item: dict[str, Any] | None) -> bool:
    found = item or {}
    return (found.get("type"), found.get("status")) == ("assistantMessage", "interrupted")


def footprint() -> dict[str, int]:
    """What this process holds."""
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": sum(not thread.name.startswith(POOLS) for thread in threading.enumerate()),
        "descriptors": len(os.listdir("/proc/self/fd")),
    }


async def _everything_is_freed(scene: Scene, before: dict[str, int]) -> None:
    """Sockets, tasks and threads are those of before; the page's own socket is closed first."""
    await scene.page.close()
    async with asyncio.timeout(30):
        while any(now > then for now, then in zip(footprint().values(), before.values(), strict=True)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # the last of it ends in other tasks' time, nobody tells when
