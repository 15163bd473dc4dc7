"""Whatever comes in is answered by a documented code, or by a documented close; nothing breaks."""

from __future__ import annotations

import asyncio
import json as standard_json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.errors import GatewayError
from realtime.gateway import Outgoing
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from realtime.server.calls import Calls
from realtime.server.methods import METHODS
from realtime.server.refusals import TABLE
from realtime.server.strands import Strands
from realtime.settings import LimitsSettings
from realtime.telemetry import Telemetry
from tests.server.fake import Doors, FakeGateway, open_doors

CODES = {-32600, -32001}


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    async with open_doors(limits=LimitsSettings(message_bytes=100_000)) as opened:
        yield opened


DEEP = "[" * 30_000 + "]" * 30_000

FRAMES: list[tuple[str, bytes, str]] = [
    ("no JSON", b"hello", "parse_error"),
    ("empty", b"", "parse_error"),
    ("cut short", b'{"id":1,"method":"thread/list"', "parse_error"),
    ("two at once", b'{"id":1} {"id":2}', "parse_error"),
    ("an array", b'[{"id":1,"method":"thread/list"}]', "parse_error"),
    ("a number", b"5", "parse_error"),
    ("null", b"null", "parse_error"),
    ("not a number", b'{"id":1,"method":"thread/list","params":{"limit":NaN}}', "parse_error"),
    ("invalid UTF-8", b'{"id":1,"method":"\xff\xfe"}', "parse_error"),
    ("overlong UTF-8", b'{"id":1,"method":"\xc0\xaf"}', "parse_error"),
    ("a lone surrogate", b'{"id":1,"method":"\\ud800"}', "parse_error"),
    ("a byte order mark", b"\xef\xbb\xbf{}", "parse_error"),
    ("deep nesting", f'{{"id":1,"method":"thread/list","params":{DEEP}}}'.encode(), "parse_error"),
    ("deep enough to matter", b'{"id":1,"method":"m","params":{"a":' + b"[" * 70 + b"]" * 70 + b"}}", "parse_error"),
    ("no method", b'{"id":1}', "invalid_params"),
    ("method no text", b'{"id":1,"method":7}', "invalid_params"),
    ("params a list", b'{"id":1,"method":"thread/list","params":[1]}', "invalid_params"),
    ("params a text", b'{"id":1,"method":"thread/list","params":"x"}', "invalid_params"),
    ("id an object", b'{"id":{},"method":"thread/list"}', "invalid_params"),
    ("id a truth", b'{"id":true,"method":"thread/list"}', "invalid_params"),
    ("id a fraction", b'{"id":1.5,"method":"thread/list"}', "invalid_params"),
    ("id beyond 64 bits", b'{"id":123456789012345678901234567890,"method":"thread/list"}', "invalid_params"),
    ("a huge number", b'{"id":1,"method":"thread/list","params":{"limit":1e999}}', "parse_error"),
    ("5,000 digits", b'{"id":1,"method":"thread/list","params":{"limit":' + b"9" * 5000 + b"}}", "parse_error"),
    ("beyond 64 bits", b'{"id":1,"method":"thread/list","params":{"limit":18446744073709551616}}', "invalid_params"),
    ("zero bytes", b"\x00" * 100, "parse_error"),
    ("a method with a line break", b'{"id":1,"method":"a\\nb"}', "unknown_method"),
    ("a long method", b'{"id":1,"method":"' + b"m" * 90_000 + b'"}', "unknown_method"),
    (
        "a long thread id",
        b'{"id":1,"method":"thread/read","params":{"threadId":"' + b"7" * 90_000 + b'"}}',
        "invalid_params",
    ),
    (
        "many members",
        ('{"id":1,"method":"x",' + ",".join(f'"{n}":0' for n in range(8000)) + "}").encode(),
        "unknown_method",
    ),
]


@pytest.mark.parametrize(("frame", "code"), [row[1:] for row in FRAMES], ids=[row[0] for row in FRAMES])
async def test_garbage_is_answered_and_the_connection_lives(doors: Doors, frame: bytes, code: str) -> None:
    async with doors.caller() as caller:
        await caller.socket.send_frame(frame, aiohttp.WSMsgType.TEXT)
        reply = await caller.read()
        assert reply["id"] in (1, None)
        assert reply["error"]["code"] == -32600
        assert reply["error"]["data"]["code"] == code
        assert len(reply["error"]["message"]) < 300
        assert "data" in await caller.result("thread/list")


