"""The contract of a WebRTC peer that answers offers: what it takes, what it tells, what it is told about itself.

Its body on aiortc is ``transports.webrtc.AiortcPeer(settings)``; whoever uses a peer knows this page alone.

The life of a peer, all on one loop: ``answer(offer, listener)``, then its user starts ``run()`` in a task group of
its own, and sends the answer out. ``run`` connects, carries the call and frees everything; it returns when the call is
over, for whatever reason, and never raises but for its own cancellation, which ends the call too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

PeerState = Literal["new", "connecting", "connected", "closed"]
CloseReason = Literal["closed", "hangup", "connect_timeout", "silence", "failed"]
"""By ``close`` or cancelled · the other side said goodbye · never connected · nothing came any more · ICE or DTLS."""

FRAME_MS = 20
SAMPLE_RATE = 24_000
"""Audio on both sides of a peer is mono PCM16, little endian, at this rate."""


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server; ``credential`` is a secret and stands in no ``repr``."""

    urls: Sequence[str]
    username: str | None = None
    credential: str | None = None

    def __repr__(self) -> str:
        return f"IceServer(urls={self.urls!r})"


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """How peers are made. No STUN server is asked unless one is named here."""

    ice_servers: Sequence[IceServer] = ()
    udp_ports: tuple[int, int] | None = None
    """First and last UDP port that may be bound; None: any."""
    public_ip: str | None = None
    """Announced in place of this machine's own addresses (1:1 NAT)."""
    loopback: bool = False
    """Offer 127.0.0.1 too: for a listener that is loopback."""
    private_candidates: bool = True
    """False: candidates of the offer in private, loopback and link-local ranges are never contacted."""
    connect_s: float = 15.0
    """A peer that is not connected so long after its answer is closed."""
    silence_s: float = 8.0
    """A connected peer from which nothing at all arrives for so long is closed: its browser has left."""
    bit_rate: int = 64_000
    play_buffer_s: float = 300.0
    """A voice speaks faster than it is heard: its longest answer (4096 tokens) is about 200 s of sound."""


@dataclass(frozen=True, slots=True)
class PeerStats:
    """What a peer knows of its call."""

    state: PeerState
    ice_state: str
    packets_received: int = 0
    packets_lost: int = 0
    packets_sent: int = 0
    jitter_ms: float = 0.0
    concealed_ms: int = 0
    """Milliseconds of the microphone that were lost and filled in."""
    playout_delay_ms: int = 0
    """Milliseconds of audio that wait to be sent."""


class PeerListener(Protocol):
    """Hears what happens to a peer. Called on the loop, never waits, never raises."""

    def connected(self) -> None:
        """Media can flow."""
        ...

    def heard(self, pcm: bytes) -> None:
        """20 ms of the microphone."""
        ...

    def opened(self) -> None:
        """The data channel ``oai-events`` is open, be it again."""
        ...

    def shut(self) -> None:
        """The other side has closed the data channel; the call goes on, and the channel may be opened again."""
        ...

    def told(self, text: str) -> None:
        """A message came by the data channel."""
        ...

    def played(self, tag: str) -> None:
        """All audio that was given under this tag, up to now, has been sent."""
        ...

    def closed(self, reason: CloseReason) -> None:
        """The peer is over, whoever ended it; comes once, and nothing after it. Not after a failed ``answer``."""
        ...


class MediaPeer(Protocol):
    """One peer connection: audio both ways and one data channel. Made for one offer."""

    async def answer(self, offer: str, listener: PeerListener) -> str:
        """Take an offer, return the answer with all candidates. Raises ``NegotiationFailed``, with nothing left open.

        Candidates of the offer may be missing: they come by ``add_candidates``, or are learnt.
        """
        ...

    async def run(self) -> None:
        """Connect, carry the call, free everything; for one task, once, after ``answer``. Cancel it or ``close``."""
        ...

    async def add_candidates(self, fragment: str) -> None:
        """Take a trickled fragment (RFC 8840); raises ``NegotiationFailed``, with ``restart`` for an ICE restart."""
        ...

    def play(self, pcm: bytes, tag: str) -> bool:
        """Queue audio behind what waits; never waits itself. False: the buffer is full, nothing was taken."""
        ...

    def flush(self, tag: str | None = None) -> None:
        """Drop what was not sent yet, of one tag or of all."""
        ...

    def position(self) -> tuple[str, int] | None:
        """The tag that was sent last, and how many milliseconds of it in all."""
        ...

    def send(self, text: str) -> bool:
        """Send by the data channel; never waits. False: it is not open, or too much waits in it, or would."""
        ...

    def carries(self, text: str) -> bool:
        """False for a text that is longer than the other side's data channel takes, however empty it is."""
        ...

    def stats(self) -> PeerStats:
        """Figures of this moment."""
        ...

    async def close(self) -> None:
        """End the call and wait until everything is freed; idempotent, and enough where ``run`` never began."""
        ...
