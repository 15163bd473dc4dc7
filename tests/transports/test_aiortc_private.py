"""The names of aiortc and aioice that nobody promised us. When one moves, this fails before a call does."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aioice.candidate
import aioice.ice
import aioice.turn
import aiortc.rtcicetransport
import aiortc.rtcsctptransport
import pylibsrtp
import pytest
from aiortc import (
    RTCCertificate,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceTransport,
    RTCSctpTransport,
)

MOVED = "a private name of aiortc or aioice has moved: look through transports/aiortc_private.py"


async def test_the_names_that_are_touched_are_there() -> None:
    connection = aioice.ice.Connection(ice_controlling=False)
    for name in ("_queue", "_nominated", "_protocols", "stun_server", "ice_controlling"):
        assert hasattr(connection, name), f"{MOVED}: {name}"
    gatherer = RTCIceGatherer(iceServers=[])
    assert type(gatherer._connection) is aioice.ice.Connection, MOVED
    gatherer._connection = connection
    ice = RTCIceTransport(gatherer)
    assert ice._connection is connection, MOVED
    assert ice._recv == connection.recv, MOVED
    assert ice._send == connection.send, MOVED
    dtls = RTCDtlsTransport(ice, [RTCCertificate.generateCertificate()])
    for name in ("_rx_srtp", "_tx_srtp", "_set_role", "_role"):
        assert hasattr(dtls, name), f"{MOVED}: {name}"
    sctp = RTCSctpTransport(dtls)
    assert sctp.transport is dtls
    for name in ("_inbound_streams", "_data_channels", "_sack_misordered", "_advertised_rwnd"):
        assert hasattr(sctp, name), f"{MOVED}: {name}"
    assert hasattr(aiortc.rtcsctptransport.InboundStream(), "reassembly"), MOVED
    candidate = aioice.candidate.Candidate("1", 1, "udp", 1, "192.0.2.1", 9, "host")
    assert candidate._network_host == "192.0.2.1", MOVED
    relay = aioice.turn.TurnTransport(aioice.turn.TurnClientUdpProtocol(("", 0), None, None, 0, 0))
    assert hasattr(relay, "_TurnTransport__close_task"), MOVED


SIGNATURES: dict[str, tuple[Callable[..., Any], list[str]]] = {
    "aioice.ice.Connection.data_received": (aioice.ice.Connection.data_received, ["self", "data", "component"]),
    "aioice.ice.Connection.protocol_lost": (aioice.ice.Connection.protocol_lost, ["self", "protocol"]),
    "aioice.ice.Connection.check_incoming": (
        aioice.ice.Connection.check_incoming,
        ["self", "message", "addr", "protocol"],
    ),
    "aioice.ice.Connection.get_component_candidates": (
        aioice.ice.Connection.get_component_candidates,
        ["self", "component", "addresses", "timeout"],
    ),
    "aioice.ice.StunProtocol": (aioice.ice.StunProtocol.__init__, ["self", "receiver"]),
    "aioice.ice.StunProtocol.datagram_received": (
        aioice.ice.StunProtocol.datagram_received,
        ["self", "data", "addr"],
    ),
    "aiortc.RTCSctpTransport._handle_data": (RTCSctpTransport._handle_data, ["self", "data"]),
    "server_reflexive_candidate": (aioice.ice.server_reflexive_candidate, ["protocol", "stun_server"]),
    "connection_kwargs": (aiortc.rtcicetransport.connection_kwargs, ["servers"]),
    "candidate_foundation": (
        aioice.candidate.candidate_foundation,
        ["candidate_type", "candidate_transport", "base_address"],
    ),
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_what_is_overridden_or_called_has_its_shape(name: str) -> None:
    function, parameters = SIGNATURES[name]
    assert list(inspect.signature(function).parameters) == parameters, f"{MOVED}: {name}"


def test_the_overridden_are_called_where_we_count_on_it() -> None:
    """An override that nobody calls any more would fail in silence."""
    protocol = inspect.getsource(aioice.ice.StunProtocol)
    connection = inspect.getsource(aioice.ice.Connection)
    assert "self.receiver.data_received(data" in protocol, MOVED
    assert "self._data_receiver._handle_data(data)" in inspect.getsource(RTCDtlsTransport), MOVED
    assert "self.receiver.protocol_lost(self)" in protocol, MOVED
    assert "self.check_incoming(message, addr, protocol)" in connection, MOVED
    assert "self.get_component_candidates(" in connection, MOVED
    assert "pair.protocol.send_data(data, pair.remote_addr)" in connection.replace("active_", ""), MOVED


def test_srtp_refuses_with_its_own_error() -> None:
    assert issubclass(pylibsrtp.Error, Exception)
    with pytest.raises(pylibsrtp.Error):
        pylibsrtp.Session(pylibsrtp.Policy(key=bytes(30))).unprotect(b"\x80" + bytes(40))


def test_the_release_is_the_one_that_was_read() -> None:
    assert version("aiortc").rpartition(".")[0] == "1.16", f"{MOVED}; aiortc is {version('aiortc')}"


def test_no_other_file_touches_private_names() -> None:
    here = Path(__file__).resolve().parents[2] / "transports"
    others = [path for path in here.glob("*.py") if path.name != "aiortc_private.py"]
    assert others
    for path in others:
        assert "aioice" not in path.read_text() or path.name == "peer.py"
        assert "SLF001" not in path.read_text(), path.name
