"""Writes the answer to an offer (SDP; RFC 9429 5.3): a mirror of its lines, with audio and data accepted."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from transports.candidates import Candidate
from transports.offer import Offer, Section

_MIRROR = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


@dataclass(frozen=True, slots=True)
class Local:
    """What is ours in an answer."""

    ufrag: str
    password: str = field(repr=False)
    fingerprints: Sequence[tuple[str, str]]
    setup: str
    candidates: Sequence[Candidate]
    ssrc: int
    cname: str
    bit_rate: int
    sctp_port: int
    max_message: int
    session: int
    """A number that names the session in ``o=``."""


def announced(candidates: Sequence[Candidate], public_ip: str | None) -> list[Candidate]:
    """Our candidates as the other side shall see them: with 1:1 NAT its address stands for those of this machine."""
    if public_ip is None:
        return [*candidates]
    public = ipaddress.ip_address(public_ip)
    seen: list[Candidate] = []
    for candidate in candidates:
        address = ipaddress.ip_address(candidate.host)
        if candidate.kind != "host" or address.is_loopback:
            seen.append(candidate)
        elif address.version == public.version:
            seen.append(Candidate(candidate.foundation, candidate.priority, str(public), candidate.port, "host"))
    return seen


def write(offer: Offer, local: Local) -> str:
    """The answer's text."""
    taken = [index for index in (offer.audio, offer.data) if index is not None]
    lines = ["v=0", f"o=- {local.session} 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if offer.bundled:
        mids = [section.mid for index, section in enumerate(offer.sections) if index in taken]
        lines.append("a=group:BUNDLE " + " ".join(mids))
    lines += ["a=ice-options:trickle", "a=msid-semantic: WMS *"]
    for index, section in enumerate(offer.sections):
        if index == offer.audio:
            lines += _audio(offer, section, local)
        elif index == offer.data:
            lines += _data(section, local)
        else:
            lines += _refused(section)
    return "\r\n".join(lines) + "\r\n"


def _refused(section: Section) -> Iterator[str]:
    yield f"m={section.kind} 0 {section.profile} {' '.join(section.formats)}"
    yield "c=IN IP4 0.0.0.0"
    if section.mid:
        yield f"a=mid:{section.mid}"
    yield "a=inactive"


def _audio(offer: Offer, section: Section, local: Local) -> Iterator[str]:
    payload_type = offer.payload_type
    yield f"m=audio {_port(local)} {section.profile} {payload_type}"
    yield from _transport(section, local)
    yield f"a={_MIRROR[offer.direction]}"
    yield "a=rtcp-mux"
    yield f"a=rtpmap:{payload_type} opus/48000/2"
    yield f"a=fmtp:{payload_type} minptime=10;useinbandfec=1;stereo=0;maxaveragebitrate={local.bit_rate}"
    yield "a=ptime:20"
    if offer.direction in ("sendrecv", "recvonly"):
        yield "a=msid:voxgate audio"
        yield f"a=ssrc:{local.ssrc} cname:{local.cname}"


def _data(section: Section, local: Local) -> Iterator[str]:
    yield f"m=application {_port(local)} {section.profile} webrtc-datachannel"
    yield from _transport(section, local)
    yield f"a=sctp-port:{local.sctp_port}"
    yield f"a=max-message-size:{local.max_message}"


def _port(local: Local) -> int:
    return local.candidates[0].port if local.candidates else 9


def _transport(section: Section, local: Local) -> Iterator[str]:
    host = local.candidates[0].host if local.candidates else "0.0.0.0"  # noqa: S104 - SDP's word for none
    yield f"c=IN IP{ipaddress.ip_address(host).version} {host}"
    if section.mid:
        yield f"a=mid:{section.mid}"
    for candidate in local.candidates:
        related = "" if candidate.kind == "host" else " raddr 0.0.0.0 rport 9"
        yield (
            f"a=candidate:{candidate.foundation} 1 udp {candidate.priority} {candidate.host} {candidate.port}"
            f" typ {candidate.kind}{related}"
        )
    yield "a=end-of-candidates"
    yield f"a=ice-ufrag:{local.ufrag}"
    yield f"a=ice-pwd:{local.password}"
    for algorithm, digest in local.fingerprints:
        yield f"a=fingerprint:{algorithm} {digest}"
    yield f"a=setup:{local.setup}"
