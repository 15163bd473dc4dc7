"""A secured path to the other side on aiortc's and aioice's parts: ICE, DTLS, SRTP and SCTP.

The only file that touches names which these libraries do not promise; ``tests/transports/test_aiortc_private.py`` fails
when one of them moves. Media does not pass their RTP layer (a queue, a task, a thread and a resampler for each
stream): what comes as SRTP is decrypted where the socket gives it, and sent where it is made.
"""

from __future__ import annotations

import asyncio
import errno
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import pylibsrtp
from aioice.candidate import Candidate as IceCandidate
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import Connection, StunProtocol, server_reflexive_candidate
from aioice.stun import Message, TransactionError
from aiortc import (
    RTCCertificate,
    RTCDataChannel,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceServer,
    RTCIceTransport,
    RTCSctpCapabilities,
    RTCSctpTransport,
)
from aiortc.rtcicetransport import connection_kwargs
from OpenSSL import SSL

from transports.candidates import MAX_CANDIDATES, Candidate
from transports.errors import NegotiationFailed
from transports.offer import Offer
from transports.peer import PeerSettings
from transports.rtp import is_rtcp

SCTP_PORT: Final = 5000
MAX_MESSAGE: Final = RTCSctpTransport.getCapabilities().maxMessageSize
_LOOPBACK: Final = "127.0.0.1"
_GATHER_S: Final = 2
"""A STUN or TURN server that has not answered by then is done without."""
_MAX_WAITING: Final = 512
"""DTLS datagrams that wait to be read."""
_MAX_SOURCES: Final = 2 * MAX_CANDIDATES
"""Addresses of the other side that are checked in turn, those included that only its own checks have told."""
_MAX_CHANNELS: Final = 64
_MAX_CHUNKS: Final = 4096
"""Pieces of messages that wait for others."""
_OVERDRAFT: Final = 1 << 16
"""Bytes beyond the window that we grant."""

# RFC 7983: the first byte tells the protocols on a port apart
_DTLS: Final = range(20, 64)
_MEDIA: Final = range(128, 192)


class _Endpoint(StunProtocol):
    """A UDP socket: what is no STUN is not tried as such, and nobody's datagram raises."""

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        if isinstance(data, bytes) and data and data[0] >= _DTLS.start:
            self.receiver.data_received(data, 1)
            return
        try:
            super().datagram_received(data, addr)
        except (AssertionError, LookupError, struct.error) as fault:
            self.error_received(fault)


