"""Offers: what a browser sends is understood, what is hostile is refused in words, at once and before any parser."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transports.offers import BROWSER, FINGERPRINT, HOSTILE, PASSWORD, UFRAG, VIDEO, candidate, with_lines
from transports.errors import NegotiationFailed
from transports.offer import parse, parse_fragment


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_offer_is_refused_in_words_and_at_once(name: str) -> None:
    before = time.process_time()
    with pytest.raises(NegotiationFailed) as refused:
        parse(HOSTILE[name], private=True)
    assert time.process_time() - before < 1
    assert 5 < len(str(refused.value)) < 100
    assert "c2VjcmV0" not in str(refused.value)
    assert not refused.value.restart


def test_what_a_browser_offers_is_understood() -> None:
    offer = parse(BROWSER, private=True)
    assert (offer.audio, offer.data, offer.payload_type) == (0, 1, 111)
    assert (offer.ufrag, offer.password) == (UFRAG, PASSWORD)
    assert offer.fingerprints == (("sha-256", FINGERPRINT),)
    assert (offer.sctp_port, offer.max_message) == (5000, 262_144)
    assert (offer.direction, offer.setup, offer.lite) == ("sendrecv", "actpass", False)
    assert PASSWORD not in repr(offer)


def test_names_and_other_transports_are_set_aside_and_addresses_kept() -> None:
    lines = "".join(
        (
            candidate("d5b6e6c1-1e2f-4b3a-9d3c-0f6f6ad2a0ee.local"),
            candidate("host.example.com"),
            candidate("192.168.1.7"),
            candidate("192.168.1.7"),
            candidate("192.168.1.7", 9, transport="tcp"),
            candidate("203.0.113.5", kind="srflx"),
            candidate("2001:db8::7"),
            candidate("224.0.0.1"),
            candidate("0.0.0.0"),
            candidate("255.255.255.255"),
            candidate("198.51.100.1", 0),
        )
    )
    found = parse(with_lines(lines), private=True).candidates
    assert [one.host for one in found] == ["192.168.1.7", "203.0.113.5", "2001:db8::7"]


PRIVATE = (
    "10.1.2.3",
    "172.16.0.1",
    "192.168.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "::1",
    "fe80::1",
    "fd00::1",
    "::ffff:10.1.2.3",
    "::ffff:169.254.169.254",
    "64:ff9b::a01:203",
    "2002:a01:203::1",
)


@pytest.mark.parametrize("host", PRIVATE)
def test_private_addresses_are_set_aside_where_they_are_not_allowed(host: str) -> None:
    offered = with_lines(candidate(host) + candidate("8.8.8.8"))
    assert [one.host for one in parse(offered, private=False).candidates] == ["8.8.8.8"]
    assert len(parse(offered, private=True).candidates) == 2


def test_video_is_refused_and_its_bundle_goes_on() -> None:
    offer = parse(VIDEO.join((BROWSER[: BROWSER.index("m=audio")], BROWSER[BROWSER.index("m=audio") :])), private=True)
    assert (offer.audio, offer.data) == (1, 2)


def test_without_a_bundle_the_data_line_is_not_taken() -> None:
    offer = parse(BROWSER.replace("a=group:BUNDLE 0 1\r\n", ""), private=True)
    assert (offer.data, offer.bundled) == (None, False)


def test_a_fragment_brings_candidates_and_a_restart_is_told() -> None:
    offer = parse(BROWSER, private=True)
    head = f"a=ice-ufrag:{UFRAG}\r\na=ice-pwd:{PASSWORD}\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
    found = parse_fragment(head + candidate("192.0.2.7") + "a=end-of-candidates\r\n", offer, private=True)
    assert [one.host for one in found] == ["192.0.2.7"]
    with pytest.raises(NegotiationFailed) as refused:
        parse_fragment(head.replace(UFRAG, "nEw1"), offer, private=True)
    assert refused.value.restart
    with pytest.raises(NegotiationFailed) as refused:
        parse_fragment(head + candidate("192.0.2.7", 10**9), offer, private=True)
    assert not refused.value.restart


@given(st.lists(st.integers(0, len(BROWSER) - 1), max_size=4), st.text(max_size=8), st.integers(0, 30))
def test_a_spoilt_offer_is_read_or_refused(places: list[int], text: str, removed: int) -> None:
    spoilt = BROWSER
    for place in places:
        spoilt = spoilt[:place] + text + spoilt[place + removed :]
    try:
        offer = parse(spoilt, private=False)
    except NegotiationFailed:
        return
    assert 0 <= offer.payload_type <= 127


@given(st.text(max_size=300))
def test_any_fragment_is_read_or_refused(text: str) -> None:
    offer = parse(BROWSER, private=True)
    for prefix in ("", "a=candidate:", "a=candidate:1 1 udp 1 192.0.2.1 5 typ host "):
        try:
            parse_fragment(prefix + text, offer, private=False)
        except NegotiationFailed:
            continue
