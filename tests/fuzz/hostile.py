"""A voice model's server that keeps no rule: frames by hand, and handshakes that are none.

What it does to a connection is chosen by the ``model`` that the session asks for; ``good`` is a plain model
that answers each ``response.create``.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from urllib.parse import parse_qs, urlsplit

from tests.fuzz.calls import Frame
from tests.fuzz.events import Model, good_answer
from tests.fuzz.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from tests.fuzz.oddities import JsonObject

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PATIENCE_S = 0.2
"""How long a gateway may take to give a connection up; one that does not keeps it."""
TOO_LARGE = 16 * 1024 * 1024 + 1
LINGER = struct.pack("ii", 1, 0)
EVENT = b'{"type":"response.created","response":{"id":"resp_1"}}'


@dataclass
class Visit:
    """One connection of a gateway; ``key`` is the credential that it brought."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    model: str
    accept: str
    key: str
    number: int
    upstream: HostileUpstream

    async def send(self, text: str | bytes, opcode: int = TEXT) -> None:
        """Send a message as it should be."""
        self.writer.write(frame(opcode, text.encode() if isinstance(text, str) else text))
        await self.writer.drain()

    async def answer(self, status: str, *headers: str, body: bytes = b"") -> None:
        """An HTTP answer instead of a WebSocket."""
        lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close"]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await self.writer.drain()

    async def upgrade(self, *headers: str, accept: str | None = None) -> None:
        """Accept the WebSocket."""
        lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", *headers)
        self.writer.write(
            "\r\n".join((*lines, f"Sec-WebSocket-Accept: {accept or self.accept}")).encode() + b"\r\n\r\n"
        )
        await self.writer.drain()

    async def receive(self) -> JsonObject | None:
        """The next event of the gateway; None at the end. Control frames are passed over."""
        while True:
            head = await self.reader.readexactly(2)
            length = head[1] & 0x7F
            if length == 126:
                (length,) = struct.unpack(">H", await self.reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", await self.reader.readexactly(8))
            mask = await self.reader.readexactly(4)
            masked = await self.reader.readexactly(length)
            if head[0] & 0x0F == CLOSE:
                return None
            plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked))
            if head[0] & 0x0F == PING:
                self.writer.write(frame(PONG, plain))
            if head[0] & 0x0F == TEXT:
                event: JsonObject = json.loads(plain)
                return event

    async def behave(self) -> None:
        """A plain model: an answer for each ``response.create``."""
        await self.send('{"type":"session.created","session":{"id":"sess_1"}}')
        answers = 0
        while (event := await self.receive()) is not None:
            if event["type"] == "response.create":
                answers += 1
                for text in good_answer(answers + 1000 * self.number):
                    await self.send(text)
        self.writer.write(frame(CLOSE, struct.pack(">H", 1000)))

    async def until_gone(self) -> None:
        """Read until the gateway has closed the connection."""
        while await self.reader.read(65_536):
            pass

    def reset(self) -> None:
        """End without a word."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        self.writer.transport.abort()


Behaviour = Callable[[Visit], Awaitable[None]]


@dataclass
class HostileUpstream:
    """``behaviours`` by model name; a name's ``nth`` connections beyond its first are good ones.

    ``visits`` counts the connections by model; ``fired`` tells of each that its bad part is over.
    """

    behaviours: dict[str, Behaviour]
    visits: dict[str, int] = field(default_factory=dict)
    fired: dict[str, asyncio.Event] = field(default_factory=dict)
    port: int = 0

    @property
    def base_url(self) -> str:
        """For ``upstream.base_url``."""
        return f"http://127.0.0.1:{self.port}/v1"

    def over(self, model: str) -> asyncio.Event:
        """Set once the bad part is over."""
        return self.fired.setdefault(model, asyncio.Event())

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            await self._serve(await self._visit(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the gateway has gone: it may
        finally:
            writer.close()

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Visit:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = head.split(" ", 2)[1]
        model = parse_qs(urlsplit(target).query)["model"][0]
        self.visits[model] = self.visits.get(model, 0) + 1
        offered = _header(head, "sec-websocket-key")
        accept = base64.b64encode(hashlib.sha1((offered + MAGIC).encode()).digest()).decode()
        key = _header(head, "authorization").removeprefix("Bearer ")
        return Visit(reader, writer, model, accept, key, self.visits[model], self)

    async def _serve(self, visit: Visit) -> None:
        behaviour = self.behaviours.get(visit.model)
        if behaviour is None or (visit.number > 1 and not visit.model.startswith("always ")):
            await visit.upgrade()
            await visit.behave()
            return
        try:
            await behaviour(visit)
        finally:
            self.over(visit.model).set()


def _header(head: str, name: str) -> str:
    found = re.search(rf"(?im)^{name}: *(.*?)\r?$", head)
    return found.group(1) if found else ""


@asynccontextmanager
async def hostile_upstream(behaviours: dict[str, Behaviour]) -> AsyncIterator[HostileUpstream]:
    """Listens on a free port for the length of the block."""
    upstream = HostileUpstream(behaviours)
    server = await asyncio.start_server(upstream.accept, "127.0.0.1", 0)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()


# -- what is done ----------------------------------------------------------------------------------------


def frames(*written: bytes, close: bool = False, first: bool = True) -> Behaviour:
    """Upgrade, begin well, then write these and wait for the gateway's word."""

    async def behave(visit: Visit) -> None:
        await visit.upgrade()
        if first:
            await visit.send('{"type":"session.created","session":{"id":"sess_1"}}')
            await visit.send(EVENT)
        for piece in written:
            visit.writer.write(piece)
            await visit.writer.drain()
        if close:
            visit.writer.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await visit.until_gone()
        visit.upstream.over(visit.model).set()
        await visit.until_gone()

    return behave