class _Ice(Connection):
    """ICE whose sockets are bound where the settings say, and which sends media and tells of it without a task."""

    def __init__(self, settings: PeerSettings, media: Callable[[bytes], None], alive: Callable[[], None]) -> None:
        servers = [
            RTCIceServer(urls=[*server.urls], username=server.username, credential=server.credential)
            for server in settings.ice_servers
        ]
        super().__init__(ice_controlling=False, **connection_kwargs(servers))
        self._settings = settings
        self._media = media
        self._alive = alive

    def data_received(self, data: bytes, component: int) -> None:
        if not data:
            return  # by a TURN server: an error here would close the connection to it
        if data[0] in _MEDIA:
            self._media(data)
        elif data[0] in _DTLS and self._queue.qsize() < _MAX_WAITING:
            super().data_received(data, component)

    def check_incoming(self, message: Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """An authenticated check or consent request of the other side."""
        self._alive()
        # As aioice compares them itself: ``host`` may be a name of the local network (mDNS).
        known = {(candidate._network_host, candidate.port) for candidate in self._remote_candidates}  # noqa: SLF001
        if addr in known or len(known) < _MAX_SOURCES:
            super().check_incoming(message, addr, protocol)

    def send_now(self, data: bytes) -> bool:
        """Send by the nominated pair; False when there is none."""
        pair = self._nominated.get(1)
        if pair is None or pair.protocol not in self._protocols:
            return False
        pair.protocol.transport.sendto(data, pair.remote_addr)
        return True

    def protocol_lost(self, protocol: StunProtocol) -> None:
        """A socket closed by itself: nothing is sent by it any more."""
        super().protocol_lost(protocol)
        self._protocols = [other for other in self._protocols if other is not protocol]

    def abort(self) -> None:
        """Wait no longer for a TURN server to confirm that its allocation is given back; ``close`` then ends."""
        for endpoint in self._protocols:
            endpoint.transport.close()
            giving_back: asyncio.Task[None] | None = getattr(endpoint.transport, "_TurnTransport__close_task", None)
            if giving_back is not None:
                giving_back.cancel()

    async def get_component_candidates(
        self, component: int, addresses: Sequence[str], timeout: int = _GATHER_S
    ) -> list[IceCandidate]:
        found = [*addresses, _LOOPBACK] if self._settings.loopback else addresses
        bound = [await self._bind(address) for address in dict.fromkeys(found)]
        endpoints = [endpoint for endpoint in bound if endpoint is not None]
        async with asyncio.TaskGroup() as group:
            relays = group.create_task(super().get_component_candidates(component, [], timeout))
            mirrors = [group.create_task(self._reflexive(endpoint)) for endpoint in endpoints if self.stun_server]
        seen = [candidate for mirror in mirrors if (candidate := mirror.result()) is not None]
        return [*(endpoint.local_candidate for endpoint in endpoints), *seen, *relays.result()]

    async def _bind(self, address: str) -> _Endpoint | None:
        loop = asyncio.get_running_loop()
        for port in _port_order(self._settings.udp_ports):
            try:
                _, endpoint = await loop.create_datagram_endpoint(lambda: _Endpoint(self), local_addr=(address, port))
            except OSError as fault:
                if fault.errno == errno.EADDRINUSE and port:
                    continue
                return None
            self._protocols.append(endpoint)  # at once: ``close`` shall find it whatever comes
            host, taken = endpoint.transport.get_extra_info("sockname")[:2]
            endpoint.local_candidate = IceCandidate(
                foundation=candidate_foundation("host", "udp", host),
                component=1,
                transport="udp",
                priority=candidate_priority(1, "host"),
                host=host,
                port=taken,
                type="host",
            )
            return endpoint
        return None

    async def _reflexive(self, endpoint: _Endpoint) -> IceCandidate | None:
        if self.stun_server is None or ":" in endpoint.local_candidate.host:
            return None
        try:
            async with asyncio.timeout(_GATHER_S):
                return (await server_reflexive_candidate(endpoint, self.stun_server))[0]
        except (TimeoutError, OSError, TransactionError):
            return None


def _port_order(bounds: tuple[int, int] | None) -> Sequence[int]:
    """All ports of the range, from a random one on; 0 lets the system choose."""
    if bounds is None:
        return [0]
    ports = range(bounds[0], bounds[1] + 1)
    start = random.randrange(len(ports))  # noqa: S311 - spreads, hides nothing
    return [*ports[start:], *ports[:start]]


class _Channels(RTCSctpTransport):
    """Data channels within bounds: what is sent wrongly, or without end, ends them and not the call."""

    async def _handle_data(self, data: bytes) -> None:
        try:
            await super()._handle_data(data)
        except (AssertionError, AttributeError, LookupError, TypeError, ValueError, struct.error):
            await self.stop()
        if not self._is_bounded():
            await self.stop()

    def _is_bounded(self) -> bool:
        streams = self._inbound_streams.values()
        return (
            max(len(self._data_channels), len(streams)) <= _MAX_CHANNELS
            and max(len(self._sack_misordered), sum(len(stream.reassembly) for stream in streams)) <= _MAX_CHUNKS
            and self._advertised_rwnd >= -_OVERDRAFT
        )


class PathListener(Protocol):
    """Hears what comes by a path; called on the loop."""

    def media(self, packet: bytes) -> None:
        """Decrypted RTP."""
        ...

    def control(self, packet: bytes) -> None:
        """Decrypted RTCP."""
        ...

    def channel(self, channel: RTCDataChannel) -> None:
        """The other side opened a data channel."""
        ...

    def lost(self, goodbye: bool) -> None:
        """The path ended by itself; comes once at most."""
        ...


class SecuredPath:
    """One transport for audio and data. ``prepare``, ``connect``, then media both ways until ``close``."""

    def __init__(self, settings: PeerSettings, listener: PathListener) -> None:
        self._listener = listener
        self.alive_at = 0.0
        """Loop time of the last sign of life; whoever connects sets it first."""
        try:
            self._connection = _Ice(settings, self._received, self._alive)
        except ValueError as fault:
            raise NegotiationFailed("the URL of an ICE server is malformed") from fault
        gatherer = RTCIceGatherer(iceServers=[])
        gatherer._connection = self._connection  # noqa: SLF001
        self._ice = RTCIceTransport(gatherer)
        self._certificate = RTCCertificate.generateCertificate()
        self._dtls = RTCDtlsTransport(self._ice, [self._certificate])
        self._sctp: RTCSctpTransport | None = None
        self._over = False

    @property
    def credentials(self) -> tuple[str, str]:
        """Our ICE user fragment and password."""
        return self._connection.local_username, self._connection.local_password

    @property
    def fingerprints(self) -> list[tuple[str, str]]:
        """Of our certificate."""
        return [(print_.algorithm, print_.value) for print_ in self._certificate.getFingerprints()]

    @property
    def candidates(self) -> list[Candidate]:
        """Our own, after ``prepare``."""
        return [
            Candidate(found.foundation, found.priority, found.host, found.port, found.type)
            for found in self._connection.local_candidates
        ]

    @property
    def ice_state(self) -> str:
        """As aiortc names it: new, checking, completed, failed, closed."""
        return str(self._ice.state)

    async def prepare(self) -> None:
        """Bind sockets, ask the servers; raises ``NegotiationFailed`` when no way out was found."""
        await self._connection.gather_candidates()
        if not self._connection.local_candidates:
            raise NegotiationFailed("no UDP port could be bound")

    async def add(self, candidate: Candidate) -> None:
        """Try this address too."""
        await self._connection.add_remote_candidate(
            IceCandidate(
                foundation=candidate.foundation,
                component=1,
                transport="udp",
                priority=candidate.priority,
                host=candidate.host,
                port=candidate.port,
                type="srflx" if candidate.kind == "prflx" else candidate.kind,
            )
        )

    async def connect(self, offer: Offer) -> bool:
        """ICE, then DTLS, then the data channels' transport; False when one of them failed.

        What the other side sends in the handshake is read by OpenSSL and aiortc, which raise this and that over it.
        """
        try:
            return await self._connect(offer)
        except (OSError, SSL.Error, AssertionError, AttributeError, LookupError, ValueError):
            return False

    async def _connect(self, offer: Offer) -> bool:
        self.alive_at = asyncio.get_running_loop().time()
        for candidate in offer.candidates:
            await self.add(candidate)
        self._connection.ice_controlling = offer.lite
        await self._ice.start(RTCIceParameters(offer.ufrag, offer.password, offer.lite))
        if self._ice.state != "completed":
            return False
        self._dtls._set_role("server" if offer.setup == "active" else "client")  # noqa: SLF001
        prints = [RTCDtlsFingerprint(algorithm, digest) for algorithm, digest in offer.fingerprints]
        await self._dtls.start(RTCDtlsParameters(fingerprints=prints))
        if self._dtls.state != "connected":
            return False
        self._dtls.on("statechange", self._changed)
        self._ice.on("statechange", self._changed)
        if offer.data is not None:
            self._sctp = _Channels(self._dtls, SCTP_PORT)
            self._sctp.on("datachannel", self._listener.channel)
            await self._sctp.start(RTCSctpCapabilities(maxMessageSize=offer.max_message), offer.sctp_port)
        return True

    def send_media(self, packet: bytes) -> None:
        """Encrypt RTP and send it; nothing happens when there is no path."""
        srtp = self._dtls._tx_srtp  # noqa: SLF001
        if srtp is not None and not self._over:
            self._connection.send_now(srtp.protect(packet))

    def send_control(self, packet: bytes) -> None:
        """The same for RTCP."""
        srtp = self._dtls._tx_srtp  # noqa: SLF001
        if srtp is not None and not self._over:
            self._connection.send_now(srtp.protect_rtcp(packet))

    async def close(self) -> None:
        """Say goodbye where that is possible and free everything."""
        self._over = True
        if self._sctp is not None:
            await self._sctp.stop()
        await self._dtls.stop()
        await self._ice.stop()

    def abort(self) -> None:
        """``close`` takes too long, for a TURN server most likely: it shall end now."""
        self._connection.abort()

    def _alive(self) -> None:
        self.alive_at = asyncio.get_running_loop().time()

    def _received(self, data: bytes) -> None:
        srtp = self._dtls._rx_srtp  # noqa: SLF001
        if srtp is None or self._over:
            return
        try:
            control = is_rtcp(data)
            plain = srtp.unprotect_rtcp(data) if control else srtp.unprotect(data)
        except (pylibsrtp.Error, ValueError):
            return
        self._alive()
        (self._listener.control if control else self._listener.media)(plain)

    def _changed(self) -> None:
        """A state of ICE or DTLS changed after both were up: it can only be an end."""
        if not self._over:
            self._over = True
            self._listener.lost(self._dtls.state == "closed" and self._ice.state == "completed")
