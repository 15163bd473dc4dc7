"""The page's own routes: its files, who answers, another voice model, and harm on purpose."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from realtime.mock.breaks import HARMS
from realtime.settings import Settings
from tests.fuzz.house import served, settings_for
from tests.gateway.rpc_client import RpcClient, connected


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[aiohttp.ClientSession, RpcClient]]:
    async with (
        served(settings) as address,
        aiohttp.ClientSession(address) as http,
        connected(address.replace("http", "ws", 1)) as client,
    ):
        yield http, client


def switching(folder: Path, **server: Any) -> Settings:
    settings = settings_for(folder)
    return settings.model_copy(
        update={"server": settings.server.model_copy(update={"console_upstream": True, **server})}
    )


async def test_every_part_that_the_page_names_is_served(tmp_path: Path) -> None:
    async with opened(settings_for(tmp_path)) as (http, _):
        async with http.get("/") as response:
            page = await response.text()
            assert "script-src 'self'" in response.headers["Content-Security-Policy"]
        wanted, seen = {*re.findall(r'(?:src|href)="(console/[^"]+)"', page)}, set[str]()
        assert wanted
        while wanted:
            name = wanted.pop()
            seen.add(name)
            async with http.get(f"/{name}") as response:
                assert response.status == 200, name
                text = await response.text()
                assert not re.search(r"https?://(?!api\.openai\.com/v1)", text), f"{name} names an outside address"
            wanted |= {f"console/{part}" for part in re.findall(r'from "\./([^"]+)"', text)} - seen
        assert {"console/voice.js", "console/style.css"} <= seen


@pytest.mark.parametrize("name", ["..%2Fapp.py", "__init__.py", "nothing.js", "%00.js", ".js"])
async def test_nothing_else_is_served(tmp_path: Path, name: str) -> None:
    async with opened(settings_for(tmp_path)) as (http, _), http.get(f"/console/{name}") as response:
        assert response.status == 404


async def test_another_voice_model_is_used_by_new_calls_and_its_key_is_told_to_nobody(
    tmp_path: Path, canary_key: str
) -> None:
    async with opened(switching(tmp_path)) as (http, client):
        choice = {"baseUrl": "http://127.0.0.1:9/v1", "apiKey": canary_key, "model": "other-model"}
        async with http.put("/v1/console/upstream", json=choice) as response:
            about = await response.json()
        assert about["upstream"] == "upstream 127.0.0.1:9, model other-model"
        assert about["breaks"] == []
        assert canary_key not in str(about)
        thread_id = await client.start_thread()
        await client.call("thread/realtime/start", threadId=thread_id, outputModality="text")
        failed = await client.until(lambda seen: seen.method == "thread/realtime/error")
        assert failed.params["code"] == "upstream_refused"
        async with http.put("/v1/console/upstream", json={}) as response:
            assert (await response.json())["upstream"] == "embedded voice model"


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        ({"baseUrl": "file:///etc/passwd", "apiKey": "k"}, "baseUrl"),
        ({"apiKey": " "}, "apiKey"),
        ({"model": ""}, "model"),
    ],
)
async def test_a_choice_that_cannot_be_used_is_refused_by_name(
    tmp_path: Path, choice: dict[str, str], field: str
) -> None:
    async with (
        opened(switching(tmp_path)) as (http, _),
        http.put("/v1/console/upstream", json=choice) as response,
    ):
        assert response.status == 422
        assert (await response.json())["error"]["field"] == field


async def test_where_it_is_switched_off_nobody_chooses(tmp_path: Path) -> None:
    async with opened(settings_for(tmp_path)) as (http, _):
        async with http.get("/v1/console") as response:
            assert (await response.json())["canSwitch"] is False
        async with http.put("/v1/console/upstream", json={"model": "x"}) as response:
            assert response.status == 403


@pytest.mark.parametrize("name", [*HARMS, "slow-agent"])
async def test_a_talk_goes_on_whatever_is_broken(tmp_path: Path, name: str) -> None:
    async with opened(settings_for(tmp_path)) as (http, client):
        thread_id = await client.start_thread()
        await client.call("thread/realtime/start", threadId=thread_id, outputModality="text")
        await client.until(lambda seen: seen.method == "thread/realtime/started")
        async with http.post("/v1/console/breaks", json={"name": name, "threadId": thread_id}) as response:
            assert response.status == 202
            assert (await response.json())["said"]
        await client.call("thread/realtime/appendText", threadId=thread_id, text="what is 6 times 7")
        answer = await client.until(
            lambda seen: (
                seen.method == "item/completed"
                and seen.item.get("type") == "assistantMessage"
                and "42" in seen.item["text"]
            )
        )
        assert answer.item["status"] == "completed"
        lines = [seen.item["id"] for seen in client.notifications if seen.method == "item/completed"]
        assert len(lines) == len(set(lines))


async def test_what_cannot_be_broken_is_refused(tmp_path: Path) -> None:
    async with opened(settings_for(tmp_path)) as (http, client):
        thread_id = await client.start_thread()
        for name, status in (("upstream-cut", 404), ("nonsense", 422)):
            async with http.post("/v1/console/breaks", json={"name": name, "threadId": thread_id}) as response:
                assert response.status == status
