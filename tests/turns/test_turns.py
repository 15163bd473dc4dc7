from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from realtime.agents.agent import AgentMessage, AgentTask, AgentUpdate, Output, Progress
from realtime.agents.exchange import TURN_METADATA
from realtime.errors import AgentError, Draining, Overloaded, TurnNotFound
from realtime.settings import AgentSettings, LimitsSettings
from realtime.turns.request import Joined, Started
from realtime.turns.turns import Turns
from tests.turns.fakes import FakeAgent, FakeLane, Listener, Work, handoff, one_turn, running, typed


async def answer(task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
    yield Output(f"done: {task.request}")


async def work_with_remarks(task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
    yield Progress("looking")
    yield Output("part")
    yield Output("all")


async def wait_for_ever(task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
    await asyncio.Event().wait()
    yield Output("never")


async def obey(task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
    """Work until something steers, then answer with it."""
    yield Progress("working")
    async for text in task.steering:
        yield Output(f"heard {text}")
        return


class Gate:
    """An agent's work that ends when the gate opens, and notes that it was cancelled."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()
        self.cancelled = False

    async def work(self, task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        self.reached.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        yield Output(f"done: {task.request}")


class Stubborn:
    """An agent's work that goes on when it is cancelled."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    async def work(self, task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        self.reached.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield Output("I go on")


async def test_a_handoff_is_an_item_around_its_turn() -> None:
    lane, listener = FakeLane(), Listener()
    async with running(FakeAgent(answer)) as turns:
        started = turns.start_or_join(lane, handoff(), listener)
        assert isinstance(started, Started)
        await listener.over.wait()
    assert lane.methods == ["item/started", "turn/started", "item/completed", "turn/completed"]
    opened, closed = lane.items("item/started")[0], lane.items()[0]
    expected = {"id": "item_1", "type": "handoff", "text": "do it", "callId": "call_1", "turnId": started.turn.id}
    assert opened.items() >= {**expected, "status": "inProgress"}.items()
    assert closed.items() >= {**expected, "status": "completed", "output": "done: do it"}.items()
    assert closed["createdAt"] == opened["createdAt"]
    assert lane.turns()[0].items() >= {"status": "completed", "output": "done: do it", "source": "handoff"}.items()
    assert lane.states() == ["started", "finished"]
    assert lane.notifications[0].params["text"] == "do it"
    assert lane.notifications[1].params["text"] == "done: do it"
    assert listener.heard == [("done: do it", True)]
    assert listener.turns[0].status == "completed"


async def test_a_handoff_without_an_item_is_known_by_its_call() -> None:
    lane, listener = FakeLane(), Listener()
    request = handoff()
    async with running(FakeAgent(answer)) as turns:
        turns.start_or_join(lane, type(request)("p", "r", "handoff", call_id=request.call_id), listener)
        await listener.over.wait()
    assert lane.items()[0]["id"] == "call_1"


async def test_a_typed_turn_has_no_handoff() -> None:
    lane, _ = await one_turn(answer, typed())
    assert lane.methods == ["turn/started", "turn/completed"]
    assert lane.notifications == []


async def test_remarks_and_results_are_told_apart_and_the_last_result_is_the_output() -> None:
    lane, listener = await one_turn(work_with_remarks, handoff())
    assert listener.heard == [("looking", False), ("part", True), ("all", True)]
    assert listener.turns[0].output == "all"
    assert lane.states() == ["started", "progress", "finished"]
    assert lane.notifications[1].params["text"] == "looking"


async def test_a_turn_without_a_result_completes_without_output() -> None:
    async def silent(task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        yield Progress("hm")

    lane, listener = await one_turn(silent, handoff())
    assert (listener.turns[0].status, listener.turns[0].output) == ("completed", None)
    assert "text" not in lane.notifications[-1].params


async def test_a_second_handoff_joins_and_both_end_with_the_turn() -> None:
    lane, listener = FakeLane(), Listener()
    async with running(FakeAgent(obey)) as turns:
        first = turns.start_or_join(lane, handoff(1), listener)
        await listener.spoke.wait()
        second = turns.start_or_join(lane, handoff(2, "faster"), listener)
        assert isinstance(second, Joined)
        assert second.turn.id == first.turn.id
        await listener.over.wait()
    assert lane.methods == [
        "item/started",
        "turn/started",
        "item/started",
        "item/completed",
        "item/completed",
        "turn/completed",
    ]
    assert lane.states("call_1") == ["started", "progress", "finished"]
    assert lane.states("call_2") == ["steered", "finished"]
    assert [item["output"] for item in lane.items()] == ["heard <told>faster</told>"] * 2
    assert listener.heard == [("working", False), ("heard <told>faster</told>", True)], "told once, not twice"


async def test_a_handoff_that_joined_has_the_answer_that_the_agent_gave_to_it() -> None:
    async def attentive(task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        yield Progress("working")
        yield Progress(f"{await anext(aiter(task.steering))}: 42")
        yield Progress("soon")
        yield Output("time is up")

    lane, listener = FakeLane(), Listener()
    async with running(FakeAgent(attentive)) as turns:
        turns.start_or_join(lane, handoff(1, "set a timer"), listener)
        await listener.spoke.wait()
        turns.start_or_join(lane, handoff(2, "6 times 7"), listener)
        await listener.over.wait()
    assert [item["output"] for item in lane.items()] == ["time is up", "<told>6 times 7</told>: 42"]
    finished = [sent.params for sent in lane.notifications if sent.params["state"] == "finished"]
    assert [params["text"] for params in finished] == ["time is up", "<told>6 times 7</told>: 42"]


async def test_a_correction_that_came_too_late_does_not_change_the_first_answer() -> None:
    gate, lane, listener = Gate(), FakeLane(), Listener()
    async with running(FakeAgent(gate.work)) as turns:
        turns.start_or_join(lane, handoff(1, "the first"), listener)
        await gate.reached.wait()
        turns.start_or_join(lane, handoff(2, "the second"), listener)
        gate.open.set()
        await listener.over.wait()
    first, second = (str(item["output"]) for item in lane.items())
    assert ("the first" in first, "the second" in second) == (True, True)
    assert listener.turns[0].output == second


async def test_a_handoff_joins_a_typed_turn_and_hears_what_follows() -> None:
    lane, listener = FakeLane(), Listener()
    gate = Gate()
    async with running(FakeAgent(gate.work)) as turns:
        turns.start_or_join(lane, typed("typed work"))
        await gate.reached.wait()
        assert isinstance(turns.start_or_join(lane, handoff(), listener), Joined)
        gate.open.set()
        await listener.over.wait()
    assert listener.heard[0] == ("done: typed work", True)
    assert lane.items()[0]["status"] == "completed"


async def test_typed_steering_is_stored_as_the_persons_message() -> None:
    lane, listener = FakeLane(), Listener()
    async with running(FakeAgent(obey)) as turns:
        started = turns.start_or_join(lane, typed(), listener)
        await listener.spoke.wait()
        steered = turns.steer(lane.thread.id, "the other one")
        assert [record.method for record in await steered.committed] == ["item/completed"]
        await listener.over.wait()
    item = lane.items()[0]
    expected = {"type": "userMessage", "role": "user", "text": "the other one", "turnId": started.turn.id}
    assert item.items() >= expected.items()
    assert listener.turns[0].output == "heard the other one"


async def test_steering_that_no_one_read_is_worked_on_in_the_same_turn() -> None:
    gate, lane, listener = Gate(), FakeLane(), Listener()
    agent = FakeAgent(gate.work)
    async with running(agent) as turns:
        turns.start_or_join(lane, handoff(1, "first"), listener)
        await gate.reached.wait()
        turns.start_or_join(lane, handoff(2, "second"), listener)
        turns.steer(lane.thread.id, "third")
        gate.open.set()
        await listener.over.wait()
    assert [task.prompt for task in agent.tasks] == ["<told>first</told>", "<told>second</told>\nthird"]
    assert agent.tasks[0].turn_id == agent.tasks[1].turn_id
    assert list(agent.tasks[1].history) == [
        AgentMessage("user", "<told>first</told>"),
        AgentMessage("assistant", "done: first"),
    ]
    assert len(lane.turns()) == 1


async def test_what_is_told_again_for_steering_that_no_one_read_is_told_once() -> None:
    lane, listener = FakeLane(), Listener()
    later = ["second", "third"]

    async def deaf(task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        if later:
            turns.steer(lane.thread.id, later.pop(0))
        yield Output(f"done: {task.prompt}")

    agent = FakeAgent(deaf)
    async with running(agent) as turns:
        turns.start_or_join(lane, typed("first"), listener)
        await listener.over.wait()
    assert [message.text for message in agent.tasks[2].history] == ["first", "done: first", "second", "done: second"]


async def test_a_turn_that_is_being_stopped_takes_no_steering() -> None:
    reached, may_end = asyncio.Event(), asyncio.Event()

    async def slow_to_stop(task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()
        yield Output("never")

    lane, listener, agent = FakeLane(), Listener(), FakeAgent(slow_to_stop)
    async with running(agent) as turns:
        turns.start_or_join(lane, typed("first"), listener)
        await reached.wait()
        turns.interrupt(lane.thread.id)
        before = list(lane.methods)
        with pytest.raises(Overloaded):
            turns.start_or_join(lane, handoff(1))
        with pytest.raises(Overloaded):
            turns.steer(lane.thread.id, "no, this")
        assert lane.methods == before, "it would be stored, and reach nobody"
        may_end.set()
        await listener.over.wait()
    assert len(agent.tasks) == 1


async def test_a_stubborn_agent_does_not_begin_again_once_it_is_stopped() -> None:
    stubborn = Stubborn()
    lane, listener, agent = FakeLane(), Listener(), FakeAgent(stubborn.work)
    async with running(agent) as turns:
        turns.start_or_join(lane, typed("first"), listener)
        await stubborn.reached.wait()
        turns.steer(lane.thread.id, "second")
        turns.interrupt(lane.thread.id)
        await listener.over.wait()
    assert len(agent.tasks) == 1


async def test_a_full_ear_refuses_and_leaves_no_trace() -> None:
    gate, lane = Gate(), FakeLane()
    async with running(FakeAgent(gate.work), limits=LimitsSettings(steering=2)) as turns:
        turns.start_or_join(lane, handoff(1))
        await gate.reached.wait()
        turns.start_or_join(lane, handoff(2))
        turns.steer(lane.thread.id, "more")
        before = list(lane.methods)
        with pytest.raises(Overloaded):
            turns.start_or_join(lane, handoff(3))
        with pytest.raises(Overloaded):
            turns.steer(lane.thread.id, "too much")
        assert lane.methods == before
        gate.open.set()
        await lane.completed.wait()
    assert lane.states("call_3") == []
    assert len(lane.items()) == 3


async def test_a_full_lane_refuses_a_start_and_nothing_runs() -> None:
    lane, agent = FakeLane(), FakeAgent(answer)
    lane.full = True
    async with running(agent) as turns:
        with pytest.raises(Overloaded):
            turns.start_or_join(lane, handoff())
        assert turns.running(lane.thread.id) is None
    assert agent.tasks == []
    assert lane.notifications == []


async def test_interrupt_reaches_the_agent_and_closes_the_handoff() -> None:
    gate, lane, listener = Gate(), FakeLane(), Listener()
    async with running(FakeAgent(gate.work)) as turns:
        turns.start_or_join(lane, handoff(1), listener)
        await gate.reached.wait()
        turns.interrupt(lane.thread.id)
        async with asyncio.timeout(1):
            await listener.over.wait()
        assert gate.cancelled
        assert listener.turns[0].status == "interrupted"
        assert lane.items()[0]["status"] == "interrupted"
        assert lane.states() == ["started", "cancelled"]
        gate.open.set()
        listener.over.clear()
        assert isinstance(turns.start_or_join(lane, handoff(2), listener), Started), "the next one is a new turn"
        await listener.over.wait()
    assert lane.states("call_2") == ["started", "finished"]


async def test_interrupt_before_the_agent_began() -> None:
    lane, listener, agent = FakeLane(), Listener(), FakeAgent(answer)
    async with running(agent) as turns:
        turns.start_or_join(lane, handoff(), listener)
        turns.interrupt(lane.thread.id)
        await listener.over.wait()
    assert listener.turns[0].status == "interrupted"
    assert lane.turns()[0]["status"] == "interrupted"


async def test_an_agent_that_will_not_stop_is_interrupted_all_the_same() -> None:
    stubborn = Stubborn()
    lane, listener = FakeLane(), Listener()
    async with running(FakeAgent(stubborn.work)) as turns:
        turns.start_or_join(lane, handoff(), listener)
        await stubborn.reached.wait()
        turns.interrupt(lane.thread.id)
        await listener.over.wait()
    assert listener.turns[0].status == "interrupted"
    assert listener.turns[0].output is None


async def test_a_turn_has_a_deadline() -> None:
    lane, listener = await one_turn(wait_for_ever, handoff(), timeout_s=0.01)
    assert (listener.turns[0].status, listener.turns[0].error) == ("failed", "no end within 0.01 s")
    assert lane.items()[0].items() >= {"status": "failed", "error": "no end within 0.01 s"}.items()
    assert lane.states() == ["started", "failed"]


async def test_a_failing_agent_fails_its_turn_with_its_reason() -> None:
    async def refuse(task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        yield Output("half")
        raise AgentError("no quota")

    lane, listener = await one_turn(refuse, handoff())
    assert listener.turns[0].status == "failed"
    assert (listener.turns[0].error, listener.turns[0].output) == ("no quota", None)
    assert lane.notifications[-1].params["text"] == "no quota"


@pytest.mark.parametrize("fault", [RuntimeError("boom, secret"), TimeoutError("its own")])
async def test_a_defect_of_an_agent_stays_in_its_turn(fault: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def break_down(task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        if task.request == "bad":
            raise fault
        yield Output("good")

    bad, good = FakeLane(), FakeLane()
    first, second = Listener(), Listener()
    with caplog.at_level(logging.ERROR):
        async with running(FakeAgent(break_down)) as turns:
            turns.start_or_join(bad, handoff(1, "bad"), first)
            turns.start_or_join(good, handoff(2, "fine"), second)
            await first.over.wait()
            await second.over.wait()
    assert (first.turns[0].status, first.turns[0].error) == ("failed", "the agent failed unexpectedly")
    told = {"message": "the agent failed unexpectedly", "codexErrorInfo": None}
    turn = {"threadId": bad.thread.id, "turnId": first.turns[0].id}
    assert bad.errors == [{**turn, "error": told, "willRetry": False}]
    assert good.errors == []
    assert second.turns[0].status == "completed"
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is not None


@pytest.mark.parametrize("said", ["half a character: \ud800", None, 5])
async def test_what_is_no_text_fails_the_turn_and_goes_no_further(said: Any) -> None:
    async def odd(task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        yield Output("well")
        yield Output(said)

    lane, listener = FakeLane(), Listener()
    async with running(FakeAgent(odd)) as turns:
        turns.start_or_join(lane, handoff(), listener)
        await listener.over.wait()
    assert listener.heard == [("well", True)]
    assert (listener.turns[0].status, listener.turns[0].error) == ("failed", "the agent said what is no text")


async def test_two_sessions_may_hear_one_turn() -> None:
    lane, first, second = FakeLane(), Listener(), Listener()
    async with running(FakeAgent(obey)) as turns:
        turns.start_or_join(lane, handoff(1), first)
        await first.spoke.wait()
        turns.start_or_join(lane, handoff(2), second)
        await first.over.wait()
        await second.over.wait()
    assert first.heard[-1] == second.heard[-1]
    assert ("working", False) not in second.heard


async def test_a_session_that_left_hears_nothing_and_its_turn_goes_on() -> None:
    gate, lane, listener = Gate(), FakeLane(), Listener()
    async with running(FakeAgent(gate.work)) as turns:
        turns.start_or_join(lane, handoff(), listener)
        await gate.reached.wait()
        turns.detach(lane.thread.id, listener)
        turns.detach(lane.thread.id, listener)
        gate.open.set()
        await lane.completed.wait()
    assert listener.heard == []
    assert listener.turns == []
    assert lane.items()[0].items() >= {"status": "completed", "output": "done: do it"}.items()


async def test_a_listener_that_refuses_is_dropped() -> None:
    lane, gone, there = FakeLane(), Listener(), Listener()
    gone.gone = True
    async with running(FakeAgent(work_with_remarks)) as turns:
        turns.start_or_join(lane, handoff(1), gone)
        turns.start_or_join(lane, handoff(2), there)
        await there.over.wait()
    assert gone.turns == []
    assert there.turns[0].status == "completed"


async def test_many_threads_work_at_once() -> None:
    gate = Gate()
    lanes = [FakeLane() for _ in range(200)]
    listener = [Listener() for _ in lanes]
    async with running(FakeAgent(gate.work)) as turns:
        for number, lane in enumerate(lanes):
            turns.start_or_join(lane, handoff(1, f"wish {number}"), listener[number])
        assert all(turns.running(lane.thread.id) for lane in lanes)
        gate.open.set()
        for ear in listener:
            await ear.over.wait()
    assert [ear.turns[0].output for ear in listener] == [f"done: wish {number}" for number in range(200)]


async def test_a_turn_knows_the_exchange_of_earlier_ones() -> None:
    lane, listener, agent = FakeLane(), Listener(), FakeAgent(answer)
    async with running(agent) as turns:
        for text in ("one", "two", "three"):
            listener.over.clear()
            turns.start_or_join(lane, typed(text), listener)
            await listener.over.wait()
    assert list(agent.tasks[0].history) == []
    assert list(agent.tasks[2].history) == [
        AgentMessage("user", "one"),
        AgentMessage("assistant", "done: one"),
        AgentMessage("user", "two"),
        AgentMessage("assistant", "done: two"),
    ]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (LimitsSettings(history_items=3), ["done: one", "two", "done: two"]),
        (LimitsSettings(history_chars=12), ["two", "done: two"]),
        (LimitsSettings(history_chars=1), []),
    ],
)
async def test_what_a_turn_knows_is_bounded(limits: LimitsSettings, expected: list[str]) -> None:
    lane, listener, agent = FakeLane(), Listener(), FakeAgent(answer)
    async with running(agent) as turns:
        for text in ("one", "two"):
            listener.over.clear()
            turns.start_or_join(lane, typed(text), listener)
            await listener.over.wait()
    async with running(agent, limits=limits) as turns:
        listener.over.clear()
        turns.start_or_join(lane, typed("three"), listener)
        await listener.over.wait()
    assert [message.text for message in agent.tasks[-1].history] == expected


async def test_a_broken_store_does_not_stop_the_agent() -> None:
    lane, listener, agent = FakeLane(), Listener(), FakeAgent(answer)
    lane.broken = True
    async with running(agent) as turns:
        turns.start_or_join(lane, handoff(), listener)
        await listener.over.wait()
    assert listener.heard == [("done: do it", True)]


async def test_an_end_that_cannot_be_recorded_is_still_told() -> None:
    gate, lane, listener = Gate(), FakeLane(), Listener()
    async with running(FakeAgent(gate.work)) as turns:
        turns.start_or_join(lane, handoff(), listener)
        await gate.reached.wait()
        lane.full = True
        gate.open.set()
        await listener.over.wait()
    assert listener.turns[0].output == "done: do it"
    assert lane.states() == ["started", "finished"]


async def test_an_agent_knows_whether_the_person_is_on_a_call() -> None:
    delegated = "<realtime_delegation>\n  <input>x</input>\n</realtime_delegation>"
    lane, listener, agent = FakeLane(), Listener(), FakeAgent(answer)
    spoken = handoff()
    requests = [
        typed("a"),
        type(spoken)(delegated, "x", "handoff", call_id=spoken.call_id),
        typed("b"),
        typed("c", live=True),
    ]
    async with running(agent) as turns:
        for request in requests:
            listener.over.clear()
            turns.start_or_join(lane, request, listener)
            await listener.over.wait()
    assert [task.conversation for task in agent.tasks] == [None, "live", "ended", "live"]


async def test_the_clients_metadata_goes_along_under_ours() -> None:
    lane, listener, agent = FakeLane(), Listener(), FakeAgent(answer)
    request = type(typed())("p", "r", "typed", metadata={"trace": "t-1", "turn_id": "forged", "session_id": "forged"})
    async with running(agent) as turns:
        started = turns.start_or_join(lane, request, listener)
        await listener.over.wait()
    assert set(agent.tasks[0].metadata) == {TURN_METADATA}
    assert json.loads(agent.tasks[0].metadata[TURN_METADATA]) == {
        "trace": "t-1",
        "session_id": lane.thread.id,
        "turn_id": started.turn.id,
        "thread_source": "user",
    }


async def test_an_agent_may_remember_within_the_thread() -> None:
    async def keep(task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        await task.memory.remember("desk", "room 4")
        yield Output(str(dict(await task.memory.recall())))

    lane, _ = await one_turn(keep, typed())
    assert lane.memory == {"desk": "room 4"}


async def test_nothing_runs_where_nothing_was_started() -> None:
    lane = FakeLane()
    async with running(FakeAgent(answer)) as turns:
        assert turns.running(lane.thread.id) is None
        with pytest.raises(TurnNotFound):
            turns.steer(lane.thread.id, "x")
        with pytest.raises(TurnNotFound):
            turns.interrupt(lane.thread.id)
        turns.detach(lane.thread.id, Listener())
        await turns.end(lane.thread.id)


async def test_ending_a_thread_waits_for_its_turn() -> None:
    gate, lane = Gate(), FakeLane()
    async with running(FakeAgent(gate.work)) as turns:
        turns.start_or_join(lane, handoff())
        await gate.reached.wait()
        await turns.end(lane.thread.id)
        assert lane.turns()[0]["status"] == "interrupted"
        assert turns.running(lane.thread.id) is None


async def test_close_ends_all_turns_as_interrupted_and_takes_no_more() -> None:
    gate, lanes, listener = Gate(), [FakeLane(), FakeLane()], Listener()
    async with running(FakeAgent(gate.work)) as turns:
        for lane in lanes:
            turns.start_or_join(lane, handoff(), listener)
        await gate.reached.wait()
        await turns.close()
        assert [turn.status for turn in listener.turns] == ["interrupted", "interrupted"]
        with pytest.raises(Draining):
            turns.start_or_join(FakeLane(), handoff())
    assert all(lane.turns()[0]["status"] == "interrupted" for lane in lanes)


async def test_turns_that_do_not_run_start_nothing() -> None:
    turns = Turns(FakeAgent(answer), AgentSettings(), LimitsSettings())
    with pytest.raises(Draining):
        turns.start_or_join(FakeLane(), handoff())
    await turns.close()


async def test_cancelling_the_owner_ends_turns_as_interrupted() -> None:
    gate, lane = Gate(), FakeLane()
    turns = Turns(FakeAgent(gate.work), AgentSettings(), LimitsSettings())
    before = asyncio.all_tasks()
    async with asyncio.TaskGroup() as group:
        owner = group.create_task(turns.run())
        await asyncio.sleep(0)  # one turn of the loop: it runs by now
        turns.start_or_join(lane, handoff())
        await gate.reached.wait()
        owner.cancel()
    assert asyncio.all_tasks() <= before
    assert gate.cancelled
    assert lane.turns()[0]["status"] == "interrupted"
    assert lane.items()[0]["status"] == "interrupted"


async def cancel_something_of_its_own(task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
    yield Progress("working")
    helper = asyncio.ensure_future(asyncio.Event().wait())
    helper.cancel()
    await helper


async def fail_in_what_is_no_text(task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
    yield Progress("working")
    raise AgentError("cannot read \udcff.txt")


@pytest.mark.parametrize("work", [cancel_something_of_its_own, fail_in_what_is_no_text])
async def test_however_an_agent_fails_the_turn_fails_and_the_voice_is_told(work: Work) -> None:
    lane, listener = FakeLane(), Listener()
    async with running(FakeAgent(work)) as turns:
        turns.start_or_join(lane, handoff(), listener)
        await lane.completed.wait()
        await listener.over.wait()
    assert lane.records[-1].params["turn"]["status"] == "failed"
    json.dumps(lane.notifications[-1].params, ensure_ascii=False).encode()
