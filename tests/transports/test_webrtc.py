"""A peer of ours against aiortc, on this machine: what goes in on one side comes out on the other."""

from __future__ import annotations

import asyncio
import select
import socket
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import uvloop
from aioice.candidate import Candidate
from aioice.stun import Class, Message, Method
from aiortc import RTCDataChannel

from tests.transports.caller import LOOPBACK, Ear, call
from tests.transports.footprint import Footprint, resident_kib
from tests.transports.line import RATE
from tests.transports.offers import BROWSER, VIDEO, candidate, with_lines
from tests.transports.tones import snr, tone
from transports import aiortc_private
from transports.errors import NegotiationFailed
from transports.offer import Offer
from transports.rtp import is_rtcp
from transports.webrtc import AiortcPeer


async def test_both_sides_hear_each_other_and_talk_by_the_data_channel() -> None:
    async with call(says=tone(1000, 3.0, RATE)) as made:
        pcm = tone(440, 1.0, 24_000).tobytes()
        assert made.peer.play(pcm, "item_1")
        assert made.peer.send('{"type":"session.created"}')
        made.channel.send('{"type":"response.create"}')
        await made.ear.until(lambda: bool(made.ear.texts) and made.ear.tags == ["item_1"] and made.ear.frames >= 100)
        await made.see(lambda: bool(made.texts) and len(made.sound) >= 60)
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
    spoken = np.concatenate(made.sound)
    assert np.abs(spoken).max() > 5000


async def test_a_reply_hung_up_on_by_the_other_side_ends_at_once() -> None:
    async with call() as made:
        assert made.peer.play(tone(440, 60.0, 24_000).tobytes(), "item_1")
        await made.connection.close()
        await made.ear.until(lambda: bool(made.ear.reasons))
        assert made.ear.reasons == ["hangup"]
        assert not made.peer.play(b"\0\0", "item_1")
        assert not made.peer.send("x")
    assert made.ear.reasons == ["hangup"]
    assert made.ear.tags == []


async def test_a_flush_is_at_once_and_the_position_tells_what_went() -> None:
    async with call() as made:
        made.peer.play(tone(440, 30.0, 24_000).tobytes(), "item_1")
        made.peer.play(tone(440, 0.1, 24_000).tobytes(), "item_2")
        await made.see(lambda: len(made.sound) > 20)
        made.peer.flush("item_1")
        await made.ear.until(lambda: made.ear.tags == ["item_2"])
        assert made.peer.position() == ("item_2", 100)
        assert made.peer.stats().playout_delay_ms == 0
        made.peer.play(tone(440, 30.0, 24_000).tobytes(), "item_3")
        made.peer.flush()
        assert made.peer.stats().playout_delay_ms == 0
        assert made.peer.position() == ("item_2", 100)


async def test_a_full_buffer_takes_nothing() -> None:
    async with call(replace(LOOPBACK, play_buffer_s=1.0)) as made:
        assert made.peer.play(bytes(47_000), "item_1")
        assert not made.peer.play(bytes(4000), "item_1")
        made.peer.flush()
        assert made.peer.play(bytes(4000), "item_1")


async def test_the_data_channel_is_bounded() -> None:
    async with call() as made:
        assert not made.peer.carries("x" * 2_000_000)
        assert not made.peer.send("x" * 2_000_000)
        assert made.peer.carries("x" * 60_000)
        sent = 0
        while made.peer.send("x" * 60_000):
            sent += 1
            assert sent < 100
        assert 10 <= sent <= 18
        await made.see(lambda: len(made.texts) == sent)
        assert made.peer.send("y")


async def test_a_channel_may_be_closed_and_another_opened_while_the_sound_goes_on() -> None:
    async with call(says=tone(300, 30.0, RATE)) as made:
        second = made.connection.createDataChannel("oai-events")
        second.on("message", made.told)
        made.channel.close()
        await made.see(lambda: second.readyState == "open" and made.channel.readyState == "closed")
        second.send("by the second")
        await made.ear.until(lambda: made.ear.texts == ["by the second"])
        assert made.ear.is_open
        assert made.peer.send("to the second")
        await made.see(lambda: made.texts == ["to the second"])
        second.close()
        await made.ear.until(lambda: not made.ear.is_open)
        assert not made.peer.send("to nobody")
        heard = made.ear.frames
        await made.ear.until(lambda: made.ear.frames > heard + 5)
        assert made.ear.reasons == []


