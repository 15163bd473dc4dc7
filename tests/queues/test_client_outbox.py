"""What waits for a client: order, bounds, what is shed and what never is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import SlowConsumer
from realtime.queues import ClientOutbox, Rank


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


async def drain(outbox: ClientOutbox) -> list[str]:
    taken: list[str] = []
    while len(outbox):
        taken += await outbox.get_batch()
    return taken


async def test_messages_leave_in_the_order_they_came_whatever_their_rank() -> None:
    outbox = ClientOutbox()
    for number in range(30):
        outbox.put(str(number), Rank(number % 3))
    assert await drain(outbox) == [str(number) for number in range(30)]


async def test_a_batch_holds_what_waits_up_to_the_size() -> None:
    outbox = ClientOutbox()
    for _ in range(5):
        outbox.put("x" * 40, Rank.RECORD)
    assert [len(await outbox.get_batch(100)) for _ in range(2)] == [3, 2]


async def test_a_waiting_writer_is_woken() -> None:
    outbox = ClientOutbox()
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(outbox.get_batch())
        await asyncio.sleep(0)  # one turn of the loop: it waits by now
        outbox.put("a", Rank.RECORD)
        outbox.put("b", Rank.RECORD)
    assert writer.result() == ["a", "b"]


async def test_audio_goes_first_and_the_oldest_of_it() -> None:
    outbox = ClientOutbox(max_messages=4)
    outbox.put("delta", Rank.DELTA)
    for name in ("a1", "a2", "a3", "a4"):
        outbox.put(name, Rank.AUDIO, 200.0)
    outbox.put("record", Rank.RECORD)
    assert (outbox.shed_audio, outbox.shed_audio_ms, outbox.shed_deltas) == (2, 400.0, 0)
    assert await drain(outbox) == ["delta", "a3", "a4", "record"]


async def test_deltas_go_when_there_is_no_audio_left() -> None:
    outbox = ClientOutbox(max_messages=3)
    outbox.put("a1", Rank.AUDIO, 20.0)
    outbox.put("d1", Rank.DELTA)
    outbox.put("d2", Rank.DELTA)
    for name in ("r1", "r2"):
        outbox.put(name, Rank.RECORD)
    assert (outbox.shed_audio, outbox.shed_deltas) == (1, 1)
    assert await drain(outbox) == ["d2", "r1", "r2"]


async def test_audio_never_pushes_out_what_is_dearer() -> None:
    outbox = ClientOutbox(max_messages=2)
    outbox.put("d1", Rank.DELTA)
    outbox.put("d2", Rank.DELTA)
    outbox.put("a1", Rank.AUDIO, 20.0)
    assert outbox.shed_audio_ms == 20.0
    assert await drain(outbox) == ["d1", "d2"]


async def test_a_record_without_room_means_a_slow_consumer_and_loses_no_other() -> None:
    outbox = ClientOutbox(max_messages=2)
    outbox.put("r1", Rank.RECORD)
    outbox.put("r2", Rank.RECORD)
    outbox.put("d1", Rank.DELTA)
    with pytest.raises(SlowConsumer):
        outbox.put("r3", Rank.RECORD)
    assert outbox.shed_deltas == 1
    assert await drain(outbox) == ["r1", "r2"]


async def test_behind_a_record_that_found_no_room_nothing_is_taken() -> None:
    outbox = ClientOutbox(max_bytes=10)
    outbox.put("r1", Rank.RECORD)
    with pytest.raises(SlowConsumer):
        outbox.put("x" * 9, Rank.RECORD)
    with pytest.raises(SlowConsumer):
        outbox.put("r2", Rank.RECORD)
    outbox.put("d1", Rank.DELTA)
    with pytest.raises(SlowConsumer):
        await outbox.room()
    assert await drain(outbox) == ["r1"]


async def test_bytes_are_bounded_as_the_wire_counts_them() -> None:
    outbox = ClientOutbox(max_bytes=10)
    outbox.put("äääää", Rank.RECORD)
    assert outbox.waiting_bytes == 10
    with pytest.raises(SlowConsumer):
        outbox.put("x", Rank.RECORD)


async def test_one_huge_message_passes_when_nothing_else_waits() -> None:
    outbox = ClientOutbox(max_bytes=10)
    outbox.put("audio", Rank.AUDIO)
    outbox.put("x" * 1000, Rank.RECORD)
    assert await drain(outbox) == ["x" * 1000]


async def test_room_waits_for_half_of_the_bounds() -> None:
    outbox = ClientOutbox(max_messages=4)
    await outbox.room()
    outbox.put("r1", Rank.RECORD)
    outbox.put("r2", Rank.RECORD)
    async with asyncio.TaskGroup() as group:
        replays = [group.create_task(outbox.room()) for _ in range(2)]
        await asyncio.sleep(0)  # one turn of the loop: both wait by now
        assert not any(replay.done() for replay in replays)
        await outbox.get_batch()


@pytest.mark.parametrize("size", [60, 600])
async def test_room_for_much_waits_until_there_is_so_much(size: int) -> None:
    outbox = ClientOutbox(max_bytes=200)
    await outbox.room(size)
    outbox.put("x" * 50, Rank.RECORD)
    async with asyncio.TaskGroup() as group:
        replay = group.create_task(outbox.room(size))
        await asyncio.sleep(0)  # one turn of the loop: it waits by now
        assert not replay.done()
        await outbox.get_batch()
    outbox.put("x" * size, Rank.RECORD)


async def test_room_is_refused_when_the_client_has_gone() -> None:
    outbox = ClientOutbox(max_messages=2)
    outbox.put("r1", Rank.RECORD)
    async with asyncio.TaskGroup() as group:
        replay = group.create_task(_refused(outbox))
        await asyncio.sleep(0)  # one turn of the loop: it waits by now
        outbox.close()
    assert replay.result()


async def test_after_close_what_waits_still_leaves() -> None:
    outbox = ClientOutbox()
    outbox.put("r1", Rank.RECORD)
    outbox.close()
    assert await outbox.get_batch() == ["r1"]
    assert await outbox.get_batch() == []


async def test_a_waiting_writer_ends_at_close() -> None:
    outbox = ClientOutbox()
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(outbox.get_batch())
        await asyncio.sleep(0)  # one turn of the loop: it waits by now
        outbox.close()
    assert writer.result() == []


async def test_a_cancelled_writer_takes_nothing_with_it() -> None:
    outbox = ClientOutbox()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await outbox.get_batch()
    outbox.put("r1", Rank.RECORD)
    assert await outbox.get_batch() == ["r1"]


async def test_a_stall_is_counted_from_the_batch_that_does_not_get_through() -> None:
    clock = Clock()
    outbox = ClientOutbox(clock=clock)
    assert outbox.stalled_for() == 0.0
    outbox.put("a1", Rank.AUDIO)
    await outbox.get_batch()
    clock.now += 7.0
    assert outbox.stalled_for() == 7.0
    outbox.put("r1", Rank.RECORD)
    await outbox.get_batch()
    assert outbox.stalled_for() == 0.0


async def test_a_stall_is_counted_from_the_oldest_waiting_record() -> None:
    clock = Clock()
    outbox = ClientOutbox(clock=clock)
    outbox.put("a1", Rank.AUDIO)
    clock.now += 5.0
    assert outbox.stalled_for() == 0.0
    outbox.put("r1", Rank.RECORD)
    clock.now += 2.0
    assert outbox.stalled_for() == 2.0


@dataclass
class Seen:
    records: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["take", *Rank]), st.integers(min_value=1, max_value=40)), min_size=1, max_size=200
    )
)
async def test_bounds_hold_records_are_kept_and_order_is_kept(steps: list[tuple[str | Rank, int]]) -> None:
    outbox = ClientOutbox(max_messages=6, max_bytes=100)
    put, got = Seen(), Seen()
    for number, (step, size) in enumerate(steps):
        if not isinstance(step, Rank):
            if len(outbox):
                _note(got, await outbox.get_batch(size))
            continue
        text = f"{'r' if step is Rank.RECORD else 'x'}{number:05}".ljust(size, ".")
        try:
            outbox.put(text, step)
        except SlowConsumer:
            continue
        _note(put, [text])
        assert len(outbox) <= 6
        assert outbox.waiting_bytes <= 100
    _note(got, await drain(outbox))
    assert got.records == put.records
    assert len(got.others) == len(put.others) - outbox.shed_audio - outbox.shed_deltas
    assert [text[1:6] for text in got.others] == sorted(text[1:6] for text in got.others)
    assert outbox.waiting_bytes == 0


def _note(seen: Seen, texts: list[str]) -> None:
    for text in texts:
        (seen.records if text.startswith("r") else seen.others).append(text)


async def _refused(outbox: ClientOutbox) -> bool:
    with pytest.raises(SlowConsumer):
        await outbox.room()
    return True
