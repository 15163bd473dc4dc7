"""The JSON-RPC door: handshake, every method, order, subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from realtime.errors import StoreError, UpstreamConnectFailed
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from realtime.server.methods import METHODS
from tests.server.fake import Caller, Doors, open_doors

AUDIO: JsonObject = {"data": "AAAA", "sampleRate": 24000, "numChannels": 1}


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    async with open_doors() as opened:
        yield opened


@pytest.fixture
async def caller(doors: Doors) -> AsyncIterator[Caller]:
    async with doors.caller() as connected:
        yield connected


# -- handshake ---------------------------------------------------------------------------------------


async def test_initialize_names_the_server(doors: Doors) -> None:
    async with doors.caller(initialize=False) as caller:
        result = await caller.result("initialize", {"clientInfo": {"name": "t"}})
        assert result["userAgent"].startswith("voxgate/")
        assert result["serverInfo"]["name"] == "voxgate"
        assert (result["platformFamily"], result["platformOs"]) in (("unix", "linux"), ("unix", "macos"))


async def test_nothing_goes_before_initialize(doors: Doors) -> None:
    async with doors.caller(initialize=False) as caller:
        for method in ("thread/start", "thread/realtime/listVoices", "no/such"):
            error = await caller.refused(method)
            assert (error["code"], error["data"]["code"]) == (-32600, "not_initialized")
        await caller.initialize()
        assert "thread" in await caller.result("thread/start")
        assert len(doors.journal.named("start_thread")) == 1


async def test_initialize_again_is_refused(caller: Caller) -> None:
    error = await caller.refused("initialize", {"clientInfo": {}})
    assert error["data"]["code"] == "invalid_params"


async def test_initialize_needs_client_info(doors: Doors) -> None:
    async with doors.caller(initialize=False) as caller:
        error = await caller.refused("initialize", {})
        assert "missing field `clientInfo`" in error["message"]
        assert (await caller.refused("thread/start"))["data"]["code"] == "not_initialized"


async def test_both_paths_are_the_same_door(doors: Doors) -> None:
    for path in ("/", "/v1/rpc"):
        async with doors.caller(path) as caller:
            assert "thread" in await caller.result("thread/start")


async def test_compression_is_never_negotiated(doors: Doors) -> None:
    async with doors.caller(compress=15) as caller:
        assert caller.socket.compress == 0


async def test_the_jsonrpc_member_is_optional_in_and_absent_out(caller: Caller) -> None:
    await caller.socket.send_str('{"jsonrpc":"2.0","id":"a","method":"thread/list"}')
    reply = await caller.reply("a")
    assert "jsonrpc" not in reply
    assert reply["result"]["data"] == []


# -- every method --------------------------------------------------------------------------------------

THREAD = "$thread"
TEXT_INPUT = [{"type": "text", "text": "do it"}]

CALLS: list[tuple[str, JsonObject, str, JsonObject]] = [
    ("thread/archive", {}, "archive_thread", {"thread": None}),
    ("thread/read", {}, "read_thread", {"thread": None}),
    ("thread/unsubscribe", {}, "unsubscribe", {"status": "notSubscribed"}),
    ("turn/start", {"input": TEXT_INPUT}, "start_turn", {"turn": None}),
    ("turn/steer", {"input": TEXT_INPUT}, "steer_turn", {"turnId": "turn_1", "turn": None}),
    ("turn/interrupt", {}, "interrupt_turn", {}),
    ("thread/realtime/start", {"outputModality": "audio"}, "start_realtime", {}),
    ("thread/realtime/appendAudio", {"audio": AUDIO}, "append_audio", {}),
    ("thread/realtime/appendText", {"text": "hi"}, "append_text", {"seq": 1}),
    ("thread/realtime/appendSpeech", {"text": "hi"}, "append_speech", {}),
    ("thread/realtime/interrupt", {}, "interrupt_realtime", {}),
    ("thread/realtime/commitAudio", {}, "commit_audio", {}),
    ("thread/realtime/clearAudio", {}, "clear_audio", {}),
    ("thread/realtime/played", {"itemId": "i", "playedMs": 20}, "played", {}),
    ("thread/realtime/stop", {}, "stop_realtime", {}),
]


def test_every_method_is_tried() -> None:
    elsewhere = {"thread/start", "thread/list", "thread/resume", "thread/realtime/listVoices"}
    assert {method for method, *_ in CALLS} | elsewhere == set(METHODS)


@pytest.mark.parametrize(("method", "params", "asked", "result"), CALLS, ids=[call[0] for call in CALLS])
async def test_a_method_reaches_the_gateway(
    doors: Doors, caller: Caller, method: str, params: JsonObject, asked: str, result: JsonObject
) -> None:
    thread_id = doors.threads.make()
    doors.calls.running.add(thread_id)
    found = await caller.result(method, {"threadId": thread_id, **params})
    assert len(doors.journal.named(asked)) == 1
    assert found.keys() == result.keys()
    assert {name: value for name, value in found.items() if result[name] is not None} == {
        name: value for name, value in result.items() if value is not None
    }


@pytest.mark.parametrize(("method", "params", "asked", "result"), CALLS, ids=[call[0] for call in CALLS])
async def test_thread_ids_are_checked(
    doors: Doors, caller: Caller, method: str, params: JsonObject, asked: str, result: JsonObject
) -> None:
    del result
    error = await caller.refused(method, {"threadId": "not-a-uuid", **params})
    assert error["code"] == -32600
    assert error["message"].startswith("invalid thread id")
    assert error["data"] == {"code": "invalid_params", "field": "threadId", "retryable": False}
    error = await caller.refused(method, params)
    assert "missing field `threadId`" in error["message"]
    assert doors.journal.named(asked) == []


@pytest.mark.parametrize("method", ["thread/realtime/start", "thread/realtime/appendText", "thread/realtime/stop"])
async def test_an_unknown_thread_is_said(caller: Caller, method: str) -> None:
    params = {"threadId": "00000000-0000-7000-8000-000000000000", "outputModality": "audio", "text": "x"}
    error = await caller.refused(method, params)
    assert error["code"] == -32600
    assert error["message"].startswith("thread not found: ")
    assert error["data"]["code"] == "thread_not_found"


async def test_voices_are_listed(caller: Caller) -> None:
    voices = (await caller.result("thread/realtime/listVoices"))["voices"]
    assert voices["v1"] == ["juniper", "maple", "spruce", "ember", "vale", "breeze", "arbor", "sol", "cove"]
    assert voices["v2"] == ["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"]
    assert (voices["defaultV1"], voices["defaultV2"]) == ("cove", "marin")


async def test_thread_ids_may_be_written_in_capitals(doors: Doors, caller: Caller) -> None:
    thread_id = doors.threads.make()
    await caller.result("thread/realtime/start", {"threadId": thread_id.upper(), "outputModality": "text"})
    assert doors.journal.named("start_realtime")[0].thread_id == thread_id


# -- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "params", "words", "field"),
    [
        ("thread/realtime/start", {}, "missing field `outputModality`", "outputModality"),
        ("thread/realtime/start", {"outputModality": "smell"}, "unknown variant `smell`", "outputModality"),
        ("thread/realtime/start", {"outputModality": "audio", "prompt": 5}, "invalid type: `prompt`", "prompt"),
        (
            "thread/realtime/start",
            {"outputModality": "audio", "transport": {"type": "pigeon"}},
            "unknown variant `pigeon`",
            "transport.type",
        ),
        ("thread/realtime/appendText", {"text": 1}, "invalid type: `text`", "text"),
        ("thread/realtime/appendText", {"text": "x", "role": "king"}, "unknown variant `king`", "role"),
        ("thread/realtime/appendAudio", {"audio": 1}, "invalid type: `audio`", "audio"),
        (
            "thread/realtime/appendAudio",
            {"audio": {**AUDIO, "sampleRate": "24000"}},
            "invalid type: `audio.sampleRate`",
            "audio.sampleRate",
        ),
        (
            "thread/realtime/appendAudio",
            {"audio": {**AUDIO, "numChannels": 0}},
            "invalid value: `audio.numChannels`",
            "audio.numChannels",
        ),
        ("turn/start", {"input": []}, "invalid value: `input`", "input"),
        ("turn/start", {"input": [{"type": "image"}]}, "unknown variant `image`", "input.0.type"),
        ("thread/realtime/played", {"itemId": "i", "playedMs": -1}, "invalid value: `playedMs`", "playedMs"),
    ],
)
async def test_wrong_params_are_named(
    doors: Doors, caller: Caller, method: str, params: JsonObject, words: str, field: str
) -> None:
    error = await caller.refused(method, {"threadId": doors.threads.make(), **params})
    assert error["code"] == -32600
    assert error["message"].startswith("Invalid request: ")
    assert words in error["message"]
    assert error["data"] == {"code": "invalid_params", "field": field, "retryable": False}


async def test_an_unknown_method_is_an_invalid_request(caller: Caller) -> None:
    error = await caller.refused("thread/levitate")
    assert (error["code"], error["data"]["code"]) == (-32600, "unknown_method")
    assert error["message"].startswith("Invalid request: unknown variant `thread/levitate`")


async def test_without_a_session_an_append_is_refused_and_a_stop_is_not(doors: Doors, caller: Caller) -> None:
    thread_id = doors.threads.make()
    for method, params in (("appendAudio", {"audio": AUDIO}), ("appendText", {"text": "x"})):
        error = await caller.refused(f"thread/realtime/{method}", {"threadId": thread_id, **params})
        assert (error["code"], error["data"]["code"]) == (-32600, "session_not_found")
    assert await caller.result("thread/realtime/stop", {"threadId": thread_id}) == {}


async def test_a_retryable_refusal_says_when_to_come_back(doors: Doors, caller: Caller) -> None:
    doors.journal.failures["start_thread"] = StoreError("the store is slow", retry_after_ms=700)
    error = await caller.refused("thread/start")
    assert error["code"] == -32001
    assert error["data"] == {"code": "store_unavailable", "retryable": True, "retryAfterMs": 700}
    doors.journal.failures["start_thread"] = UpstreamConnectFailed("nobody answers")
    assert (await caller.refused("thread/start"))["data"]["retryAfterMs"] > 0


@pytest.mark.parametrize("name", ["start_thread", "append_audio"])
async def test_a_defect_of_ours_tells_nothing_and_harms_nobody(
    doors: Doors, caller: Caller, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    doors.journal.failures[name] = ZeroDivisionError("/secret/path")
    method, params = (
        ("thread/start", {}) if name == "start_thread" else ("thread/realtime/appendAudio", {"audio": AUDIO})
    )
    thread_id = doors.threads.make()
    error = await caller.refused(method, {"threadId": thread_id, **params})
    assert error == {
        "code": -32603,
        "message": "internal error",
        "data": {"code": "internal", "retryable": False},
    }
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    del doors.journal.failures[name]
    assert "thread" in await caller.result("thread/start")


async def test_client_notifications_are_never_answered(doors: Doors, caller: Caller) -> None:
    thread_id = doors.threads.make()
    doors.calls.running.add(thread_id)
    for message in (
        {"method": "thread/realtime/appendAudio", "params": {"threadId": thread_id, "audio": AUDIO}},
        {"method": "thread/realtime/appendAudio", "params": {"threadId": thread_id}},
        {"method": "no/such"},
        {"method": "initialized"},
        {"id": None, "method": "thread/list"},
        {"id": 99, "result": {}},
    ):
        await caller.socket.send_str(json.encode(message))
    await caller.result("thread/list")
    assert len(caller.order) == 2  # initialize, and the list
    assert len(doors.journal.named("append_audio")) == 1


# -- order -----------------------------------------------------------------------------------------------


async def test_within_a_thread_answers_keep_the_order_of_the_calls(doors: Doors, caller: Caller) -> None:
    thread_id = doors.threads.make()
    doors.calls.running.add(thread_id)
    gate = doors.journal.gates["append_text"] = asyncio.Event()
    sent = [
        await caller.send("thread/realtime/appendText", {"threadId": thread_id, "text": "a"}),
        await caller.send("turn/start", {"threadId": thread_id, "input": TEXT_INPUT}),
        await caller.send("thread/read", {"threadId": thread_id}),
    ]
    await doors.journal.until("append_text waits")
    gate.set()
    await caller.reply(sent[-1])
    assert caller.order[-3:] == sent


async def test_a_slow_store_keeps_neither_sound_nor_other_threads_waiting(doors: Doors, caller: Caller) -> None:
    thread_id, other = doors.threads.make(), doors.threads.make()
    doors.calls.running |= {thread_id, other}
    await caller.result("thread/realtime/clearAudio", {"threadId": thread_id})
    doors.journal.gates["append_text"] = asyncio.Event()
    slow = await caller.send("thread/realtime/appendText", {"threadId": thread_id, "text": "a"})
    await doors.journal.until("append_text waits")
    assert await caller.result("thread/realtime/appendAudio", {"threadId": thread_id, "audio": AUDIO}) == {}
    assert await caller.result("thread/realtime/interrupt", {"threadId": thread_id}) == {}
    assert "turn" in await caller.result("turn/start", {"threadId": other, "input": TEXT_INPUT})
    assert slow not in caller.replies
    doors.journal.gates["append_text"].set()
    assert "result" in await caller.reply(slow)


async def test_sound_sent_behind_a_start_waits_for_it(doors: Doors, caller: Caller) -> None:
    """A client need not wait for the answer to ``start`` before it streams, and no chunk overtakes another."""
    thread_id = doors.threads.make()
    gate = doors.journal.gates["start_realtime"] = asyncio.Event()
    sent = [await caller.send("thread/realtime/start", {"threadId": thread_id, "outputModality": "audio"})]
    await doors.journal.until("start_realtime waits")
    for data in ("AAAA", "BBBB", "CCCC"):
        params = {"threadId": thread_id, "audio": {**AUDIO, "data": data}}
        sent.append(await caller.send("thread/realtime/appendAudio", params))
    sent.append(await caller.send("thread/realtime/commitAudio", {"threadId": thread_id}))
    await caller.result("thread/list")
    assert doors.journal.named("append_audio") == []
    gate.set()
    await caller.reply(sent[-1])
    assert caller.order[-5:] == sent
    assert [audio.data for audio in doors.journal.named("append_audio")] == ["AAAA", "BBBB", "CCCC"]
    assert all("result" in caller.replies[request_id] for request_id in sent)


async def test_outstanding_calls_are_bounded(doors: Doors, caller: Caller) -> None:
    thread_id = doors.threads.make()
    gate = doors.journal.gates["subscribe"] = asyncio.Event()
    sent = [await caller.send("turn/start", {"threadId": thread_id, "input": TEXT_INPUT}) for _ in range(40)]
    for request_id in sent[32:]:
        error = (await caller.reply(request_id))["error"]
        assert (error["code"], error["data"]["code"]) == (-32001, "overloaded")
        assert error["data"]["retryAfterMs"] > 0
    gate.set()
    for request_id in sent[:32]:
        assert "result" in await caller.reply(request_id)


# -- subscriptions -----------------------------------------------------------------------------------------


async def test_a_started_thread_is_announced_after_the_result_and_subscribed(doors: Doors, caller: Caller) -> None:
    request_id = await caller.send("thread/start", {})
    first, second = await caller.read(), await caller.read()
    assert (first["id"], second["method"]) == (request_id, "thread/started")
    assert first["result"]["thread"] == second["params"]["thread"]
    thread_id = first["result"]["thread"]["id"]
    await doors.journal.until("subscribe")
    doors.threads.record(thread_id)
    assert (await caller.notification("item/completed"))["seq"] == 1


@pytest.mark.parametrize(("method", "params", "asked", "result"), CALLS, ids=[call[0] for call in CALLS])
async def test_turns_and_realtime_calls_subscribe_and_others_do_not(
    doors: Doors, caller: Caller, method: str, params: JsonObject, asked: str, result: JsonObject
) -> None:
    del asked, result
    thread_id = doors.threads.make()
    doors.calls.running.add(thread_id)
    await caller.call(method, {"threadId": thread_id, **params})
    subscribes = method.startswith(("turn/", "thread/realtime/"))
    assert bool(doors.threads.sinks.get(thread_id)) is subscribes


async def test_many_clients_watch_one_thread(doors: Doors) -> None:
    thread_id = doors.threads.make()
    async with doors.caller() as one, doors.caller() as two:
        for caller in (one, two):
            await caller.result("thread/realtime/stop", {"threadId": thread_id})
        doors.threads.record(thread_id, "to all")
        for caller in (one, two):
            assert (await caller.notification("item/completed"))["item"]["text"] == "to all"


async def test_a_client_that_leaves_is_forgotten(doors: Doors) -> None:
    thread_id = doors.threads.make()
    async with doors.caller() as caller:
        await caller.result("thread/realtime/stop", {"threadId": thread_id})
        assert len(doors.threads.sinks[thread_id]) == 1
    await doors.journal.until("forget")
    assert doors.threads.sinks[thread_id] == []


async def test_what_a_leaving_client_had_called_is_still_done(doors: Doors) -> None:
    thread_id = doors.threads.make()
    gate = doors.journal.gates["stop_realtime"] = asyncio.Event()
    async with doors.caller() as caller:
        await caller.send("thread/realtime/stop", {"threadId": thread_id})
        await doors.journal.until("stop_realtime waits")
    gate.set()
    await doors.journal.until("forget")
    assert doors.journal.named("stop_realtime") == [thread_id]


# -- resume ------------------------------------------------------------------------------------------------


async def test_resume_answers_then_replays_then_goes_live(doors: Doors, caller: Caller) -> None:
    thread_id = doors.threads.make(5)
    request_id = await caller.send("thread/resume", {"threadId": thread_id, "afterSeq": 2})
    result = (await caller.read())["result"]
    assert caller.order[-1] == request_id
    assert (result["seq"], result["epoch"], result["resumed"]) == (5, "epoch_1", True)
    assert "reason" not in result
    assert [(await caller.notification("item/completed"))["seq"] for _ in range(3)] == [3, 4, 5]
    assert await caller.notification("thread/replayDone") == {"threadId": thread_id, "seq": 5, "resumed": True}
    doors.threads.record(thread_id)
    assert (await caller.notification("item/completed"))["seq"] == 6


async def test_resume_without_a_position_is_from_the_head(doors: Doors, caller: Caller) -> None:
    thread_id = doors.threads.make(3)
    assert (await caller.result("thread/resume", {"threadId": thread_id}))["seq"] == 3
    await caller.notification("thread/replayDone")
    assert caller.notifications == []


async def test_a_lost_position_is_said(doors: Doors, caller: Caller) -> None:
    thread_id = doors.threads.make(2)
    result = await caller.result("thread/resume", {"threadId": thread_id, "afterSeq": 9})
    assert (result["resumed"], result["reason"]) == (False, "position_unknown")
    assert [(await caller.notification("item/completed"))["seq"] for _ in range(2)] == [1, 2]
    assert (await caller.notification("thread/replayDone"))["resumed"] is False


async def test_a_replay_that_fails_ends_the_connection(doors: Doors, caller: Caller) -> None:
    doors.journal.failures["replay"] = StoreError("the store has gone")
    await caller.send("thread/resume", {"threadId": doors.threads.make(2), "afterSeq": 0})
    assert await caller.closed() == 1013


async def test_a_replay_that_breaks_ends_the_connection_as_our_fault(
    doors: Doors, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    doors.journal.failures["replay"] = KeyError("ours")
    await caller.send("thread/resume", {"threadId": doors.threads.make(2), "afterSeq": 0})
    assert await caller.closed() == 1011
    assert len(caplog.records) == 1