async def test_channels_that_come_and_go_beside_the_one_in_use_are_forgotten() -> None:
    async with call() as made:
        for number in range(5):
            other = made.connection.createDataChannel(str(number))
            other.on("open", other.close)
            other.on("close", made.changed.set)
            await made.see(partial(_is_closed, other))
        assert made.peer._call is not None
        assert len(made.peer._call._channels) <= 2
        made.channel.send("by the first")
        await made.ear.until(lambda: made.ear.texts == ["by the first"])


def _is_closed(channel: RTCDataChannel) -> bool:
    return channel.readyState == "closed"


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
async def test_a_page_that_wants_no_sound_lets_it_pass_unheard(direction: str) -> None:
    async with call(edit=lambda offer: offer.replace("a=sendrecv", f"a={direction}")) as made:
        assert made.peer.play(tone(440, 0.3, 24_000).tobytes(), "item_1")
        await made.ear.until(lambda: made.ear.tags == ["item_1"])
        stats = made.peer.stats()
        assert (stats.playout_delay_ms, stats.packets_sent) == (0, 0)


async def test_a_call_that_is_closed_as_it_connects_stays_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    peer, ear = AiortcPeer(LOOPBACK), Ear()

    async def connect(path: aiortc_private.SecuredPath, offer: Offer) -> bool:
        group.create_task(peer.close())
        await asyncio.sleep(0)
        return True

    monkeypatch.setattr(aiortc_private.SecuredPath, "connect", connect)
    await peer.answer(BROWSER, ear)
    async with asyncio.TaskGroup() as group:
        group.create_task(peer.run())
    assert ear.reasons == ["closed"]
    assert not ear.is_connected
    assert peer.stats().state == "closed"


@pytest.mark.parametrize("steps", range(8))
async def test_an_answer_that_is_cancelled_leaves_no_socket(steps: int) -> None:
    before = Footprint.taken()
    answering = asyncio.ensure_future(AiortcPeer(LOOPBACK).answer(BROWSER, Ear()))
    for _ in range(steps):
        await asyncio.sleep(0)
    answering.cancel()
    with suppress(asyncio.CancelledError):
        await answering
    assert answering.cancelled()
    assert await before.growth() == {}


@pytest.mark.parametrize("steps", range(8))
async def test_a_run_that_is_cancelled_twice_leaves_no_socket(steps: int) -> None:
    before = Footprint.taken()
    peer = AiortcPeer(LOOPBACK)
    await peer.answer(BROWSER, Ear())
    running = asyncio.ensure_future(peer.run())
    for _ in range(20):
        await asyncio.sleep(0)
    running.cancel()
    for _ in range(steps):
        await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    del peer, running
    assert await before.growth() == {}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (51, b"\xff\xfe"),
        (50, b"\x03" + bytes(11)),
        (50, b"\x03" + bytes(7) + b"\x00\x02\x00\x00\xff\xff"),
        (51, b"x" * 1_500_000),
    ],
    ids=["no UTF-8", "opened twice", "a name that is none", "a message without end"],
)
async def test_what_no_data_channel_carries_ends_the_channel_and_not_the_call(kind: int, message: bytes) -> None:
    async with call(says=tone(300, 30.0, RATE)) as made:
        assert made.connection.sctp is not None
        assert made.channel.id is not None
        with suppress(ConnectionError):
            await made.connection.sctp._send(made.channel.id, kind, message)
        await made.ear.until(lambda: not made.ear.is_open)
        heard = made.ear.frames
        await made.ear.until(lambda: made.ear.frames > heard + 5)
        assert made.ear.reasons == []


async def test_an_empty_datagram_that_was_relayed_is_let_go() -> None:
    media: list[bytes] = []
    ice = aiortc_private._Ice(LOOPBACK, media.append, lambda: None)
    for data in (b"", b"\x80" + bytes(12)):
        ice.data_received(data, 1)
    assert media == [b"\x80" + bytes(12)]


async def test_addresses_without_end_are_not_all_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    ice = aiortc_private._Ice(LOOPBACK, lambda data: None, lambda: None)
    checked: list[tuple[str, int]] = []
    monkeypatch.setattr(ice, "check_start_task", lambda pair: checked.append(pair.remote_addr))
    endpoint = aiortc_private._Endpoint(ice)
    endpoint.local_candidate = Candidate("1", 1, "udp", 1, "192.0.2.1", 9, "host")
    check = Message(message_method=Method.BINDING, message_class=Class.REQUEST, attributes={"PRIORITY": 1})
    for port in [*range(1000, 3000), 1000]:
        ice.check_incoming(check, ("192.0.2.2", port), endpoint)
    assert len(checked) == 201
    assert checked[-1] == ("192.0.2.2", 1000)


