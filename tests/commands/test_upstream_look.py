"""What the doctor finds out about an upstream: reached or not, key taken or refused, the right API or another."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve

from realtime.commands.trouble import Trouble
from realtime.commands.upstream_look import look_at_upstream
from realtime.mock.scenarios import find_scenario
from realtime.mock.server import MockServer
from realtime.settings import UpstreamSettings

KEY = "sk-right"


def upstream(base_url: str, key: str | None = KEY, **more: float) -> UpstreamSettings:
    return UpstreamSettings(base_url=base_url, api_key=SecretStr(key) if key else None, model="some-model", **more)


async def trouble(settings: UpstreamSettings) -> str:
    with pytest.raises(Trouble) as found:
        await look_at_upstream(settings)
    assert found.value.remedy
    told = f"{found.value} -> {found.value.remedy}"
    assert settings.api_key is None or settings.api_key.get_secret_value() not in told
    return told


async def test_an_upstream_that_takes_the_key_is_well() -> None:
    async with MockServer(api_key=KEY) as server:
        told = await look_at_upstream(upstream(server.base_url))
    assert told == f"127.0.0.1:{server.port} answers, takes the key, and opens sessions with some-model"
    async with MockServer() as server:
        assert "wants no key" in await look_at_upstream(upstream(server.base_url, key=None))


async def test_a_refused_key_is_told_from_an_upstream_that_is_not_there(free_port: int) -> None:
    async with MockServer(api_key=KEY) as server:
        assert "refuses the API key" in await trouble(upstream(server.base_url, "sk-wrong"))
        assert "wants an API key, and none is set" in await trouble(upstream(server.base_url, key=None))
        assert "not as a Realtime API there (status 40" in await trouble(upstream(f"{server.base_url}/else"))
    told = await trouble(upstream(f"http://127.0.0.1:{free_port}/v1"))
    assert f"127.0.0.1:{free_port} is not reached: connection refused" in told


async def test_a_key_that_no_header_can_carry_is_the_keys_fault() -> None:
    assert "the API key holds a character" in await trouble(upstream("http://127.0.0.1:1/v1", "sk-a\nb"))


async def test_an_address_without_tls_is_told() -> None:
    async with MockServer() as server:
        told = await trouble(upstream(server.base_url.replace("http:", "https:")))
    assert "TLS" in told


@pytest.mark.parametrize(
    ("scenario", "told"),
    [("refused-key", "refuses the API key (status 401)"), ("too-many-requests", "asked too often")],
)
async def test_what_an_upstream_answers_to_the_handshake_is_told(scenario: str, told: str) -> None:
    async with MockServer() as server:
        find_scenario(scenario).prepare(server.mock)
        assert told in await trouble(upstream(server.base_url))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"fault": "garbage"}, "does not speak the Realtime API"),
        ({"fault": "close", "args": {"code": 1008}}, "takes the connection and closes it"),
        ({"fault": "stall"}, "says nothing within 2 s"),
    ],
)
async def test_an_upstream_that_opens_no_session_is_told(fault: dict[str, object], told: str) -> None:
    async with MockServer() as server:
        server.mock.faults.add({"on": "server", **fault})
        assert told in await trouble(upstream(server.base_url, connect_timeout_s=2.0))


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("invalid_api_key", "refuses the API key (invalid_api_key)"),
        ("insufficient_quota", "its account has no quota"),
        ("model_not_found", "has no model some-model for this key"),
        ("something_new", "refuses the session (something_new)"),
    ],
)
async def test_an_error_instead_of_a_session_is_told_by_its_code(code: str, told: str) -> None:
    """Never by its message, where an upstream may repeat the key."""

    async def refuse(socket: ServerConnection) -> None:
        error = {"type": "error", "error": {"code": code, "message": f"Incorrect API key provided: {KEY}"}}
        await socket.send(json.dumps(error))

    async with serve(refuse, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        assert told in await trouble(upstream(f"http://127.0.0.1:{port}/v1"))
