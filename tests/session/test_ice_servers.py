"""ICE servers as clients are handed them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from realtime.session.ice_servers import issued
from realtime.settings import IceServerSettings, ServerSettings

URLS = ("stun:a.example", "turn:b.example:3478?transport=udp", "turns:b.example:443?transport=tcp")


def test_each_client_gets_credentials_that_expire() -> None:
    server = IceServerSettings(urls=URLS, secret=SecretStr("static"), ttl_s=600)
    stun, turn, turns = issued([server], now=1000.5)
    again = issued([server], now=1000.5)[1]
    assert (stun.url, stun.username, stun.credential) == (URLS[0], None, None)
    assert turn.username is not None
    assert turn.username.startswith("1600:")
    mac = hmac.new(b"static", turn.username.encode(), hashlib.sha1).digest()
    assert turn.credential == base64.b64encode(mac).decode()
    assert (turns.username, turns.credential) == (turn.username, turn.credential)
    assert again.username != turn.username
    assert turn.credential not in repr(turn)


def test_credentials_of_the_operators_are_handed_out_as_they_are() -> None:
    server = IceServerSettings(urls=URLS[1:2], username="user", credential=SecretStr("word"))
    assert [(each.username, each.credential) for each in issued([server], now=0)] == [("user", "word")]
    assert "word" not in repr(server)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ice_servers": [{"urls": []}]},
        {"ice_servers": [{"urls": ["http://a.example"]}]},
        {"ice_servers": [{"urls": ['turn:a.example>; rel="x']}]},
        {"ice_servers": [{"urls": ["turn:a.example"], "credential": "line\nbreak"}]},
        {"ice_servers": [{"urls": ["turn:a.example"], "username": "ключ"}]},
        {"public_ip": "here"},
        {"udp_ports": "50000"},
        {"udp_ports": "50010-50000"},
        {"udp_ports": "80-90"},
        {"udp_ports": "60000-70000"},
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ServerSettings.model_validate(wrong)


def test_a_range_of_ports_is_two_numbers() -> None:
    assert ServerSettings(udp_ports="50000-50199").udp_port_range == (50_000, 50_199)
    assert ServerSettings().udp_port_range is None
