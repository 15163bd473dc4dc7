"""A client that comes back gets what it missed: no gap, no double, in order."""

from __future__ import annotations

import asyncio

import pytest

from realtime.errors import SlowConsumer, StoreError
from realtime.lanes import PAGE, Outgoing, ThreadLane
from realtime.protocol import json
from realtime.protocol.appserver import Shed
from tests.lanes.fakes import Client, SlowStore, line, new_lane, note, running


async def store_lines(lane: ThreadLane, store: SlowStore, *keys: str) -> None:
    stored = lane.record(*map(line, keys))
    await store.commit_next()
    await stored


async def test_records_then_done_then_what_was_held_then_live() -> None:
    store, client = SlowStore(), Client()
    lane = new_lane(store)
    async with running(lane):
        await store_lines(lane, store, "a", "b", "c")
        head = lane.hold(client)
        assert head == 3
        lane.live(note("state"))
        await store_lines(lane, store, "d")
        lane.live(note("word"), shed=Shed.DELTA)
        assert client.got == []
        await lane.replay(client, 1, head, resumed=True)
        lane.live(note("live"))
        await store_lines(lane, store, "e")
    assert client.names == ["2", "3", "replayDone", "state", "4", "word", "live", "5"]
    done = json.decode_object(client.got[2].params_text)
    assert done == {"threadId": "t", "seq": 3, "resumed": True}


async def test_a_lost_position_is_said() -> None:
    store, client = SlowStore(), Client()
    lane = new_lane(store)
    async with running(lane):
        await store_lines(lane, store, "a")
        await lane.replay(client, 0, lane.hold(client), resumed=False)
    assert client.names == ["1", "replayDone"]
    assert json.decode_object(client.got[1].params_text)["resumed"] is False


async def test_a_long_replay_waits_for_room_before_each_record() -> None:
    store, client = SlowStore(), Client(gated=True)
    lane = new_lane(store)
    async with running(lane):
        await store_lines(lane, store, *[f"i{n}" for n in range(2 * PAGE + 1)])
        replay = asyncio.create_task(lane.replay(client, 0, lane.hold(client)))
        for records in range(2 * PAGE + 1):
            await client.asked()
            assert len(client.got) == records
            client.grant()
        await replay
    assert client.seqs == list(range(1, 2 * PAGE + 2))


async def test_what_comes_while_the_held_is_let_go_waits_its_turn() -> None:
    store, client = SlowStore(), Client(gated=True)
    lane = new_lane(store)
    async with running(lane):
        head = lane.hold(client)
        lane.live(note("first"))
        replay = asyncio.create_task(lane.replay(client, 0, head))
        await client.asked()
        lane.live(note("second"))
        assert client.names == ["replayDone"]
        client.grant()
        await client.asked()
        assert client.names == ["replayDone", "first"]
        client.grant()
        await replay
        lane.live(note("third"))
    assert client.names == ["replayDone", "first", "second", "third"]


async def test_a_client_that_is_attached_may_resume() -> None:
    store, client = SlowStore(), Client()
    lane = new_lane(store)
    lane.attach(client)
    async with running(lane):
        await store_lines(lane, store, "a", "b")
        head = lane.hold(client)
        await store_lines(lane, store, "c")
        await lane.replay(client, 1, head)
        await store_lines(lane, store, "d")
    assert client.names == ["1", "2", "2", "replayDone", "3", "4"]
    assert lane.sinks == 1


async def test_two_resumes_are_served_one_after_the_other() -> None:
    store, client = SlowStore(read_turns=3), Client(gated=True)
    lane = new_lane(store)
    many = PAGE + 1
    async with running(lane):
        await store_lines(lane, store, *[f"i{n}" for n in range(many)])
        first = asyncio.create_task(lane.replay(client, 0, lane.hold(client)))
        await store_lines(lane, store, "b")
        second = asyncio.create_task(lane.replay(client, many - 2, lane.hold(client)))
        await store_lines(lane, store, "c")
        client.gated = False
        client.grant()
        await asyncio.gather(first, second)
    wanted = [*range(1, many + 1), "replayDone", many + 1, many - 1, many, many + 1, "replayDone", many + 2]
    assert client.names == [str(name) for name in wanted]


async def test_of_what_is_held_only_audio_and_deltas_are_shed() -> None:
    store, client = SlowStore(), Client()
    lane = new_lane(store)
    async with running(lane):
        head = lane.hold(client)
        for number in range(2_000):
            lane.live(note(f"audio{number}"), shed=Shed.AUDIO)
            lane.live(note(f"dear{number}"))
        await lane.replay(client, 0, head)
    kept = [message for message in client.got if message.shed is Shed.NEVER]
    assert len(kept) == 2_001
    shed = [message.method for message in client.got if message.shed is Shed.AUDIO]
    assert 0 < len(shed) < 1_000
    assert shed[-1].endswith("audio1999"), "the oldest go first"
    assert client.names[-2:] == ["audio1999", "dear1999"]


async def test_nobody_else_waits_for_one_that_resumes() -> None:
    store, client, other = SlowStore(), Client(gated=True), Client()
    lane = new_lane(store)
    lane.attach(other)
    async with running(lane):
        await store_lines(lane, store, "a")
        replay = asyncio.create_task(lane.replay(client, 0, lane.hold(client)))
        await store_lines(lane, store, "b")
        lane.live(note("live"))
        assert other.names == ["1", "2", "live"]
        replay.cancel()


async def test_a_client_that_leaves_meanwhile_gets_nothing_more() -> None:
    store, client = SlowStore(), Client(gated=True)
    lane = new_lane(store)
    async with running(lane):
        await store_lines(lane, store, "a")
        first = asyncio.create_task(lane.replay(client, 0, lane.hold(client)))
        second = asyncio.create_task(lane.replay(client, 0, lane.hold(client)))
        await client.asked()  # the first waits for room, the second for the first
        lane.detach(client)
        client.grant()
        await asyncio.gather(first, second)
        await store_lines(lane, store, "b")
    assert client.got == []
    assert lane.sinks == 0


@pytest.mark.parametrize("error", [SlowConsumer("gone"), StoreError("cannot be read")])
async def test_a_replay_that_fails_ends_the_subscription(error: Exception) -> None:
    store, client = SlowStore(), Client()
    lane = new_lane(store)
    async with running(lane):
        await store_lines(lane, store, "a")
        head = lane.hold(client)
        client.error = error
        with pytest.raises(type(error)):
            await lane.replay(client, 0, head)
        await store_lines(lane, store, "b")
    assert client.got == [], "a gap would be papered over"
    assert lane.sinks == 0


async def test_a_replay_without_a_hold_does_nothing() -> None:
    lane, client = new_lane(SlowStore()), Client()
    await lane.replay(client, 0, 0)
    lane.attach(client)
    await lane.replay(client, 0, 0)
    lane.live(note("live"))
    assert client.names == ["live"]


async def test_only_the_audience_of_one_is_held() -> None:
    lane, client = new_lane(SlowStore()), Client()
    head = lane.hold(client)
    lane.live(note("audio"), shed=Shed.AUDIO, to=client)
    assert client.got == list[Outgoing]()
    await lane.replay(client, 0, head)
    assert client.names == ["replayDone", "audio"]
