"""Reads an offer (SDP, RFC 8866 and 9429) as far as an answerer with one audio line and one data line needs it.

It is read here and nowhere else: nothing of an offer reaches another parser. Everything is bounded first, then
each value is checked; whatever is wrong is a ``NegotiationFailed`` that names the fault and quotes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from transports.candidates import MAX_CANDIDATES, Candidate, number, read
from transports.errors import NegotiationFailed

MAX_BYTES: Final = 64 * 1024
_MAX_MEDIA: Final = 16
_MAX_LINE: Final = 4096
_MAX_LINES: Final = 2000
_PROFILES: Final = {"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF"}
_DATA_PROFILES: Final = {"UDP/DTLS/SCTP", "TCP/DTLS/SCTP"}
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_TOKEN = re.compile(r"[!#-'*+\-.0-9A-Z^-~]{1,64}")
_DIGESTS: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
Setup = Literal["actpass", "active", "passive"]
_SETUPS: Final[tuple[Setup, ...]] = ("actpass", "active", "passive")


@dataclass(frozen=True, slots=True)
class Section:
    """A media line of the offer, so that the answer can mirror it."""

    kind: str
    profile: str
    formats: tuple[str, ...]
    mid: str
    rejected: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer that can be answered; ``audio`` and ``data`` are positions in ``sections``."""

    sections: tuple[Section, ...]
    audio: int
    data: int | None
    bundled: bool
    payload_type: int
    """Of Opus."""
    direction: Direction
    """As they see it: ``sendonly`` is their microphone alone."""
    ufrag: str
    password: str = field(repr=False)
    lite: bool
    setup: Setup
    fingerprints: tuple[tuple[str, str], ...]
    sctp_port: int
    max_message: int
    candidates: tuple[Candidate, ...]


@dataclass(slots=True)
class _Part:
    """Lines of one media section, or of the session."""

    media: str = ""
    attributes: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name: str) -> Iterator[str]:
        return (value for key, value in self.attributes if key == name)

    def one(self, name: str) -> str | None:
        return next(self.all(name), None)

    def has(self, name: str) -> bool:
        return self.one(name) is not None


def parse(text: str, *, private: bool) -> Offer:
    """The offer; raises ``NegotiationFailed``. ``private``: may private addresses be contacted."""
    session, parts = _split(text)
    sections = tuple(_section(part) for part in parts)
    audio = _audio(sections, parts)
    group = _bundle(session)
    bundled = group is not None and sections[audio].mid in group
    data = _data(sections) if bundled else None
    if data is not None and sections[data].mid not in (group or ()):
        data = None
    tagged = parts[_tagged(sections, group or (), audio, data)]
    ufrag, password = _credentials(tagged, session)
    part = parts[audio]
    if not part.has("rtcp-mux"):
        raise NegotiationFailed("RTCP on a port of its own is not supported")
    return Offer(
        sections=sections,
        audio=audio,
        data=data,
        bundled=bundled,
        payload_type=_opus(part, sections[audio].formats),
        direction=_direction(part, session),
        ufrag=ufrag,
        password=password,
        lite=session.has("ice-lite"),
        setup=_setup(tagged, session),
        fingerprints=_fingerprints(tagged, session),
        sctp_port=_limit(parts, data, "sctp-port", 5000, 65535),
        max_message=_limit(parts, data, "max-message-size", 65536, 2**63 - 1),
        candidates=_candidates(parts, tagged, private),
    )


def bounded(text: str, limit: int = MAX_BYTES) -> list[str]:
    """The lines of a description that is not too long for any parser; raises ``NegotiationFailed``."""
    if len(text) > limit or len(text.encode(errors="replace")) > limit:
        raise NegotiationFailed(f"longer than {limit} bytes")
    if "\0" in text:
        raise NegotiationFailed("a NUL is in it")
    if text.count("a=candidate:") > MAX_CANDIDATES:
        raise NegotiationFailed(f"more than {MAX_CANDIDATES} candidates")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if len(lines) > _MAX_LINES or any(len(line) > _MAX_LINE for line in lines):
        raise NegotiationFailed("too many lines, or too long ones")
    return [line for line in lines if line]


def _split(text: str) -> tuple[_Part, list[_Part]]:
    lines = bounded(text)
    if not lines or lines[0] != "v=0":
        raise NegotiationFailed("not a session description")
    session = _Part()
    parts: list[_Part] = []
    for line in lines:
        if len(line) < 2 or line[1] != "=":
            raise NegotiationFailed("a line is malformed")
        if line[0] == "m":
            parts.append(_Part(line[2:]))
        elif line[0] == "a":
            name, _, value = line[2:].partition(":")
            (parts[-1] if parts else session).attributes.append((name, value.strip()))
    if len(parts) > _MAX_MEDIA:
        raise NegotiationFailed(f"more than {_MAX_MEDIA} media lines")
    if any(part.has("crypto") for part in (session, *parts)):
        raise NegotiationFailed("keys in the description (a=crypto) are refused; DTLS is wanted")
    return session, parts


