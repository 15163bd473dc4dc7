"""Calls through a TURN relay: the caller's, and our own, by UDP and by TCP."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnection

from tests.transports.caller import LOOPBACK, Caller, Ear, call
from tests.transports.footprint import Footprint
from tests.transports.line import RATE
from tests.transports.offers import BROWSER
from tests.transports.relay import turn_server
from tests.transports.tones import snr, tone
from transports.errors import NegotiationFailed
from transports.peer import IceServer, PeerSettings
from transports.webrtc import AiortcPeer

pytestmark = pytest.mark.needs("turnserver")


async def talk(made: Caller) -> None:
    """Both hear each other."""
    made.peer.play(tone(440, 0.5, 24_000).tobytes(), "item")
    await made.ear.until(lambda: made.ear.tags == ["item"] and made.ear.frames >= 60)
    await made.see(lambda: len(made.sound) >= 30)
    assert snr(made.ear.samples[12_000:24_000], 1000, 24_000) > 30


async def relayed_call(settings: PeerSettings) -> None:
    async with call(settings, says=tone(1000, 3.0, RATE)) as made:
        assert "typ relay" in made.answer
        assert "typ host" not in made.answer
        assert "canary" not in made.answer
        await talk(made)


async def direct_call(settings: PeerSettings) -> None:
    async with call(settings, says=tone(1000, 3.0, RATE)) as made:
        assert "typ relay" not in made.answer
        await talk(made)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_caller_behind_a_relay_is_heard(tmp_path: Path, transport: str) -> None:
    async with turn_server(tmp_path, transport) as server:
        theirs = RTCIceServer([*server.urls], username=server.username, credential=server.credential)
        connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[theirs], iceTransportPolicy=RTCIceTransportPolicy.RELAY)
        )
        async with call(says=tone(1000, 3.0, RATE), connection=connection) as made:
            assert "typ relay" in made.offer
            assert "typ host" not in made.offer
            await talk(made)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_peer_of_ours_behind_a_relay_is_heard_and_gives_it_back(tmp_path: Path, transport: str) -> None:
    before = Footprint.taken()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as taken:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        taken.bind(("::", 0))
        port = taken.getsockname()[1]
        async with turn_server(tmp_path, transport) as server:
            # no port for host candidates: what is left is the relay
            settings = replace(LOOPBACK, udp_ports=(port, port), ice_servers=(server,))
            await relayed_call(settings)
    assert await Footprint.settled(before) == before


async def test_a_relay_that_does_not_answer_is_done_without() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"turn:127.0.0.1:{silent.getsockname()[1]}"
        settings = replace(LOOPBACK, ice_servers=(IceServer([url], username="a", credential="b"),))
        before = Footprint.taken()
        await direct_call(settings)
        assert await Footprint.settled(before) == before


async def test_a_relay_that_dies_does_not_keep_a_call_from_its_end(tmp_path: Path) -> None:
    before = Footprint.taken()
    async with turn_server(tmp_path, "udp") as server:
        peer, ear = AiortcPeer(replace(LOOPBACK, ice_servers=(server,))), Ear()
        assert "typ relay" in await peer.answer(BROWSER, ear)
    async with asyncio.timeout(30):
        await peer.close()
    assert ear.reasons == ["closed"]
    del peer
    assert await Footprint.settled(before) == before


async def test_a_malformed_url_is_a_clear_error() -> None:
    peer = AiortcPeer(replace(LOOPBACK, ice_servers=(IceServer(["http://turn"]),)))
    with pytest.raises(NegotiationFailed, match="ICE server"):
        await peer.answer(BROWSER, Ear())
