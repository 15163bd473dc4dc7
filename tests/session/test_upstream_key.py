"""The upstream key in what the upstream sends."""

from __future__ import annotations

from realtime.protocol.realtime import OutputTextDelta
from realtime.protocol.realtime_v1 import codec_for
from realtime.session.blotter import REDACTED
from realtime.session.upstream import UpstreamConnection
from transports.link import memory_pair


async def _received(words: str, key: str) -> str | None:
    ours, theirs = memory_pair()
    await theirs.send(f'{{"type":"response.output_text.delta","delta":"{words}"}}')
    event = await UpstreamConnection(ours, codec_for("v2"), key).receive()
    assert isinstance(event, OutputTextDelta)
    return event.delta


async def test_the_key_is_blotted_out_of_what_comes_back(canary_key: str) -> None:
    assert await _received(f"your key is {canary_key}.", canary_key) == f"your key is {REDACTED}."


async def test_a_placeholder_instead_of_a_key_blots_out_no_words() -> None:
    assert await _received("there is none", "none") == "there is none"
