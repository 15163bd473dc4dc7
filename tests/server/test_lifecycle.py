"""Coming and going: probes, draining, figures."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from realtime.errors import Draining, StoreError
from realtime.server.app import serving
from realtime.settings import LimitsSettings, ServerSettings
from realtime.telemetry import Telemetry
from tests.server.fake import Caller, FakeGateway, open_doors


async def test_leaving_closes_sockets_with_1012_after_what_was_promised() -> None:
    gateway = FakeGateway()
    thread_id = gateway.fake_threads.make()
    async with aiohttp.ClientSession() as http:
        async with serving(gateway, ServerSettings(port=0), LimitsSettings(), Telemetry()) as address:
            caller = Caller(await http.ws_connect(address))
            await caller.initialize()
            await caller.result("thread/realtime/stop", {"threadId": thread_id})
            events = await http.get(f"{address}v1/threads/{thread_id}/events")
            assert events.status == 200
            await gateway.journal.until("replay")
            gateway.fake_threads.record(thread_id, "the last word")
            told = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - told < 5
        assert (await caller.notification("item/completed"))["item"]["text"] == "the last word"
        assert await caller.closed() == 1012
        assert b"the last word" in await events.content.read()
        assert len(set(map(id, gateway.gone))) == 2
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(address)


async def test_no_task_is_left() -> None:
    before = asyncio.all_tasks()
    async with open_doors() as doors, doors.caller() as caller:
        thread_id = doors.threads.make()
        doors.journal.gates["start_turn"] = asyncio.Event()
        await caller.send("turn/start", {"threadId": thread_id, "input": [{"type": "text", "text": "x"}]})
        await doors.journal.until("start_turn waits")
        doors.journal.gates["start_turn"].set()
    assert asyncio.all_tasks() - before == set()


async def test_probes() -> None:
    async with open_doors() as doors:
        for path, body in (("/healthz", {"status": "ok"}), ("/readyz", {"status": "ready"})):
            async with doors.http.get(doors.address + path) as response:
                assert (response.status, await response.json()) == (200, body)


@pytest.mark.parametrize("error", [Draining("leaving"), StoreError("the disk is full")])
async def test_readiness_says_what_is_missing_and_the_process_is_alive(error: Draining | StoreError) -> None:
    async with open_doors() as doors:
        doors.journal.failures["ready"] = error
        async with doors.http.get(f"{doors.address}/readyz") as response:
            assert response.status == 503
            assert int(response.headers["Retry-After"]) >= 1
            assert (await response.json())["error"]["code"] == error.code
        async with doors.http.get(f"{doors.address}/healthz") as response:
            assert response.status == 200


async def test_figures_are_shown() -> None:
    async with open_doors() as doors:
        async with doors.caller() as caller:
            await caller.refused("no/such")
        await doors.journal.until("forget")
        async with doors.http.get(f"{doors.address}/v1/threads/x") as response:
            assert response.status == 422
        async with doors.http.get(f"{doors.address}/metrics") as response:
            text = await response.text()
        assert 'voxgate_calls_refused_total{code="unknown_method"} 1' in text
        assert 'voxgate_calls_refused_total{code="invalid_params"} 1' in text
        assert "voxgate_clients_opened_total 1" in text


async def test_a_defect_behind_http_is_a_500_that_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with open_doors() as doors:
        doors.journal.failures["list_threads"] = ZeroDivisionError("/secret/path")
        async with doors.http.get(f"{doors.address}/v1/threads?cursor=%0Aforged") as response:
            assert response.status == 500
            assert await response.json() == {
                "error": {"code": "internal", "message": "internal error", "retryable": False}
            }
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "forged" not in caplog.records[0].getMessage()


async def test_a_defect_under_an_open_stream_cuts_it(caplog: pytest.LogCaptureFixture) -> None:
    async with open_doors() as doors:
        thread_id = doors.threads.make(1)
        doors.journal.failures["replay"] = ZeroDivisionError("ours")
        async with doors.http.get(f"{doors.address}/v1/threads/{thread_id}/events") as response:
            with pytest.raises(aiohttp.ClientError):
                await response.content.read()
        assert len(caplog.records) == 1
        assert doors.threads.sinks.get(thread_id, []) == []


async def test_the_page_and_the_documents() -> None:
    async with open_doors() as doors:
        async with doors.http.get(doors.address) as response:
            assert response.content_type == "text/html"
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert "voxgate call" in await response.text()
        async with doors.http.get(f"{doors.address}/asyncapi.json") as response:
            document = await response.json()
        assert document["asyncapi"].startswith("3.")
        assert "thread/realtime/start" in document["operations"]
        assert "initialize" in document["operations"]
