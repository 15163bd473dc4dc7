"""What is no WebSocket ends its own connection, by a code of RFC 6455 or without a word; the next client is served."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.canary import Canary
from tests.fuzz.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT
from tests.fuzz.frames import client_frame as frame
from tests.fuzz.house import good_talk, served, settings_for
from tests.fuzz.verdicts import CLOSES
from tests.fuzz.watch import watching
from tests.gateway.rpc_client import connected

CALL = b'{"id":1,"method":"initialize","params":{"clientInfo":{}}}'
QUIET_S = 0.3
"""A connection that says nothing for so long is kept."""


BROKEN = {
    "reserved bits": frame(TEXT, CALL, rsv=4),
    "reserved opcode": frame(3, b"x"),
    "continuation of nothing": frame(CONTINUATION, b"x"),
    "text within text": frame(TEXT, b"{", fin=False) + frame(TEXT, CALL),
    "long ping": frame(PING, b"x" * 126),
    "fragmented ping": frame(PING, b"x", fin=False),
    "close of one byte": frame(CLOSE, b"\x03"),
    "close with bad reason": frame(CLOSE, b"\x03\xe8\xff\xfe"),
    **{f"close {code}": frame(CLOSE, struct.pack(">H", code)) for code in (0, 999, 1005, 1006, 1015, 2999, 5000)},
    "2^63 bytes announced": b"\x81\xff" + b"\xff" * 8 + bytes(4),
    "too large": frame(TEXT, b" " * 300_000),
    "too large in fragments": frame(TEXT, b" ", fin=False) + frame(CONTINUATION, b" " * 1000, fin=False) * 300,
}
ODD = {
    # RFC 6455 would have it refused; the mask protects proxies, not us, and the library does not insist.
    "unmasked": frame(TEXT, CALL, masked=False),
    "empty": frame(TEXT) * 100,
    "empty binary": frame(BINARY) * 100,
    "fragments of nothing": frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 2_000 + frame(CONTINUATION),
    "flood of pings": frame(PING, b"x" * 125) * 5_000,
    "half a frame": frame(TEXT, CALL)[:20],
    "invalid UTF-8": frame(TEXT, b'{"method":"\xff\xfe"}'),
}


@pytest.fixture
async def address(tmp_path: Path, canary: Canary) -> AsyncIterator[str]:
    async with watching() as watch, served(settings_for(tmp_path, key=canary.key, message_bytes=200_000)) as address:
        yield address
        async with connected(address.replace("http", "ws"), canary) as client:
            assert "Hello" in await good_talk(client)
        watch.check()


async def ending(address: str, sent: bytes) -> int | None:
    """The close code that the bytes are answered by, 1006 for an end without one, None for no end."""
    host = address.split("/")[2]
    reader, writer = await asyncio.open_connection(*host.split(":"))
    try:
        upgrade = ("GET /v1/rpc HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade")
        keys = ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        writer.write("\r\n".join((*upgrade, *keys)).encode() + b"\r\n\r\n")
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(sent)
        async with asyncio.timeout(QUIET_S) as patience:
            while True:
                head = await reader.readexactly(2)
                patience.reschedule(asyncio.get_running_loop().time() + QUIET_S)
                length = head[1] if head[1] < 126 else struct.unpack(">H", await reader.readexactly(2))[0]
                payload = await reader.readexactly(length)
                if head[0] & 0x0F == CLOSE:
                    return int(struct.unpack(">H", payload[:2])[0]) if payload else 1000
    except (asyncio.IncompleteReadError, ConnectionError):
        return 1006
    except TimeoutError:
        return None
    finally:
        writer.transport.abort()


async def test_broken_frames_end_their_connection(address: str) -> None:
    for name, sent in BROKEN.items():
        code = await ending(address, sent)
        assert code in CLOSES | {1006}, (name, code)


async def test_odd_frames_end_nothing(address: str) -> None:
    for name, sent in ODD.items():
        assert await ending(address, sent) is None, name
