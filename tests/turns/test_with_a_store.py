"""Turns of the built-in agent on a real lane and a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from realtime.agents.agent import AgentMessage
from realtime.agents.embedded import EmbeddedAgent
from realtime.lanes import ThreadLane
from realtime.protocol.appserver import Thread
from realtime.protocol.ids import Seq, new_thread_id
from realtime.telemetry import Telemetry
from realtime.threads.sql import SqlThreadStore
from tests.turns.fakes import FakeAgent, Listener, handoff, running, typed


@asynccontextmanager
async def a_lane(folder: Path) -> AsyncIterator[ThreadLane]:
    store = SqlThreadStore(f"sqlite:///{folder / 'threads.db'}")
    await store.open()
    thread = Thread(new_thread_id(), "epoch", Seq(0), 1, 1)
    await store.create(thread)
    lane = ThreadLane(thread, store, clock_ms=lambda: 1, telemetry=Telemetry())
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(lane.run())
            yield lane
            lane.close()
    finally:
        await store.close()


async def test_what_a_turn_did_stands_in_the_thread(tmp_path: Path) -> None:
    agent = FakeAgent(EmbeddedAgent().run)
    async with a_lane(tmp_path) as lane:
        async with running(agent) as turns:
            listener = Listener()
            started = turns.start_or_join(lane, handoff(1, "remember that my desk is in room 4"), listener)
            await started.committed
            await listener.over.wait()
            listener = Listener()
            turns.start_or_join(lane, typed("where is my desk?"), listener)
            await listener.over.wait()
        records = await lane.records()
    assert listener.turns[0].output == "Your desk is in room 4."
    assert [record.method for record in records] == [
        "item/started",
        "turn/started",
        "item/completed",
        "turn/completed",
        "turn/started",
        "turn/completed",
    ]
    assert [record.seq for record in records] == [1, 2, 3, 4, 5, 6]
    assert list(agent.tasks[1].history) == [
        AgentMessage("user", "<told>remember that my desk is in room 4</told>"),
        AgentMessage("assistant", "I will remember: your desk is in room 4."),
    ]


async def test_turns_one_right_after_another_know_each_other(tmp_path: Path) -> None:
    """The next one may begin before the end of the last one is stored."""
    agent = FakeAgent(EmbeddedAgent().run)
    async with a_lane(tmp_path) as lane, running(agent) as turns:
        for number in range(5):
            listener = Listener()
            turns.start_or_join(lane, typed(f"what is {number} plus 1"), listener)
            await listener.over.wait()
    assert [len(task.history) for task in agent.tasks] == [0, 2, 4, 6, 8]
