"""HTTP by hand: headers as no well-behaved client would send them."""

from __future__ import annotations

import asyncio

UPGRADE = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)


async def request(
    port: int, *headers: tuple[str, str], path: str = "/healthz", verb: str = "GET", body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    """Send exactly these headers; returns status, headers in lower case, and what of the body came with them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        lines = [f"{verb} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        async with asyncio.timeout(5):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        length = int(fields.get("content-length", 0))
        return int(head[0].split()[1]), fields, await reader.readexactly(length)
    finally:
        writer.close()