def closing(code: int, reason: bytes = b"") -> Behaviour:
    """To close with a code, allowed or not."""
    return frames(frame(CLOSE, struct.pack(">H", code) + reason), close=True)


def raw(data: bytes) -> Behaviour:
    """To answer the handshake with bytes."""

    async def behave(visit: Visit) -> None:
        visit.writer.write(data)
        await visit.writer.drain()

    return behave


def status(line: str, *headers: str, body: bytes = b"{}") -> Behaviour:
    """To answer the handshake with HTTP."""

    async def behave(visit: Visit) -> None:
        await visit.answer(line, *headers, body=body)

    return behave


async def silence(visit: Visit) -> None:
    """Never answer the handshake."""
    visit.upstream.over(visit.model).set()
    await visit.reader.read()


async def wrong_accept(visit: Visit) -> None:
    """Accept somebody else's handshake."""
    await visit.upgrade(accept="AAAAAAAAAAAAAAAAAAAAAAAAAAA=")


async def unasked_compression(visit: Visit) -> None:
    """Negotiate what nobody offered."""
    await visit.upgrade("Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: other")


async def reset(visit: Visit) -> None:
    """Cut an open connection."""
    await visit.upgrade()
    await visit.send(EVENT)
    visit.reset()


async def drip(visit: Visit) -> None:
    """A good event, one byte at a time."""
    await visit.upgrade()
    for byte in b"\x81" + bytes([len(EVENT)]) + EVENT:
        visit.writer.write(bytes([byte]))
        await visit.writer.drain()
        await asyncio.sleep(0.002)  # so that each byte is a segment of its own
    visit.upstream.over(visit.model).set()
    await visit.behave()


async def ping_flood(visit: Visit) -> None:
    """Pings without end, and nobody reads the answers."""
    await visit.upgrade()
    for _ in range(20_000):
        visit.writer.write(frame(PING, b"x" * 100))
    await visit.writer.drain()
    visit.upstream.over(visit.model).set()
    await visit.behave()