async def test_channels_without_end_end_the_channels_and_not_the_call() -> None:
    async with call(says=tone(300, 30.0, RATE)) as made:
        for number in range(200):
            made.connection.createDataChannel(str(number))
        await made.ear.until(lambda: not made.ear.is_open)
        heard = made.ear.frames
        await made.ear.until(lambda: made.ear.frames > heard + 5)
        assert made.ear.reasons == []


async def test_a_browser_that_vanishes_is_noticed() -> None:
    async with call(replace(LOOPBACK, silence_s=1.5)) as made:
        assert made.connection.sctp is not None
        for endpoint in made.connection.sctp.transport.transport._connection._protocols:
            endpoint.transport.close()
        await made.ear.until(lambda: bool(made.ear.reasons))
        assert made.ear.reasons == ["silence"]


async def test_a_caller_that_never_connects_is_given_up() -> None:
    peer, ear = AiortcPeer(replace(LOOPBACK, connect_s=0.2)), Ear()
    await peer.answer(BROWSER, ear)
    await peer.run()
    assert ear.reasons == ["connect_timeout"]
    assert peer.stats().state == "closed"


async def test_a_peer_that_is_closed_before_it_ran_is_freed() -> None:
    peer, ear = AiortcPeer(LOOPBACK), Ear()
    await peer.answer(BROWSER, ear)
    await peer.close()
    await peer.close()
    await peer.run()
    assert ear.reasons == ["closed"]
    with pytest.raises(NegotiationFailed):
        await peer.answer(BROWSER, ear)


async def test_a_cancelled_run_ends_the_call() -> None:
    peer, ear = AiortcPeer(LOOPBACK), Ear()
    await peer.answer(BROWSER, ear)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(peer.run())
        await asyncio.sleep(0)
        running.cancel()
    assert ear.reasons == ["closed"]


async def test_a_refused_offer_leaves_nothing_open_and_calls_nobody() -> None:
    peer, ear = AiortcPeer(LOOPBACK), Ear()
    with pytest.raises(NegotiationFailed):
        await peer.answer(BROWSER.replace("opus", "speex"), ear)
    await peer.close()
    assert ear.reasons == []


async def test_candidates_may_come_later() -> None:
    kept: list[str] = []

    def without(offer: str) -> str:
        kept.extend(line for line in offer.splitlines() if line.startswith("a=candidate"))
        return "".join(f"{line}\r\n" for line in offer.splitlines() if "candidate" not in line)

    async with call(edit=without) as made:
        assert made.peer.stats().ice_state == "completed"
        await made.peer.add_candidates("\r\n".join(kept) + "\r\n")
        with pytest.raises(NegotiationFailed) as refused:
            await made.peer.add_candidates("a=ice-ufrag:other\r\na=ice-pwd:" + "x" * 24 + "\r\n")
        assert refused.value.restart
        await made.peer.add_candidates(candidate("127.0.0.1", 9) * 60)
        with pytest.raises(NegotiationFailed, match="more than"):
            await made.peer.add_candidates(candidate("127.0.0.1", 9) * 60)
    with pytest.raises(NegotiationFailed, match="over"):
        await made.peer.add_candidates("")


async def test_ports_keep_to_their_range_and_the_public_address_is_announced() -> None:
    settings = replace(LOOPBACK, udp_ports=(47_200, 47_260), public_ip="203.0.113.9")
    peer, ear = AiortcPeer(settings), Ear()
    answer = await peer.answer(BROWSER, ear)
    await peer.close()
    lines = [line.split() for line in answer.splitlines() if line.startswith("a=candidate")]
    assert lines
    assert all(47_200 <= int(words[5]) <= 47_260 for words in lines)
    assert {words[4] for words in lines} <= {"203.0.113.9", "127.0.0.1"}


async def test_a_range_that_is_taken_is_a_clear_error() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as taken:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        taken.bind(("::", 0))
        port = taken.getsockname()[1]
        peer = AiortcPeer(replace(LOOPBACK, udp_ports=(port, port)))
        with pytest.raises(NegotiationFailed, match="no UDP port"):
            await peer.answer(BROWSER, Ear())


