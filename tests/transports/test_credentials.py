"""Where a credential goes: to the host that was named, which proves that it is that host, and nowhere else."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests import loopback
from transports import http, websocket
from transports.errors import ConnectFailed

SECRET = {"authorization": "Bearer sk-very-secret-0123456789"}


class Host:
    """Says what it was told to, and counts who comes."""

    def __init__(self) -> None:
        self.visitors = 0
        self.redirect: str | None = None

    async def answer(self, request: web.Request) -> web.Response:
        self.visitors += 1
        return web.Response(status=307, headers={"Location": self.redirect}) if self.redirect else web.Response()


@asynccontextmanager
async def listening(host: Host, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Its port."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", host.answer)
    async with loopback.listening(application, context) as address:
        yield int(address.rpartition(":")[2])


def certified(folder: Path) -> ssl.SSLContext:
    """Somebody who calls himself localhost, and whom nobody knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file = folder / "host.pem"
    file.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


async def _by_websocket(port: int) -> None:
    await websocket.connect(f"wss://localhost:{port}/v1/realtime", headers=SECRET, connect_timeout=10)


async def _by_post(port: int) -> None:
    await http.post(f"https://localhost:{port}/v1/realtime/calls", headers=SECRET, timeout_s=10)


@pytest.mark.parametrize("connect", [_by_websocket, _by_post])
async def test_a_host_that_does_not_prove_its_name_is_told_nothing(
    tmp_path: Path, connect: Callable[[int], Awaitable[None]]
) -> None:
    host = Host()
    async with listening(host, certified(tmp_path)) as port:
        with pytest.raises(ConnectFailed, match="the certificate is not valid"):
            await connect(port)
    assert host.visitors == 0


async def test_a_redirect_of_a_post_is_not_followed() -> None:
    first, other = Host(), Host()
    async with listening(first) as port, listening(other) as elsewhere:
        first.redirect = f"http://127.0.0.1:{elsewhere}/"
        reply = await http.post(f"http://127.0.0.1:{port}/v1/realtime/calls", headers=SECRET, timeout_s=10)
    assert (reply.status, first.visitors, other.visitors) == (307, 1, 0)