def fuzzed(random: Random, count: int, on_sent: Callable[[Frame], None] | None = None) -> Behaviour:
    """The vocabulary of ``Model`` until ``count`` messages have been sent in all, over any number of connections."""
    model, left = Model(random), [count]

    async def behave(visit: Visit) -> None:
        await visit.upgrade()
        while left[0] > 0:
            left[0] -= 1
            kind, message = model.message()
            if on_sent is not None:
                on_sent(Frame(kind, message))
            await visit.send(message, BINARY if not _is_utf8(message) and random.random() < 0.98 else TEXT)
            if left[0] % 20 == 0:
                await asyncio.sleep(0.001)  # a pause as networks have them, else all comes as one
        visit.upstream.over(f"end of {visit.model}").set()
        await visit.behave()

    return behave


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


BROKEN: dict[str, Behaviour] = {
    "handshake: garbage": raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20),
    "handshake: nothing": raw(b""),
    "handshake: no HTTP": raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "handshake: half": raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: web"),
    "handshake: endless header": raw(b"HTTP/1.1 101 X\r\nA: " + b"a" * 300_000),
    "handshake: many headers": raw(b"HTTP/1.1 101 X\r\n" + b"A: b\r\n" * 5_000),
    "handshake: bad bytes": raw(b"HTTP/1.1 101 \xff\xfe\r\nUpgrade: websocket\r\n\r\n"),
    "handshake: silence": silence,
    "handshake: wrong accept": wrong_accept,
    "handshake: compression": unasked_compression,
    "handshake: 200": status("200 OK", body=b"<html>hello</html>"),
    "handshake: 302": status("302 Found", "Location: http://127.0.0.1:9/"),
    "handshake: 400": status("400 Bad Request"),
    "handshake: 404": status("404 Not Found"),
    "handshake: 429": status("429 Too Many Requests", "Retry-After: 99999999999999999999"),
    "handshake: 503": status("503 Service Unavailable", "Retry-After: soon"),
    "handshake: 999": status("999 What"),
    "frame: invalid UTF-8": frames(frame(TEXT, b'{"type":"\xff\xfe"}')),
    "frame: binary event": frames(frame(BINARY, EVENT)),
    "frame: binary noise": frames(frame(BINARY, bytes(range(256)))),
    "frame: empty": frames(*[frame(TEXT, b"")] * 50),
    "frame: too large": frames(frame(TEXT, b" " * TOO_LARGE)),
    "frame: large": frames(frame(TEXT, b'{"type":"no.such.event","x":"' + b"x" * 8_000_000 + b'"}')),
    "frame: 2^63 bytes announced": frames(b"\x81\x7f" + b"\xff" * 8),
    "frame: cut": frames(b"\x81\x7e\x10\x00half", close=True),
    "frame: reserved bits": frames(frame(TEXT, EVENT, rsv=4)),
    "frame: reserved opcode": frames(frame(3, b"x")),
    "frame: masked": frames(frame(TEXT, EVENT, masked=True)),
    "frame: continuation of nothing": frames(frame(CONTINUATION, b"x")),
    "frame: text within text": frames(frame(TEXT, b"{", fin=False), frame(TEXT, EVENT)),
    "frame: fragments": frames(
        frame(TEXT, b"{", fin=False),
        *[frame(CONTINUATION, b" ", fin=False)] * 3_000,
        frame(CONTINUATION, b"}"),
    ),
    "frame: long ping": frames(frame(PING, b"x" * 126)),
    "frame: fragmented ping": frames(frame(PING, b"x", fin=False)),
    "frame: pong flood": frames(*[frame(PONG, b"x")] * 2_000),
    "frame: close of one byte": frames(frame(CLOSE, b"\x03")),
    "frame: close with bad reason": closing(1000, b"\xff\xfe"),
    "frame: event after close": frames(frame(CLOSE, b"\x03\xe8"), frame(TEXT, EVENT)),
    "flood of pings": ping_flood,
    "reset": reset,
    "drip": drip,
    **{
        f"close {code}": closing(code, b"because")
        for code in (0, 999, *range(1000, 1016), 2999, 3000, 3999, 4000, 4408, 4999, 5000, 65535)
    },
}
