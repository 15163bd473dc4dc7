"""Who may come in: Origin, Host and tokens, on plain requests and on upgrades."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from realtime.errors import ConfigurationError
from realtime.protocol import json
from realtime.server.access import Access
from realtime.settings import ServerSettings
from tests.server.fake import Doors, open_doors
from tests.server.raw import UPGRADE, request

TOKEN = "t0ken-of-a-client"


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    settings = ServerSettings(port=0, allowed_origins=("https://app.example", "http://localhost:5173"))
    async with open_doors(settings) as opened:
        yield opened


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[Doors]:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"# clients\nanother-token\n\n{TOKEN}\n")
    async with open_doors(ServerSettings(port=0, auth_tokens_file=tokens)) as opened:
        yield opened


# $P is the listener's port
ORIGINS: list[tuple[str, tuple[str, ...], bool]] = [
    ("absent", (), True),
    ("own by number", ("http://127.0.0.1:$P",), True),
    ("own by name", ("http://localhost:$P",), True),
    ("own by IPv6", ("http://[::1]:$P",), True),
    ("allowed", ("https://app.example",), True),
    ("allowed with a port", ("http://localhost:5173",), True),
    ("null", ("null",), False),
    ("empty", ("",), False),
    ("another site", ("https://evil.example",), False),
    ("look-alike suffix", ("https://app.example.evil.example",), False),
    ("look-alike prefix", ("https://evilapp.example",), False),
    ("a name below an allowed one", ("https://www.app.example",), False),
    ("allowed, other port", ("https://app.example:8443",), False),
    ("allowed, default port written out", ("https://app.example:443",), False),
    ("allowed, but http", ("http://app.example",), False),
    ("own, but https", ("https://127.0.0.1:$P",), False),
    ("own, other port", ("http://127.0.0.1:1",), False),
    ("own, no port", ("http://localhost",), False),
    ("trailing dot", ("https://app.example.",), False),
    ("upper case", ("HTTPS://APP.EXAMPLE",), False),
    ("letters of another script", ("https://аpp.example",), False),
    ("the same as punycode", ("https://xn--pp-6kc.example",), False),
    ("userinfo", ("https://app.example@evil.example",), False),
    ("with a path", ("https://app.example/",), False),
    ("two headers", ("https://app.example", "https://evil.example"), False),
]


@pytest.mark.parametrize("upgrade", [False, True], ids=["plain", "upgrade"])
@pytest.mark.parametrize(("origins", "welcome"), [row[1:] for row in ORIGINS], ids=[row[0] for row in ORIGINS])
async def test_origins(doors: Doors, origins: tuple[str, ...], welcome: bool, upgrade: bool) -> None:
    headers = [("Host", f"127.0.0.1:{doors.port}")]
    headers += [("Origin", origin.replace("$P", str(doors.port))) for origin in origins]
    status, _, body = await request(
        doors.port, *headers, *(UPGRADE if upgrade else ()), path="/" if upgrade else "/v1/threads"
    )
    assert status == ((101 if upgrade else 200) if welcome else 403)
    if not welcome:
        assert json.decode_object(body)["error"]["code"] == "forbidden"


HOSTS: list[tuple[str, tuple[str, ...], bool]] = [
    ("by number", ("127.0.0.1:$P",), True),
    ("by name", ("localhost:$P",), True),
    ("in capitals", ("LOCALHOST:$P",), True),
    ("by IPv6", ("[::1]:$P",), True),
    ("other port, as behind a tunnel", ("127.0.0.1:1",), True),
    ("no port", ("127.0.0.1",), True),
    ("port that is none", ("127.0.0.1:http",), False),
    ("a rebound name", ("evil.example:$P",), False),
    ("look-alike", ("localhost.evil.example:$P",), False),
    ("trailing dot", ("localhost.:$P",), False),
    ("empty", ("",), False),
    ("none", (), False),
    ("two", ("127.0.0.1:$P", "evil.example"), False),
]


@pytest.mark.parametrize(("hosts", "welcome"), [row[1:] for row in HOSTS], ids=[row[0] for row in HOSTS])
async def test_hosts(doors: Doors, hosts: tuple[str, ...], welcome: bool) -> None:
    headers = [("Host", host.replace("$P", str(doors.port))) for host in hosts]
    for path, extra in (("/healthz", ()), ("/", UPGRADE)):
        status, _, _ = await request(doors.port, *headers, *extra, path=path)
        # a request that is no HTTP/1.1 may be refused before it comes to us
        assert status == (101 if extra else 200) if welcome else status in (400, 403)


async def test_a_preflight_is_answered_to_allowed_origins_alone(doors: Doors) -> None:
    host = ("Host", f"127.0.0.1:{doors.port}")
    asked = ("Access-Control-Request-Method", "POST")
    path = "/v1/threads"
    status, headers, _ = await request(
        doors.port, host, asked, ("Origin", "https://app.example"), verb="OPTIONS", path=path
    )
    assert status == 204
    assert headers["access-control-allow-origin"] == "https://app.example"
    assert "authorization" in headers["access-control-allow-headers"].lower()
    assert "OPTIONS" in headers["access-control-allow-methods"], "by that a page asks for ICE servers"
    status, headers, _ = await request(
        doors.port, host, asked, ("Origin", "https://evil.example"), verb="OPTIONS", path=path
    )
    assert status == 403
    assert "access-control-allow-origin" not in headers


USUAL = ["Authorization", "Content-Type", "If-Match", "Last-Event-ID"]


@pytest.mark.parametrize(
    ("wanted", "added"),
    [
        ("authorization,x-stainless-lang,openai-organization", "authorization, x-stainless-lang, openai-organization"),
        ("api-key, Last-Event-ID", "api-key, Last-Event-ID"),
        ("", ""),
        ("a b; c=<d>", ""),
    ],
)
async def test_an_allowed_page_may_send_the_headers_it_asks_for(doors: Doors, wanted: str, added: str) -> None:
    fields = [
        ("Host", f"127.0.0.1:{doors.port}"),
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "PUT"),
        ("Access-Control-Request-Headers", wanted),
    ]
    status, headers, _ = await request(doors.port, *fields, verb="OPTIONS", path="/v1/console/upstream")
    assert status == 204
    allowed = [name.strip() for name in headers["access-control-allow-headers"].split(",")]
    assert allowed == [*USUAL, *added.split(", ")] if added else allowed == USUAL
    assert "PUT" in headers["access-control-allow-methods"].split(", ")


async def test_an_allowed_page_may_read_the_answer_and_others_not(doors: Doors) -> None:
    host = ("Host", f"127.0.0.1:{doors.port}")
    _, headers, _ = await request(doors.port, host, ("Origin", "https://app.example"), path="/v1/threads")
    assert headers["access-control-allow-origin"] == "https://app.example"
    assert headers["vary"] == "Origin"
    _, headers, _ = await request(doors.port, host, path="/v1/threads")
    assert "access-control-allow-origin" not in headers


# -- tokens --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authorization", "welcome"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer {TOKEN}", True),
        ("Bearer another-token", True),
        (None, False),
        ("", False),
        ("Bearer", False),
        ("Bearer ", False),
        (f"Basic {TOKEN}", False),
        (TOKEN, False),
        (f"Bearer {TOKEN}x", False),
        (f"Bearer {TOKEN[:-1]}", False),
        (f"Bearer {TOKEN.upper()}", False),
        ("Bearer # clients", False),
        (f"Bearer {'x' * 7000}", False),
        ("Bearer tökèn", False),
    ],
)
async def test_bearer_tokens(locked: Doors, authorization: str | None, welcome: bool) -> None:
    headers = [("Host", f"127.0.0.1:{locked.port}")]
    if authorization is not None:
        headers.append(("Authorization", authorization))
    status, fields, body = await request(locked.port, *headers, path="/v1/threads")
    assert status == (200 if welcome else 401)
    if not welcome:
        assert json.decode_object(body)["error"]["code"] == "unauthorized"
        assert fields["www-authenticate"] == "Bearer"
    status, _, _ = await request(locked.port, *headers, *UPGRADE, path="/v1/rpc")
    assert status == (101 if welcome else 401)


async def test_a_browser_presents_its_token_as_a_subprotocol(locked: Doors) -> None:
    async with locked.caller(protocols=("voxgate", f"voxgate.token.{TOKEN}")) as caller:
        assert caller.socket.protocol == "voxgate"
        assert "thread" in await caller.result("thread/start")


@pytest.mark.parametrize("token", ["wrong", ""])
async def test_a_browser_with_a_wrong_token_sees_why(locked: Doors, token: str) -> None:
    offered = ("voxgate", f"voxgate.token.{token}") if token else ("voxgate",)
    async with locked.caller(initialize=False, protocols=offered) as caller:
        assert await caller.closed() == 4401
    assert locked.journal.calls == []


@pytest.mark.parametrize("header", ["Origin", "Host"])
async def test_a_page_of_a_foreign_address_sees_why_it_is_refused(doors: Doors, header: str) -> None:
    foreign = {"Origin": "https://evil.example"} if header == "Origin" else {"Host": "evil.example"}
    async with doors.caller(initialize=False, protocols=("voxgate",), headers=foreign) as caller:
        assert await caller.closed() == 4403
    assert doors.journal.calls == []


async def test_a_token_is_never_selected_as_a_subprotocol(locked: Doors, caplog: pytest.LogCaptureFixture) -> None:
    status, fields, _ = await request(
        locked.port,
        ("Host", f"127.0.0.1:{locked.port}"),
        *UPGRADE,
        ("Sec-WebSocket-Protocol", f"voxgate.token.{TOKEN}"),
        path="/",
    )
    assert status == 422
    assert "sec-websocket-protocol" not in fields
    assert TOKEN not in caplog.text


async def test_a_token_in_the_address_is_none(locked: Doors) -> None:
    for query in (f"token={TOKEN}", f"access_token={TOKEN}", f"authorization=Bearer%20{TOKEN}"):
        status, _, _ = await request(locked.port, ("Host", f"127.0.0.1:{locked.port}"), path=f"/v1/threads?{query}")
        assert status == 401


async def test_probes_and_documents_are_open_and_the_rest_is_not(locked: Doors) -> None:
    for path, status in {
        "/": 200,
        "/healthz": 200,
        "/readyz": 200,
        "/openapi.json": 200,
        "/asyncapi.json": 200,
        "/metrics": 401,
        "/v1/threads": 401,
        "/v1/rpc": 401,
        "/no/such": 401,
    }.items():
        async with locked.http.get(locked.address + path) as response:
            assert (path, response.status) == (path, status)


async def test_the_token_in_hand_opens_every_route(locked: Doors) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with locked.http.get(f"{locked.address}/metrics", headers=headers) as response:
        assert response.status == 200
        assert "voxgate_clients" in await response.text()


# -- what may listen -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gateway.example"])
def test_a_listener_for_others_does_not_start_without_tokens(host: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Access(ServerSettings(host=host))
    assert refused.value.setting == "server.auth_tokens_file"
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN)
    Access(ServerSettings(host=host, auth_tokens_file=tokens))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
def test_a_loopback_listener_needs_none(host: str) -> None:
    Access(ServerSettings(host=host))


@pytest.mark.parametrize("content", [None, b"", b"\n \n# nothing\n", b"\xff\xfe"])
def test_a_token_file_that_holds_none_is_refused(content: bytes | None, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    if content is not None:
        tokens.write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        Access(ServerSettings(auth_tokens_file=tokens))
    assert refused.value.setting == "server.auth_tokens_file"


async def test_a_listener_for_others_asks_for_its_own_origin(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN)
    async with open_doors(ServerSettings(host="0.0.0.0", port=0, auth_tokens_file=tokens)) as doors:
        bearer = ("Authorization", f"Bearer {TOKEN}")
        for origin, status in (("https://voice.example", 200), ("https://evil.example", 403)):
            found, _, _ = await request(
                doors.port, ("Host", "voice.example"), ("Origin", origin), bearer, path="/v1/threads"
            )
            assert found == status


async def test_a_port_in_use_is_a_configuration_error() -> None:
    async with open_doors() as doors:
        with pytest.raises(ConfigurationError) as refused:
            async with open_doors(ServerSettings(port=doors.port)):
                pass
    assert refused.value.setting == "server.port"
    assert str(doors.port) in refused.value.message


async def test_answers_do_not_tell_what_they_are_made_with(doors: Doors) -> None:
    async with doors.http.get(f"{doors.address}/healthz") as response:
        assert response.headers["Server"] == "voxgate"
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await doors.http.ws_connect(f"{doors.address}/healthz")
