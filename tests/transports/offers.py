"""Offers as text: what a browser sends, and pieces to spoil it with."""

from __future__ import annotations

UFRAG = "yG3p"
PASSWORD = "e5Wy1Ry0x2W5l3mQfZ3mYc7a"
FINGERPRINT = ":".join(["5A"] * 32)

BROWSER = f"""v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS stream
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:{UFRAG}
a=ice-pwd:{PASSWORD}
a=ice-options:trickle
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:stream track
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:2231627014 cname:4TOk42mSjXCkVIa6
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:{UFRAG}
a=ice-pwd:{PASSWORD}
a=ice-options:trickle
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
a=mid:1
a=sctp-port:5000
a=max-message-size:262144
""".replace("\n", "\r\n")

VIDEO = f"""m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=ice-ufrag:{UFRAG}
a=ice-pwd:{PASSWORD}
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
a=mid:2
a=rtcp-mux
a=rtpmap:96 VP8/90000
""".replace("\n", "\r\n")


def candidate(host: str, port: int | str = 50_000, *, transport: str = "udp", kind: str = "host") -> str:
    """A line of a candidate."""
    return f"a=candidate:1 1 {transport} 2122260223 {host} {port} typ {kind}\r\n"


def with_lines(lines: str, offer: str = BROWSER) -> str:
    """The offer with these lines in its audio section."""
    return offer.replace("a=rtcp-rsize\r\n", "a=rtcp-rsize\r\n" + lines)


HOSTILE = {
    "two megabytes": BROWSER + "a=x:" + "y" * 2_000_000,
    "wide characters": BROWSER + "a=x:" + "\N{WATER WAVE}" * 17_000,
    "20,000 candidates": with_lines(candidate("192.0.2.1") * 20_000),
    "too many candidates": with_lines(candidate("192.0.2.1") * 101),
    "many lines": with_lines("a=x\r\n" * 3000),
    "many media lines": BROWSER + VIDEO * 20,
    "an unknown payload in fmtp": with_lines("a=fmtp:99 apt=96\r\n"),
    "an absurd payload in fmtp": with_lines("a=fmtp:1e999 x\r\n"),
    "an unknown payload in rtpmap": with_lines("a=rtpmap:99 opus/48000/2\r\n"),
    "a candidate's port above all": with_lines(candidate("192.0.2.1", 10**9)),
    "a candidate's port below all": with_lines(candidate("192.0.2.1", -1)),
    "a port of a thousand digits": with_lines(candidate("192.0.2.1", "9" * 1000)),
    "a port in other digits": with_lines(candidate("192.0.2.1", "\N{ARABIC-INDIC DIGIT FIVE}")),
    "half a candidate": with_lines("a=candidate:1 1 udp\r\n"),
    "the port of the media": BROWSER.replace("m=audio 9", f"m=audio {10**9}"),
    "a port that is negative": BROWSER.replace("m=audio 9", "m=audio -9"),
    "a payload type that is negative": BROWSER.replace("SAVPF 111", "SAVPF -111"),
    "a payload type above all": BROWSER.replace("SAVPF 111", "SAVPF 1111"),
    "a NUL": with_lines("a=x:\0\r\n"),
    "no audio": BROWSER.replace("m=audio", "m=video"),
    "audio switched off": BROWSER.replace("m=audio 9", "m=audio 0"),
    "keys in clear": with_lines("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0\r\n"),
    "audio without DTLS": BROWSER.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
    "no Opus": BROWSER.replace("opus/48000/2", "speex/16000"),
    "no user fragment": BROWSER.replace("a=ice-ufrag", "a=x"),
    "a short password": BROWSER.replace(PASSWORD, "short"),
    "no fingerprint": BROWSER.replace("a=fingerprint", "a=x"),
    "half a fingerprint": BROWSER.replace(FINGERPRINT, FINGERPRINT[:20]),
    "a digest nobody knows": BROWSER.replace("sha-256", "md4"),
    "RTCP apart": BROWSER.replace("a=rtcp-mux", "a=x"),
    "an SCTP port above all": BROWSER.replace("sctp-port:5000", f"sctp-port:{10**9}"),
    "a role nobody knows": BROWSER.replace("a=setup:actpass", "a=setup:holdconn"),
    "nothing": "",
    "blank lines": "\r\n" * 100,
    "prose": "hello",
    "JSON": '{"sdp": "v=0"}',
    "an answer to life": "v=0\r\n42\r\n",
}
