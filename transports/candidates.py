"""ICE candidates of the other side (RFC 8839 5.1): read strictly, and some of them set aside."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from transports.errors import NegotiationFailed

MAX_CANDIDATES: Final = 100
"""Of one peer, in the offer and after it (RFC 8445 19.5.1 bounds the checks likewise)."""

_KINDS: Final = {"host", "srflx", "prflx", "relay"}
_FOUNDATION = re.compile(r"[A-Za-z0-9+/]{1,32}")
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address of the other side where it may be reached by UDP."""

    foundation: str
    priority: int
    host: str
    port: int
    kind: str


def number(text: str, lowest: int, highest: int, what: str) -> int:
    """A plain decimal in bounds; raises ``NegotiationFailed``."""
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and lowest <= int(text) <= highest):
        raise NegotiationFailed(f"{what} is no number from {lowest} to {highest}")
    return int(text)


def read(value: str, *, private: bool) -> Candidate | None:
    """The value of a candidate attribute; None for one to be set aside. Raises ``NegotiationFailed``.

    Set aside are other components and transports than UDP, names (``.local`` ones are never looked up: it
    takes a second, and the checks of the other side tell its address anyway), and addresses that are nobody's.
    Without ``private`` also every address that is not public.
    """
    words = value.split()
    if len(words) < 8 or words[6] != "typ" or not _FOUNDATION.fullmatch(words[0]):
        raise NegotiationFailed("a candidate is malformed")
    component = number(words[1], 1, 256, "a candidate's component")
    priority = number(words[3], 0, 2**32 - 1, "a candidate's priority")
    port = number(words[5], 0, 65535, "a candidate's port")
    if component != 1 or words[2].lower() != "udp" or words[7] not in _KINDS or port == 0:
        return None
    try:
        address = ipaddress.ip_address(words[4])
    except ValueError:
        return None
    if not may_contact(address, private=private):
        return None
    return Candidate(words[0], priority, str(address), port, words[7])


def may_contact(address: Address, *, private: bool) -> bool:
    """Whether packets may go there; an address inside another one counts as that one."""
    address = _inner(address)
    if address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255":
        return False
    return private or address.is_global


def _inner(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _TRANSLATED:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
