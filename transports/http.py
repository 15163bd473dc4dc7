"""Requests over HTTP: few, small, each on a connection of its own, bounded in time and in what is read."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from transports.errors import ConnectFailed, check_headers, network_fault, seconds


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a form (RFC 7578): sent byte for byte, without a file name."""

    name: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever its status; ``whole`` is false when the body was longer than is taken.

    ``retry_after`` is in seconds.
    """

    status: int
    body: bytes
    whole: bool = True
    location: str | None = None
    retry_after: float | None = None

    def __repr__(self) -> str:
        return f"Reply(status={self.status}, {len(self.body)} bytes)"


async def post(
    url: str,
    *,
    headers: Mapping[str, str],
    parts: Sequence[Part] = (),
    timeout_s: float,
    max_bytes: int = 65_536,
) -> Reply:
    """POST a form, or nothing; at most ``max_bytes`` of the answer are taken.

    No proxy is used, no redirect followed (headers may hold a credential). Raises ``ConnectFailed``, which has no
    status: an answer of any status is a ``Reply``.
    """
    check_headers(headers)
    boundary = f"voxgate-{secrets.token_hex(16)}"
    kind = {"content-type": f"multipart/form-data; boundary={boundary}"} if parts else {}
    body = _form(parts, boundary) if parts else b""
    try:
        async with (
            asyncio.timeout(timeout_s),
            aiohttp.ClientSession(trust_env=False, auto_decompress=False) as session,
            session.post(
                url, data=body, headers={"user-agent": "voxgate", **headers, **kind}, allow_redirects=False
            ) as answer,
        ):
            taken = await _read(answer, max_bytes)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ConnectFailed(_what_failed(error, timeout_s)) from None
    retry_after = answer.headers.get("Retry-After")
    wait = seconds(retry_after) if retry_after is not None else None
    return Reply(answer.status, taken[:max_bytes], len(taken) <= max_bytes, answer.headers.get("Location"), wait)


async def _read(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The body; of one that is longer, at least one byte too many."""
    taken = bytearray()
    async for piece in answer.content.iter_chunked(16_384):
        taken += piece
        if len(taken) > max_bytes:
            break
    return bytes(taken)


def _form(parts: Sequence[Part], boundary: str) -> bytes:
    pieces = []
    for part in parts:
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{part.name}"\r\nContent-Type: {part.content_type}'
        )
        pieces += [head.encode(), b"\r\n\r\n", part.body, b"\r\n"]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()])


def _what_failed(error: Exception, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the certificate is not valid"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "the TLS handshake failed"
    if isinstance(error, aiohttp.ClientConnectorError):
        return network_fault(error.os_error)
    if isinstance(error, OSError):
        return network_fault(error)
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return "the address is not a valid one"
    return "the connection was lost before the answer came"
