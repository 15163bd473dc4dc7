"""The mock's scenarios about calls, and the gateway before it: a page calls, the mock answers with real media."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from realtime.mock.scenarios import find_scenario
from realtime.mock.server import MockServer
from tests.gateway.in_process import opened
from tests.gateway.records import completed
from tests.mock.page import SDP, calling, offering
from tests.mock.presence import connections

pytestmark = pytest.mark.long
WORKS = (None, "sideband-404", "call-unavailable", "slow-answer")
PATIENCE_S = 10.0
REFUSED = ("no-location", "odd-location", "call-refused")


@dataclass(frozen=True, slots=True)
class Front:
    """The gateway's HTTP door and a thread."""

    http: aiohttp.ClientSession
    thread: str

    async def post(self, server: MockServer, offer: str) -> tuple[int, str, Mapping[str, str]]:
        """Post an offer, as a page does."""
        del server
        address, headers = f"/v1/threads/{self.thread}/realtime", {"Content-Type": SDP}
        async with self.http.post(address, data=offer.encode(), headers=headers) as answer:
            return answer.status, await answer.text(), answer.headers

    async def answered(self, text: str) -> None:
        """Wait until the thread holds an answer with these words."""
        async with asyncio.timeout(PATIENCE_S):
            await completed(
                self.http, self.thread, lambda item: (item["type"], item["text"]) == ("assistantMessage", text)
            )

    async def lines(self) -> str:
        """What was said."""
        async with self.http.get(f"/v1/threads/{self.thread}/transcript?format=text") as answer:
            return await answer.text()


@asynccontextmanager
async def fronted(scenario: str | None, folder: Path) -> AsyncIterator[tuple[MockServer, Front]]:
    server = MockServer(seed=7)
    if scenario is not None:
        find_scenario(scenario).prepare(server.mock)
    async with server:
        upstream = {"base_url": server.base_url, "api_key": "sk-any"}
        async with opened(folder, upstream=upstream) as url:
            base = url.replace("ws", "http", 1).removesuffix("/v1/rpc")
            async with aiohttp.ClientSession(base) as http:
                async with http.post("/v1/threads", json={}) as answer:
                    thread = (await answer.json())["thread"]["id"]
                yield server, Front(http, thread)


@pytest.mark.parametrize("scenario", WORKS)
async def test_what_is_said_reaches_the_thread(scenario: str | None, tmp_path: Path) -> None:
    async with fronted(scenario, tmp_path) as (server, front), calling(server, by=front.post) as page:
        await connections(server, 2)  # the gateway's sideband hears nothing from before
        page.ask("how are you")
        await page.until("output_audio_buffer.stopped")
        await front.answered("how are you")
        assert "assistant: how are you" in await front.lines()


@pytest.mark.parametrize("scenario", REFUSED)
async def test_the_page_is_told_why_not(scenario: str, tmp_path: Path) -> None:
    async with fronted(scenario, tmp_path) as (server, front):
        with pytest.raises(AssertionError, match="upstream_refused"):
            async with calling(server, by=front.post):
                pass


async def test_a_call_that_cannot_be_joined_is_hung_up(tmp_path: Path) -> None:
    async with fronted("sideband-refused", tmp_path) as (server, front), offering() as offer:
        assert (await front.post(server, offer))[0] == 201
        await connections(server, 0)


async def test_a_dropped_call_is_over(tmp_path: Path) -> None:
    async with fronted("dropped-call", tmp_path) as (server, front), calling(server, by=front.post) as page:
        await connections(server, 2)
        page.ask("how are you")
        await page.see(lambda: page.is_left)
        await connections(server, 0)
