"""A peer of ours against aiortc, on this machine: what goes in on one side comes out on the other."""

from __future__ import annotations

import numpy as np

from tests.transports.caller import RATE, call
from tests.transports.tones import snr, tone


async def test_both_sides_hear_each_other_and_talk_by_the_data_channel() -> None:
    async with call(says=tone(1000, 3.0, RATE)) as made:
        pcm = tone(440, 1.0, 24_000).tobytes()
        assert made.peer.play(pcm, "item_1")
        assert made.peer.send('{"type":"session.created"}')
        made.channel.send('{"type":"response.create"}')
        await made.ear.until(lambda: bool(made.ear.texts) and made.ear.tags == ["item_1"] and made.ear.frames >= 100)
        await made.until(lambda: bool(made.texts) and len(made.heard) >= 60)
        assert made.texts == ['{"type":"session.created"}']
        assert made.ear.texts == ['{"type":"response.create"}']
        assert made.peer.position() == ("item_1", 1000)
        assert snr(made.ear.samples[24_000:48_000], 1000, 24_000) > 30
        stats = made.peer.stats()
        assert stats.state == "connected"
        assert stats.packets_received >= 100
        assert stats.packets_lost == 0
    assert made.ear.reasons == ["closed"]
    assert made.peer.stats().state == "closed"
    spoken = np.concatenate(made.heard)
    assert np.abs(spoken).max() > 5000