async def test_text_that_is_not_utf8_is_our_answer_not_a_broken_connection(doors: Doors) -> None:
    async with doors.caller() as caller:
        await caller.socket.send_bytes(b'{"id":7,"method":"thread/list"}')
        assert (await caller.reply(7))["result"]["data"] == []


async def test_a_message_above_the_limit_closes_with_1009(doors: Doors) -> None:
    async with doors.caller() as caller:
        await caller.socket.send_str('{"id":1,"method":"' + "x" * 100_000 + '"}')
        assert await caller.closed() == 1009
    async with doors.caller() as caller:
        assert "data" in await caller.result("thread/list")


async def test_every_answer_has_its_documented_number(doors: Doors) -> None:
    for code, row in TABLE.items():
        error = type("Made", (GatewayError,), {"code": code})("x")
        doors.journal.failures["start_thread"] = error
        async with doors.caller() as caller:
            said = await caller.refused("thread/start")
            assert (said["code"], said["data"]["code"]) == (row.rpc, code)
        async with doors.http.post(f"{doors.address}/v1/threads") as response:
            assert response.status == row.status
            assert (await response.json())["error"]["code"] == code


async def test_a_code_that_is_not_documented_is_ours(doors: Doors) -> None:
    doors.journal.failures["start_thread"] = type("Made", (GatewayError,), {"code": "agent_failed"})("/etc/x")
    async with doors.caller() as caller:
        said = await caller.refused("thread/start")
    assert (said["code"], said["data"]["code"], said["message"]) == (-32603, "internal", "internal error")


# -- without a socket: many more, many times faster --------------------------------------------------------------


class Heard:
    """Stands where the connection would, and keeps the answers."""

    def __init__(self) -> None:
        self.replies: list[JsonObject] = []
        self.failed: list[GatewayError] = []

    def reply(self, text: str) -> None:
        self.replies.append(json.decode_object(text))

    def fail(self, error: GatewayError) -> None:
        self.failed.append(error)

    def notify(self, message: Outgoing) -> None:
        json.decode_object(message.rpc)

    async def room(self, size: int) -> None:
        return


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=True)
    | st.text(max_size=20)
    | st.sampled_from(["audio", "text", "user", "$thread", "$thread", "AAAA", "websocket"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                sorted(
                    {
                        "threadId",
                        "text",
                        "audio",
                        "data",
                        "sampleRate",
                        "numChannels",
                        "input",
                        "type",
                        "outputModality",
                        "afterSeq",
                        "epoch",
                        "itemId",
                        "playedMs",
                        "role",
                        "respond",
                        "limit",
                        "cursor",
                        "transport",
                        "name",
                    }
                )
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)
MESSAGE = st.fixed_dictionaries(
    {"method": st.sampled_from(sorted(METHODS)) | st.text(max_size=8), "params": JSON},
    optional={"id": st.integers(0, 9) | JSON},
)


def _with_thread(value: object, thread_id: str) -> object:
    if isinstance(value, dict):
        return {key: _with_thread(inner, thread_id) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_thread(inner, thread_id) for inner in value]
    return thread_id if value == "$thread" else value


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(messages=st.lists(MESSAGE | JSON | st.binary(max_size=40), max_size=12), started=st.booleans())
def test_no_message_breaks_the_calls(messages: list[object], started: bool) -> None:
    async def play() -> Heard:
        gateway, heard = FakeGateway(), Heard()
        thread_id = gateway.fake_threads.make(2)
        if started:
            gateway.fake_calls.running.add(thread_id)
        async with asyncio.TaskGroup() as group:
            strands = Strands(group, limit=32)
            calls = Calls(gateway, heard, strands, Telemetry())
            await calls.receive(b'{"id":0,"method":"initialize","params":{"clientInfo":{}}}')
            for message in messages:
                await calls.receive(_encoded(_with_thread(message, thread_id)))
            await strands.finish(5)
        return heard

    heard = asyncio.run(play())
    assert heard.failed == []
    for reply in heard.replies:
        assert ("result" in reply) != ("error" in reply)
        if "error" in reply:
            assert reply["error"]["code"] in CODES
            assert reply["error"]["data"]["code"] in TABLE


def _encoded(message: object) -> bytes:
    if isinstance(message, bytes):
        return message
    return standard_json.dumps(message).encode("utf-8", "surrogatepass")
