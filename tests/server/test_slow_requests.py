"""Who says nothing, or stops in the middle, keeps no connection; who is idle between requests does for a while."""

from __future__ import annotations

import asyncio

import pytest

from realtime.server import wire
from tests.server.fake import open_doors

SOON_S = 0.2
WAIT_S = 20.0
HOST = "Host: 127.0.0.1:{port}\r\n"
WHOLE = f"GET /healthz HTTP/1.1\r\n{HOST}\r\n"


async def talk(port: int, text: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which this was sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.format(port=port).encode())
    return reader, writer


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the gateway closes."""
    async with asyncio.timeout(WAIT_S):
        return await reader.read()


@pytest.mark.parametrize("text", ["", "GET /healthz HTTP/1.1\r\nHost: 127."])
async def test_a_connection_without_a_request_is_closed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(wire, "HEADERS_S", SOON_S)
    async with open_doors() as doors:
        reader, writer = await talk(doors.port, text)
        assert await rest(reader) == b""
        writer.close()


@pytest.mark.parametrize("text", ["", "GET /healthz HTTP/1.1\r\nHost: 127."])
async def test_a_connection_without_another_request_is_closed_later(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(wire, "IDLE_S", 1.0)
    async with open_doors() as doors:
        reader, writer = await talk(doors.port, WHOLE)
        async with asyncio.timeout(WAIT_S):
            assert await reader.readuntil(b"}") != b""
        writer.write(text.encode())
        assert await rest(reader) == b""
        writer.close()


async def test_a_connection_that_has_asked_is_not_hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEADERS_S", 1.0)
    async with open_doors() as doors:
        silent, other = await talk(doors.port, "")
        reader, writer = await talk(doors.port, WHOLE)
        async with asyncio.timeout(WAIT_S):
            assert b"200" in await reader.readuntil(b"}")
        await rest(silent)  # its time was over, and so would have been the other's
        writer.write(WHOLE.format(port=doors.port).encode())
        async with asyncio.timeout(WAIT_S):
            assert b"200" in await reader.readuntil(b"}")
        other.close()
        writer.close()


@pytest.mark.parametrize("path", ["/v1/threads", "/v1/realtime/client_secrets"])
async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(wire, "BODY_S", SOON_S)
    async with open_doors() as doors:
        head = f"POST {path} HTTP/1.1\r\n{HOST}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
        reader, writer = await talk(doors.port, head + "[")
        answer = await rest(reader)
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        assert b'"error"' in answer
        writer.close()
