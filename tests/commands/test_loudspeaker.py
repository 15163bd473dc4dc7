"""Between the loop and the device's thread: what waits, what was played, what a microphone gave."""

from __future__ import annotations

import asyncio
import base64
import threading

from realtime.commands.loudspeaker import KEPT_ITEMS, WAITING_S, Loudspeaker
from realtime.commands.microphone import WAITING_BLOCKS, Microphone
from tests.commands.sounds import chunk

BLOCK = 480
NOW = 0.0


def speaker(*, keeps: bool = True) -> Loudspeaker:
    return Loudspeaker(lambda: 10.0, keeps=keeps)


def test_a_speaker_with_nothing_to_play_is_silent() -> None:
    loud = speaker()
    assert loud.wanted(BLOCK) == bytes(2 * BLOCK)
    assert (loud.heard(now=NOW), loud.duration_ms(), loud.ends_at(), loud.pcm()) == ([], 0, 0.0, b"")


def test_blocks_run_across_chunks_and_are_filled_up_with_silence() -> None:
    loud = speaker()
    loud.receive(chunk(30, item_id="a", fill=1), now=NOW)
    loud.receive(chunk(5, item_id="b", fill=2), now=NOW)
    assert loud.ends_at() == 10.035
    assert loud.wanted(BLOCK) == b"\x01\x00" * BLOCK
    assert loud.heard(now=NOW) == [("a", 20), ("b", 0)]
    assert loud.wanted(BLOCK) == b"\x01\x00" * 240 + b"\x02\x00" * 120 + bytes(240)
    assert loud.heard(now=NOW) == [("a", 30), ("b", 5)]
    assert (loud.duration_ms(), loud.ends_at()) == (35, 0.0)
    assert loud.pcm() == b"\x01\x00" * 720 + b"\x02\x00" * 120


def test_silence_between_two_chunks_is_no_part_of_their_item() -> None:
    loud = speaker()
    for _ in range(2):
        loud.receive(chunk(10), now=NOW)
        loud.wanted(BLOCK)
        loud.wanted(BLOCK)
    assert loud.heard(now=NOW) == [("item_1", 20)]
    assert loud.duration_ms() == 20


def test_a_flush_empties_it_at_once_and_what_was_not_played_is_known() -> None:
    loud = speaker()
    loud.receive(chunk(200, item_id="a"), now=NOW)
    loud.receive(chunk(200, item_id="b"), now=NOW)
    loud.wanted(BLOCK)
    loud.flush(now=NOW)
    assert loud.wanted(BLOCK) == bytes(2 * BLOCK)
    assert loud.heard(now=NOW) == [("a", 20), ("b", 0)]
    assert loud.ends_at() == 0.0
    loud.receive(chunk(20, item_id="c", fill=3), now=NOW)
    assert loud.wanted(BLOCK) == b"\x03\x00" * BLOCK


def test_what_waits_is_bounded() -> None:
    loud = speaker(keeps=False)
    for _ in range(WAITING_S + 2):
        loud.receive(chunk(1000), now=NOW)
    assert loud.ends_at() == 10.0 + WAITING_S
    loud.wanted(BLOCK)
    loud.receive(chunk(1000), now=NOW)
    assert loud.ends_at() == 10.0 + WAITING_S
    assert loud.pcm() == b""


def test_the_items_that_are_known_are_bounded() -> None:
    loud = speaker()
    for number in range(KEPT_ITEMS + 1):
        loud.receive(chunk(1, item_id=str(number)), now=NOW)
    loud.wanted(BLOCK * 10)
    assert [item_id for item_id, _ in loud.heard(now=NOW)] == [str(number) for number in range(1, KEPT_ITEMS + 1)]


def test_half_a_sample_shifts_nothing() -> None:
    loud = speaker()
    odd = base64.b64encode(b"\x01\x00\x01").decode()
    loud.receive({"data": odd, "itemId": "a"}, now=NOW)
    loud.receive({"data": "no base64", "itemId": "a"}, now=NOW)
    loud.receive(chunk(1, fill=2), now=NOW)
    assert loud.wanted(3) == b"\x01\x00\x02\x00\x02\x00"


async def test_a_microphone_that_is_not_heard_in_time_loses_its_oldest_blocks() -> None:
    microphone = Microphone()

    def device() -> None:
        for number in range(WAITING_BLOCKS + 3):
            microphone.heard(bytes([number, 0]) * BLOCK)

    thread = threading.Thread(target=device)
    thread.start()
    await asyncio.to_thread(thread.join)
    blocks = [await microphone.next() for _ in range(WAITING_BLOCKS)]
    assert [base64.b64decode(block["data"])[0] for block in blocks] == list(range(3, WAITING_BLOCKS + 3))
    assert {(block["sampleRate"], block["numChannels"], block["samplesPerChannel"]) for block in blocks} == {
        (24_000, 1, BLOCK)
    }


async def test_a_microphone_is_waited_for() -> None:
    microphone = Microphone()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(microphone.next())
        await asyncio.sleep(0)  # one turn of the loop: it waits
        assert not waiting.done()
        threading.Thread(target=microphone.heard, args=(bytes(2 * BLOCK),)).start()
    assert waiting.result()["samplesPerChannel"] == BLOCK