async def test_the_answer_says_what_browsers_need() -> None:
    peer, ear = AiortcPeer(LOOPBACK), Ear()
    answer = await peer.answer(BROWSER.replace("m=application", VIDEO + "m=application"), ear)
    await peer.close()
    assert "a=fmtp:111 minptime=10;useinbandfec=1;stereo=0;maxaveragebitrate=64000\r\n" in answer
    assert "a=group:BUNDLE 0 1\r\n" in answer
    assert "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n" in answer
    assert "a=setup:active\r\n" in answer
    assert " 127.0.0.1 " in answer
    assert [line[:3] for line in answer.splitlines() if line.startswith("m=")] == ["m=a", "m=v", "m=a"]


async def test_no_packet_goes_to_private_candidates_where_the_rule_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """60 offers, each naming a socket of ours on a private address; nothing may reach it."""
    sent: list[tuple[str, int]] = []
    plain = aiortc_private._Endpoint.send_stun

    def counted(endpoint: aiortc_private._Endpoint, message: Message, addr: tuple[str, int]) -> None:
        sent.append(addr)
        plain(endpoint, message, addr)

    monkeypatch.setattr(aiortc_private._Endpoint, "send_stun", counted)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target:
        target.bind(("127.0.0.1", 0))
        target.setblocking(False)
        port = target.getsockname()[1]
        offer = with_lines(candidate("127.0.0.1", port) + candidate("::ffff:127.0.0.1", port))
        # allowed, a check arrives: so its absence below means something
        allowed = AiortcPeer(LOOPBACK)
        async with asyncio.TaskGroup() as group, asyncio.timeout(60):
            await allowed.answer(offer, Ear())
            group.create_task(allowed.run())
            await asyncio.get_running_loop().sock_recv(target, 2000)
            await allowed.close()
        while select.select([target], [], [], 0)[0]:
            target.recv(2000)
        assert sent
        sent.clear()
        settings = replace(LOOPBACK, connect_s=0.3, private_candidates=False)
        async with asyncio.TaskGroup() as group:
            for _ in range(60):
                peer = AiortcPeer(settings)
                await peer.answer(offer, Ear())
                group.create_task(peer.run())
                await peer.add_candidates(candidate("127.0.0.1", port))
        assert sent == []
        assert not select.select([target], [], [], 0)[0]


@pytest.mark.parametrize("every", [20, 100])
async def test_lost_packets_leave_no_lasting_delay(monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    """5 % and 1 % of the datagrams of media are dropped where they arrive."""
    counted = [0]
    plain = aiortc_private._Endpoint.datagram_received

    def lossy(endpoint: aiortc_private._Endpoint, data: bytes | str, addr: tuple[Any, ...]) -> None:
        if isinstance(data, bytes) and data[0] in range(128, 192) and not is_rtcp(data):
            counted[0] += 1
            if counted[0] % every == 10:
                return
        plain(endpoint, data, addr)

    monkeypatch.setattr(aiortc_private._Endpoint, "datagram_received", lossy)
    async with call(says=tone(1000, 5.0, RATE)) as made:
        await made.ear.until(lambda: made.ear.frames >= 130)
        stats = made.peer.stats()
        # whatever was sent has been heard, but for what may still be waited for
        assert made.ear.frames >= stats.packets_received + stats.packets_lost - 4
        assert stats.packets_lost >= 120 // every
        assert (stats.packets_lost - 1) * 20 <= stats.concealed_ms <= (stats.packets_lost + 1) * 20
        assert stats.concealed_ms


async def connect_talk_close(times: int) -> None:
    for _ in range(times):
        async with call(says=tone(300, 0.5, RATE)) as made:
            made.peer.play(tone(500, 0.2, 24_000).tobytes(), "item")
            await made.ear.until(lambda: made.ear.tags == ["item"] and made.ear.frames >= 10)


async def test_calls_come_and_go_and_leave_nothing() -> None:
    await connect_talk_close(1)
    before = Footprint.taken()
    await connect_talk_close(10)
    assert await before.growth() == {}


def test_a_call_on_the_loop_that_the_gateway_runs_on_leaves_nothing_either() -> None:
    async def calls() -> tuple[Footprint, Footprint]:
        await connect_talk_close(1)
        before = Footprint.taken()
        await connect_talk_close(2)
        return before, await Footprint.settled(before)

    before, after = uvloop.run(calls())
    assert after == before


@pytest.mark.long
async def test_two_hundred_calls_leave_no_memory_either() -> None:
    before, memory = Footprint.taken(), [resident_kib()]
    for _ in range(5):
        await connect_talk_close(40)
        memory.append(resident_kib())
    assert await Footprint.settled(before) == before
    # the callers, aiortc itself, are in this process too; what is loaded once is loaded by the first forty
    assert memory[-1] - memory[1] < 160 * 20, memory
