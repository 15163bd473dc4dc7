"""The HTTP door: every route, its params, its refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from realtime.errors import StoreError
from realtime.protocol.json import JsonObject
from realtime.server.app import build_app
from realtime.server.rest import ROUTES
from realtime.settings import LimitsSettings, ServerSettings
from tests.server.fake import Doors, open_doors


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    async with open_doors(limits=LimitsSettings(message_bytes=65_536)) as opened:
        yield opened


async def call(doors: Doors, verb: str, path: str, body: JsonObject | None = None, **options: Any) -> tuple[int, Any]:
    async with doors.http.request(verb, doors.address + path, json=body, **options) as response:
        found = await response.json() if response.content_type == "application/json" else await response.text()
        return response.status, found


async def test_threads_are_made_listed_read_and_deleted(doors: Doors) -> None:
    status, made = await call(doors, "POST", "/v1/threads", {"name": "first"})
    assert status == 201
    thread_id = made["thread"]["id"]
    assert doors.journal.named("start_thread")[0].name == "first"
    assert await call(doors, "GET", "/v1/threads?limit=1&archived=true") == (
        200,
        {"data": [made["thread"]], "nextCursor": None},
    )
    assert doors.journal.named("list_threads")[0].archived is True
    status, read = await call(doors, "GET", f"/v1/threads/{thread_id}")
    assert (status, read["thread"]["id"], read["thread"]["items"]) == (200, thread_id, [])
    assert await call(doors, "DELETE", f"/v1/threads/{thread_id}") == (204, "")
    assert (await call(doors, "GET", f"/v1/threads/{thread_id}"))[0] == 404


async def test_a_thread_needs_no_body(doors: Doors) -> None:
    assert (await call(doors, "POST", "/v1/threads"))[0] == 201


async def test_items_come_in_pages(doors: Doors) -> None:
    thread_id = doors.threads.make(5)
    status, page = await call(doors, "GET", f"/v1/threads/{thread_id}/items?after=1&limit=2")
    assert status == 200
    assert [record["seq"] for record in page["data"]] == [2, 3]
    assert page["data"][0].keys() == {"seq", "method", "params"}
    assert (page["seq"], page["more"]) == (5, True)
    _, page = await call(doors, "GET", f"/v1/threads/{thread_id}/items?after=3")
    assert ([record["seq"] for record in page["data"]], page["more"]) == ([4, 5], False)


@pytest.mark.parametrize(
    ("query", "form", "media"),
    [
        ("", "text", "text/plain"),
        ("?format=text", "text", "text/plain"),
        ("?format=jsonl", "jsonl", "application/x-ndjson"),
        ("?format=vtt", "vtt", "text/vtt"),
    ],
)
async def test_a_transcript_has_three_forms(doors: Doors, query: str, form: str, media: str) -> None:
    thread_id = doors.threads.make()
    async with doors.http.get(f"{doors.address}/v1/threads/{thread_id}/transcript{query}") as response:
        assert (response.status, response.content_type, response.charset) == (200, media, "utf-8")
        assert await response.text() == f"as {form}\n"


async def test_a_turn_is_started(doors: Doors) -> None:
    thread_id = doors.threads.make()
    body = {"input": [{"type": "text", "text": "do it"}], "clientMetadata": {"a": "b"}}
    status, found = await call(doors, "POST", f"/v1/threads/{thread_id}/turns", body)
    assert (status, found["turn"]["id"]) == (202, "turn_1")
    params = doors.journal.named("start_turn")[0]
    assert (params.thread_id, params.text, params.client_metadata) == (thread_id, "do it", {"a": "b"})


async def test_a_call_is_begun_told_something_interrupted_and_ended(doors: Doors) -> None:
    thread_id = doors.threads.make()
    realtime = f"/v1/threads/{thread_id}/realtime"
    assert await call(doors, "POST", realtime, {"outputModality": "text"}) == (202, {"sessionId": "sess_1"})
    assert await call(doors, "POST", f"{realtime}/text", {"text": "hi", "respond": True}) == (202, {"seq": 1})
    assert doors.journal.named("append_text")[0].respond is True
    assert await call(doors, "POST", f"{realtime}/interrupt") == (202, {})
    for _ in range(2):
        assert await call(doors, "DELETE", realtime) == (204, "")
    status, found = await call(doors, "POST", f"{realtime}/text", {"text": "hi"})
    assert (status, found["error"]["code"]) == (404, "session_not_found")


async def test_a_store_that_is_down_keeps_no_call_alive(doors: Doors) -> None:
    thread_id = doors.threads.make()
    doors.calls.running.add(thread_id)
    doors.journal.failures["thread"] = StoreError("down")
    assert (await call(doors, "DELETE", f"/v1/threads/{thread_id}/realtime"))[0] == 503
    assert doors.calls.running == set()


@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.verb} {route.path}" for route in ROUTES])
async def test_every_route_checks_the_thread(doors: Doors, route: Any) -> None:
    if "{threadId}" not in route.path:
        return
    body: JsonObject = {"outputModality": "audio", "text": "x", "input": [{"type": "text", "text": "x"}]}
    sent = body if route.body is not None else None
    absent = route.path.format(threadId="00000000-0000-7000-8000-000000000000", callId="rtc_1")
    status, found = await call(doors, route.verb, absent, sent)
    code = "session_not_found" if "{callId}" in route.path else "thread_not_found"
    assert (status, found["error"]["code"]) == (404, code)
    status, found = await call(doors, route.verb, route.path.format(threadId="nonsense", callId="rtc_1"), sent)
    assert (status, found["error"]["code"], found["error"]["field"]) == (422, "invalid_params", "threadId")


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "code", "field"),
    [
        ("POST", "/realtime", {}, 422, "invalid_params", "outputModality"),
        ("POST", "/realtime", {"outputModality": 1}, 422, "invalid_params", "outputModality"),
        ("POST", "/realtime/text", {"text": None}, 422, "invalid_params", "text"),
        ("POST", "/turns", {"input": "x"}, 422, "invalid_params", "input"),
        ("GET", "/items?after=x", None, 422, "invalid_params", "after"),
        ("GET", "/items?after=-1", None, 422, "invalid_params", "after"),
        ("GET", "/items?limit=100000", None, 422, "invalid_params", "limit"),
        ("GET", "/transcript?format=pdf", None, 422, "invalid_params", "format"),
        ("GET", "/nothing", None, 404, "unknown_method", None),
        ("PUT", "/realtime", {}, 405, "unknown_method", None),
        ("DELETE", "/items", None, 405, "unknown_method", None),
    ],
)
async def test_refusals_name_what_is_wrong(
    doors: Doors, verb: str, path: str, body: JsonObject | None, status: int, code: str, field: str | None
) -> None:
    found_status, found = await call(doors, verb, f"/v1/threads/{doors.threads.make()}{path}", body)
    error = found["error"]
    assert (found_status, error["code"], error.get("field")) == (status, code, field)
    assert error["retryable"] is False
    assert error["message"]


@pytest.mark.parametrize(
    ("content_type", "data", "status", "code"),
    [
        ("text/plain", b'{"outputModality":"audio"}', 415, "invalid_params"),
        ("application/x-www-form-urlencoded", b"outputModality=audio", 415, "invalid_params"),
        ("application/json", b"{", 400, "parse_error"),
        ("application/json", b"[]", 400, "parse_error"),
        ("application/json", b"\xff", 400, "parse_error"),
        ("application/json", b"[" * 60_000, 400, "parse_error"),
        ("application/json", b'{"a":' + b"1" * 70_000 + b"}", 413, "invalid_params"),
    ],
)
async def test_bodies_are_checked_before_they_are_read(
    doors: Doors, content_type: str, data: bytes, status: int, code: str
) -> None:
    path = f"{doors.address}/v1/threads/{doors.threads.make()}/realtime"
    async with doors.http.post(path, data=data, headers={"Content-Type": content_type}) as response:
        assert response.status == status
        assert (await response.json())["error"]["code"] == code
    assert doors.journal.named("start_realtime") == []


@pytest.mark.parametrize("path", ["/v1/threads", "/nothing", "/healthz"])
async def test_an_expectation_that_nobody_knows_is_refused_in_the_doors_words(doors: Doors, path: str) -> None:
    async with doors.http.post(f"{doors.address}{path}", headers={"Expect": "a miracle"}) as response:
        assert response.status == 417
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        error = (await response.json())["error"]
    assert (error["code"], error["retryable"]) == ("invalid_params", False)
    assert "miracle" not in error["message"]


async def test_a_body_may_be_announced(doors: Doors) -> None:
    async with doors.http.post(f"{doors.address}/v1/threads", json={}, expect100=True) as response:
        assert response.status == 201


async def test_a_refusal_that_may_be_repeated_says_when(doors: Doors) -> None:
    doors.journal.failures["start_thread"] = StoreError("slow", retry_after_ms=2500)
    async with doors.http.post(f"{doors.address}/v1/threads") as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "3"
        assert (await response.json())["error"] == {
            "code": "store_unavailable",
            "message": "slow",
            "retryable": True,
            "retryAfterMs": 2500,
        }


async def test_every_path_parameter_is_declared(doors: Doors) -> None:
    _, document = await call(doors, "GET", "/openapi.json")
    for path, verbs in document["paths"].items():
        wanted = {step[1:-1] for step in path.split("/") if step.startswith("{")}
        for operation in verbs.values():
            assert {one["name"] for one in operation["parameters"] if one["in"] == "path"} == wanted, path
            assert all(one["required"] for one in operation["parameters"] if one["in"] == "path"), path


async def test_what_can_be_got_can_be_asked_for_its_head(doors: Doors) -> None:
    thread = f"/v1/threads/{doors.threads.make(2)}"
    paths = ("/", "/healthz", "/readyz", "/openapi.json", "/asyncapi.json", "/console/style.css", "/v1/threads")
    for path in (*paths, thread, f"{thread}/items", f"{thread}/transcript", "/v1/threads/nonsense", "/nothing"):
        async with doors.http.get(doors.address + path) as got, doors.http.head(doors.address + path) as asked:
            assert (asked.status, asked.content_type) == (got.status, got.content_type), path
            assert asked.headers["Content-Length"] == str(len(await got.read())), path
            assert await asked.read() == b"", path


async def test_a_head_opens_no_stream_and_no_socket(doors: Doors) -> None:
    for path in (f"/v1/threads/{doors.threads.make()}/events", "/v1/rpc"):
        async with doors.http.head(doors.address + path) as asked:
            assert (asked.status, asked.headers["Allow"]) == (405, "GET"), path
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
    async with doors.http.head(doors.address, headers=upgrade) as asked:
        assert (asked.status, asked.content_type) == (200, "text/html")


async def test_the_document_names_every_route(doors: Doors) -> None:
    status, document = await call(doors, "GET", "/openapi.json")
    assert status == 200
    assert document["openapi"].startswith("3.1")
    named = {(verb.upper(), path) for path, verbs in document["paths"].items() for verb in verbs}
    served = build_app(doors.gateway, ServerSettings(), LimitsSettings(), doors.telemetry).router.routes()
    there = {(route.method, route.resource.canonical) for route in served if route.resource is not None}
    assert named == {(verb, path) for verb, path in there if verb != "HEAD"}
    schemas = document["components"]["schemas"]
    for verbs in document["paths"].values():
        for operation in verbs.values():
            assert operation["summary"]
            reference = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            assert reference is None or reference["$ref"].rpartition("/")[2] in schemas