def _section(part: _Part) -> Section:
    words = part.media.split()
    if len(words) < 4 or len(words) > 200 or not all(_TOKEN.fullmatch(word.replace("/", "")) for word in words):
        raise NegotiationFailed("a media line is malformed")
    port = number(words[1], 0, 65535, "the port of a media line")
    formats = tuple(words[3:])
    if "RTP" in words[2]:
        for payload_type in formats:
            number(payload_type, 0, 127, "a payload type")
        for name in ("rtpmap", "fmtp", "rtcp-fb"):
            for value in part.all(name):
                described = value.split(" ", 1)[0]
                if described not in formats and described != "*":
                    raise NegotiationFailed(f"a={name} of a payload type that its media line does not list")
    mid = part.one("mid") or ""
    if mid and not _TOKEN.fullmatch(mid):
        raise NegotiationFailed("a mid is malformed")
    rejected = port == 0 and not part.has("bundle-only")
    return Section(words[0], words[2], formats, mid, rejected)


def _audio(sections: Sequence[Section], parts: Sequence[_Part]) -> int:
    """The first audio line with Opus."""
    lines = [index for index, section in enumerate(sections) if section.kind == "audio" and not section.rejected]
    if not lines:
        raise NegotiationFailed("no audio is offered")
    usable = [index for index in lines if sections[index].profile in _PROFILES]
    if not usable:
        raise NegotiationFailed("the audio is not offered over DTLS")
    return next((index for index in usable if _opus_types(parts[index])), usable[0])


def _data(sections: Sequence[Section]) -> int | None:
    for index, section in enumerate(sections):
        usable = section.profile in _DATA_PROFILES and section.formats[0] == "webrtc-datachannel"
        if section.kind == "application" and usable and not section.rejected:
            return index
    return None


def _bundle(session: _Part) -> tuple[str, ...] | None:
    for value in session.all("group"):
        words = value.split()
        if words[:1] == ["BUNDLE"]:
            return tuple(words[1:])
    return None


def _tagged(sections: Sequence[Section], group: Sequence[str], audio: int, data: int | None) -> int:
    """Whose transport is used: the first of the group that we take (RFC 9143 7.3.1)."""
    taken = [audio] if data is None else [audio, data]
    named = [index for mid in group for index in taken if sections[index].mid == mid]
    return named[0] if named else audio


def _opus_types(part: _Part) -> list[str]:
    maps = (value.split() for value in part.all("rtpmap"))
    return [words[0] for words in maps if len(words) == 2 and words[1].lower() == "opus/48000/2"]


def _opus(part: _Part, formats: Sequence[str]) -> int:
    types = [payload_type for payload_type in formats if payload_type in _opus_types(part)]
    if not types:
        raise NegotiationFailed("Opus is not offered")
    return int(types[0])


def _direction(part: _Part, session: _Part) -> Direction:
    for owner in (part, session):
        for direction in _DIRECTIONS:
            if owner.has(direction):
                return direction
    return "sendrecv"


def _credentials(part: _Part, session: _Part) -> tuple[str, str]:
    ufrag = part.one("ice-ufrag") or session.one("ice-ufrag") or ""
    password = part.one("ice-pwd") or session.one("ice-pwd") or ""
    if not _UFRAG.fullmatch(ufrag) or not _PASSWORD.fullmatch(password):
        raise NegotiationFailed("ICE user fragment or password are missing or malformed")
    return ufrag, password


def _setup(part: _Part, session: _Part) -> Setup:
    text = part.one("setup") or session.one("setup") or "actpass"
    setup = next((setup for setup in _SETUPS if setup == text), None)
    if setup is None:
        raise NegotiationFailed("a=setup is malformed")
    return setup


def _fingerprints(part: _Part, session: _Part) -> tuple[tuple[str, str], ...]:
    values = [*part.all("fingerprint")] or [*session.all("fingerprint")]
    known: list[tuple[str, str]] = []
    for value in values:
        algorithm, _, digest = value.partition(" ")
        size = _DIGESTS.get(algorithm.lower())
        if size is None:
            continue
        if not re.fullmatch(rf"(?:[0-9A-Fa-f]{{2}}:){{{size - 1}}}[0-9A-Fa-f]{{2}}", digest):
            raise NegotiationFailed("a fingerprint is malformed")
        known.append((algorithm.lower(), digest.upper()))
    if not known:
        raise NegotiationFailed("no fingerprint of a known digest")
    return tuple(known[:4])


def _limit(parts: Sequence[_Part], data: int | None, name: str, default: int, highest: int) -> int:
    value = None if data is None else parts[data].one(name)
    return default if value is None else number(value, 0, highest, name)


def _candidates(parts: Sequence[_Part], tagged: _Part, private: bool) -> tuple[Candidate, ...]:
    """Of the transport that is used; the others are checked for form all the same."""
    chosen: list[Candidate] = []
    for part in parts:
        for value in part.all("candidate"):
            candidate = read(value, private=private)
            if candidate is not None and part is tagged and candidate not in chosen:
                chosen.append(candidate)
    return tuple(chosen)


def parse_fragment(text: str, offer: Offer, *, private: bool) -> tuple[Candidate, ...]:
    """What was trickled (RFC 8840); raises ``NegotiationFailed``, with ``restart`` for other ICE credentials."""
    session = _Part()
    for line in bounded(text):
        if len(line) < 2 or line[1] != "=":
            raise NegotiationFailed("a line is malformed")
        if line.startswith("a="):
            name, _, value = line[2:].partition(":")
            session.attributes.append((name, value.strip()))
    for name, ours in (("ice-ufrag", offer.ufrag), ("ice-pwd", offer.password)):
        if any(value != ours for value in session.all(name)):
            raise NegotiationFailed("an ICE restart is not supported", restart=True)
    found = (read(value, private=private) for value in session.all("candidate"))
    return tuple(candidate for candidate in found if candidate is not None)
