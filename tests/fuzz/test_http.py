"""Whatever comes by HTTP is answered by a documented status and body, and no header splits one request into two."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from realtime.server.rest import ROUTES
from tests.canary import Canary
from tests.fuzz.house import good_talk, served, settings_for
from tests.fuzz.oddities import BIDI, damaged, dumps, mutated
from tests.fuzz.verdicts import STATUSES, check_words
from tests.fuzz.watch import Watch, watching
from tests.gateway.rpc_client import RpcClient, connected

SEED = 20260726
COUNTS = [1_500, pytest.param(20_000, marks=pytest.mark.long)]
BODIES: dict[str, dict[str, Any]] = {
    "ThreadStartParams": {"name": "talk"},
    "TurnStartParams": {"input": [{"type": "text", "text": "what is 2+2"}]},
    "RealtimeStartParams": {"outputModality": "text"},
    "AppendTextParams": {"text": "hello"},
    "ThreadParams": {},
    "UpstreamChoice": {},
    "BreakParams": {"name": "upstream-cut"},
}
QUERIES = (
    "after=-1",
    "after=9223372036854775808",
    "after=" + "9" * 5000,
    "after=%EF%BC%91",
    "limit=0",
    "limit=1e3",
    "limit=NaN",
    "limit=",
    "limit=5&limit=6",
    "cursor=x",
    "cursor=%00",
    "cursor=AAAA",
    "cursor=" + "A" * 5000,
    "format=pdf",
    "format=vtt",
    "format=%ff%fe",
    "includeTurns=maybe",
    "threadId=other",
    "archived=1",
    "%00=%00",
    "a[b]=c;d",
    "&&==&",
)
THREADS = ("x", "%00", "..%2f..%2fetc%2fpasswd", "%ff", "0" * 4000, "%E2%80%AE", "00000000-0000-7000-8000-000000000000")
TYPES = ("application/json", "text/plain", "application/sdp", "application/json; charset=utf-16", "", "x/y;\tq", "%s")
FIXED = ("/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/asyncapi.json", "/no/such", "/v1/rpc", "//", "/%2e")
VERBS = ("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW")


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 for a connection that was ended without an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class House:
    port: int
    thread: str
    client: RpcClient
    watch: Watch
    canary: Canary

    async def send(self, *parts: bytes, verb: str = "GET", cut: bool = False) -> Answer:
        """Write the parts as they are and read one answer; ``cut`` ends our side before it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            if cut:
                writer.close()
                return Answer(0, {}, b"")
            async with asyncio.timeout(10):
                return await self._read(reader, verb)
        except (ConnectionError, asyncio.IncompleteReadError):
            return Answer(0, {}, b"")
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, verb: str) -> Answer:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 100 "):
            head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        length = 0 if verb == "HEAD" else int(headers.get("content-length", 0))
        body = await reader.readexactly(length)
        self.canary.saw("an HTTP answer", head + body)
        return Answer(int(lines[0].split()[1]), headers, body)

    def request(self, verb: str, path: str, *headers: str, body: bytes | None = None) -> bytes:
        """A request with what it must have."""
        lines = [f"{verb} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + (body or b"")


@pytest.fixture
async def house(tmp_path: Path, canary: Canary) -> AsyncIterator[House]:
    async with watching() as watch, served(settings_for(tmp_path, key=canary.key, message_bytes=200_000)) as address:
        async with connected(address.replace("http", "ws"), canary) as client:
            thread = await client.start_thread()
            yield House(int(address.rsplit(":", 1)[1].strip("/")), thread, client, watch, canary)
            assert "Hello" in await good_talk(client)
        watch.check()


def check(answer: Answer, request: bytes) -> None:
    """A success, or an error of the documented shape."""
    shown = (request[:400], answer)
    if answer.status == 0 or answer.status < 400:
        return
    assert answer.status in STATUSES, shown
    if request.startswith(b"HEAD"):
        return
    assert answer.headers["content-type"].startswith("application/json"), shown
    error = json.loads(answer.body)["error"]
    assert error["code"] in STATUSES[answer.status], shown
    assert isinstance(error["retryable"], bool), shown
    check_words(error["message"])


def _request(house: House, random: Random) -> bytes:
    """Any route with anything."""
    if random.random() < 0.15:
        return house.request(random.choice(VERBS), random.choice(FIXED), body=random.choice((None, b"", b"{}", b"x")))
    route = random.choice(ROUTES)
    thread = house.thread if random.random() < 0.7 else random.choice(THREADS)
    path = route.path.replace("{threadId}", thread)
    verb = route.verb if random.random() < 0.9 else random.choice(VERBS)
    if verb == "DELETE" and path.endswith(house.thread):
        verb = "GET"  # the others need the thread
    if random.random() < 0.3:
        path += "?" + "&".join(random.choices(QUERIES, k=random.randint(1, 2)))
    body = dumps(BODIES[route.body.__name__]) if route.body is not None else b""
    chance = random.random()
    if body and chance < 0.5:
        body = dumps(mutated(json.loads(body), random))
    elif body and chance < 0.8:
        body = damaged(body, random)[1]
    kind = "application/json" if random.random() < 0.8 else random.choice(TYPES)
    headers = [f"Content-Type: {kind}"] if kind else []
    if random.random() < 0.1:
        headers.append(
            random.choice(("Last-Event-ID: x", "Accept: text/\x01", f"X-Name: {BIDI}", "Expect: 100-continue"))
        )
    return house.request(verb, path, *headers, body=body)


@pytest.mark.parametrize("count", COUNTS)
async def test_any_request_is_answered_by_the_rules(count: int, house: House) -> None:
    random, statuses = Random(SEED), Counter[int]()
    for _ in range(count):
        request = _request(house, random)
        answer = await house.send(request, verb=request.split(b" ", 1)[0].decode())
        check(answer, request)
        statuses[answer.status] += 1
    print(dict(statuses))
    assert {200, 201, 202, 400, 404, 405, 415, 422} <= set(statuses)


BOMB = zlib.compress(b'{"name": "' + b"x" * 50_000_000 + b'"}')
CHUNKED = "Transfer-Encoding: chunked"
JSON = "Content-Type: application/json"
POST: dict[str, tuple[tuple[str, ...], bytes | None, bytes]] = {
    "both lengths": ((JSON, CHUNKED, "Content-Length: 2"), None, b"0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n"),
    "two lengths": ((JSON, "Content-Length: 2", "Content-Length: 3"), None, b"{}x"),
    "length of a list": ((JSON, "Content-Length: 2, 2"), None, b"{}"),
    "negative length": ((JSON, "Content-Length: -2"), None, b"{}"),
    "signed length": ((JSON, "Content-Length: +2"), None, b"{}"),
    "length of letters": ((JSON, "Content-Length: two"), None, b"{}"),
    "endless length": ((JSON, "Content-Length: " + "9" * 40), None, b"{}"),
    "chunked twice": ((JSON, "Transfer-Encoding: chunked, chunked"), None, b"0\r\n\r\n"),
    "chunked in disguise": ((JSON, "Transfer-Encoding: xchunked"), None, b"0\r\n\r\n"),
    "folded header": ((JSON, "X: a\r\n b"), b"{}", b""),
    "space before colon": ((JSON, "Content-Length : 2"), None, b"{}"),
    "bare line feeds": ((JSON, "X: a\nContent-Length: 2"), None, b"{}"),
    "NUL in a header": ((JSON, "X: a\x00b"), b"{}", b""),
    "huge header": ((JSON, "X: " + "a" * 70_000), b"{}", b""),
    "many headers": ((JSON, *(f"X{n}: y" for n in range(5_000))), b"{}", b""),
    "bad chunk": ((JSON, CHUNKED), None, b"zz\r\n{}\r\n0\r\n\r\n"),
    "huge chunk": ((JSON, CHUNKED), None, b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
    "chunk too long": ((JSON, CHUNKED), None, b"1\r\n{}\r\n0\r\n\r\n"),
    "not deflated": ((JSON, "Content-Encoding: deflate"), b"{}", b""),
    "not gzip": ((JSON, "Content-Encoding: gzip"), b"\x1f\x8bnope", b""),
    "unknown encoding": ((JSON, "Content-Encoding: zip"), b"{}", b""),
    "deflate bomb": ((JSON, "Content-Encoding: deflate"), BOMB, b""),
    "oversized body": ((JSON,), b'{"name": "' + b"x" * 300_000 + b'"}', b""),
    "unknown expectation": ((JSON, "Expect: a miracle"), b"{}", b""),
    "upgrade on a post": (("Upgrade: websocket", "Connection: Upgrade", JSON), b"{}", b""),
    "unknown upgrade": (("Upgrade: h2c", "Connection: Upgrade", "HTTP2-Settings: AAMAAABkAAQ", JSON), b"{}", b""),
    "two origins": (("Origin: null", "Origin: null", JSON), b"{}", b""),
    "strange origin": (("Origin: \xff", JSON), b"{}", b""),
    "credentials of noise": (("Authorization: Bearer \xff\xfe", JSON), b"{}", b""),
    "no media type": (("Content-Type: /",), b"{}", b""),
    "multipart": (("Content-Type: multipart/form-data; boundary=x",), b"--x--", b""),
}


@pytest.mark.parametrize("name", POST)
async def test_bodies_and_headers_that_lie(name: str, house: House) -> None:
    headers, body, rest = POST[name]
    request = house.request("POST", "/v1/threads", *headers, body=body)
    check(await house.send(request, rest), request)


LINES = (
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET  /  HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 8 + b"\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
)


@pytest.mark.parametrize("line", LINES)
async def test_requests_that_are_none(line: bytes, house: House) -> None:
    check(await house.send(line), line)


async def test_clients_that_leave_in_the_middle(house: House) -> None:
    for path in ("/v1/threads", f"/v1/threads/{house.thread}/turns"):
        for body in (b"", b'{"inp', b'{"input": [{"type": "text", "text": "what is 2+2"}]}'):
            request = house.request("POST", path, JSON, "Content-Length: 60")
            await house.send(request + body, cut=True)
            await house.send(house.request("POST", path, JSON, CHUNKED) + b"5\r\n" + body[:5], cut=True)
    for _ in range(20):
        await house.send(house.request("GET", f"/v1/threads/{house.thread}/events"), cut=True)
