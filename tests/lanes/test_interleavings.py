"""Whatever comes between: every client reads the thread without gap or double, in its order."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.lanes import Outgoing, ThreadLane
from realtime.protocol import json
from realtime.protocol.appserver import Notification, Shed
from tests.lanes.fakes import SlowStore, line, new_lane

READERS = 3

Step = tuple[str, int]
"""What happens, and a number that says how often or to whom."""

steps = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.integers(1, 70)),
        st.tuples(st.sampled_from(["live", "delta"]), st.integers(1, 3)),
        st.tuples(st.sampled_from(["commit", "commit", "commit", "lose", "refuse"]), st.just(0)),
        st.tuples(
            st.sampled_from(["attach", "resume", "resume", "resume from 0", "leave"]), st.integers(0, READERS - 1)
        ),
        st.tuples(st.just("let others go on"), st.integers(1, 8)),
    ),
    max_size=60,
)


@dataclass(eq=False)
class Reader:
    """A client that objects to the first message out of place."""

    lane: ThreadLane
    slowness: int
    position: int | None = None
    replaying_to: int | None = None
    owed: deque[tuple[int, int]] = field(default_factory=deque)
    """Number of each live notification to come, and the thread's head when it was sent."""
    last_live: int = 0
    replay: asyncio.Task[None] | None = None
    records: int = 0

    def notify(self, message: Outgoing) -> None:
        params = json.decode_object(message.params_text)
        if message.seq is not None:
            self._read_record(message.seq)
        elif message.method == "thread/replayDone":
            assert self.replaying_to == params["seq"] == self.position
            self.replaying_to = None
        else:
            self._read_live(params["number"], message.shed)

    async def room(self, size: int) -> None:
        for _ in range(self.slowness):
            await asyncio.sleep(0)  # a slow client, in turns of the loop

    def expect(self, number: int) -> None:
        self.owed.append((number, self.lane.seq))

    def _read_record(self, seq: int) -> None:
        assert self.position is None or seq == self.position + 1
        assert not self.owed or self.owed[0][1] >= seq, "a live notification was overtaken"
        self.position = seq
        self.records += 1

    def _read_live(self, number: int, shed: Shed) -> None:
        assert self.replaying_to is None
        assert number > self.last_live
        self.last_live = number
        if shed is Shed.NEVER:
            expected, seq = self.owed.popleft()
            assert number == expected
            assert self.position is None or self.position >= seq


class Play:
    """One interleaving of clients, records and commits."""

    def __init__(self, slowness: int, read_turns: int) -> None:
        self.store = SlowStore(read_turns=read_turns)
        self.lane = new_lane(self.store)
        self.readers = [Reader(self.lane, slowness * number) for number in range(READERS)]
        self.attached: set[Reader] = set()
        self.happened: Counter[str] = Counter()
        self._lives = 0

    async def run(self, script: list[Step]) -> None:
        writer = asyncio.create_task(self.lane.run())
        for name, number in script:
            await self._step(name, number)
        # A last record brings to light whatever was stored without an answer.
        self.lane.record(line("last"))
        self.lane.close()
        commits = asyncio.create_task(self._commit_everything())
        await writer
        commits.cancel()
        await asyncio.gather(*(reader.replay for reader in self.readers if reader.replay))
        for reader in self.attached:
            assert reader.position == len(self.store.stored) == self.lane.seq
            assert not reader.owed

    async def _step(self, name: str, number: int) -> None:
        match name:
            case "record":
                self.lane.record(*[line(f"i{n}") for n in range(number)])
            case "live" | "delta":
                self._live(number, Shed.NEVER if name == "live" else Shed.DELTA)
            case "let others go on":
                for _ in range(number):
                    await asyncio.sleep(0)  # the step is just this
            case "commit" | "lose" | "refuse" if not self.store.waiting:
                return
            case "commit":
                self.store.commit()
            case "lose":
                self.store.lose_answer()
            case "refuse":
                self.store.refuse()
            case _:
                self._move(name, self.readers[number])
        self.happened[name] += 1

    def _live(self, count: int, shed: Shed) -> None:
        for _ in range(count):
            self._lives += 1
            if shed is Shed.NEVER:
                for reader in self.attached:
                    reader.expect(self._lives)
            self.lane.live(Notification("thread/realtime/any", {"number": self._lives}), shed=shed)

    def _move(self, name: str, reader: Reader) -> None:
        if name == "leave":
            self.lane.detach(reader)
            self.attached.discard(reader)
            reader.owed.clear()
            reader.replaying_to = None
            return
        if reader.replay is not None and not reader.replay.done():
            return  # its answer is not there yet
        self.attached.add(reader)
        if name == "attach":
            if self.lane.sinks < len(self.attached):
                reader.position = None  # it begins to listen in the middle
            self.lane.attach(reader)
            return
        after = 0 if name == "resume from 0" else reader.position or 0
        head = self.lane.hold(reader)
        reader.position, reader.replaying_to = after, head
        reader.replay = asyncio.create_task(self.lane.replay(reader, after, head))

    async def _commit_everything(self) -> None:
        while True:
            await self.store.asked()
            self.store.commit()


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(script=steps, slowness=st.integers(0, 3), read_turns=st.integers(0, 3))
def test_no_gap_no_double_in_order(script: list[Step], slowness: int, read_turns: int) -> None:
    asyncio.run(Play(slowness, read_turns).run(script))


@pytest.mark.parametrize("slowness", [0, 1, 2])
def test_a_busy_thread_with_clients_that_come_and_go(slowness: int) -> None:
    script: list[Step] = []
    for number in range(600):
        reader = number % READERS
        script += [
            ("record", 1 + number % 5),
            ("live", 1),
            ("resume", reader),
            ("lose" if number % 7 == 0 else "commit", 0),
            ("let others go on", number % 6),
            ("delta", 1),
        ]
        if number % 5 == 0:
            script += [("leave", reader), ("commit", 0)]
    play = Play(slowness, 1)
    asyncio.run(play.run(script))
    assert play.happened["resume"] > 300
    assert play.happened["lose"] > 30
    assert min(reader.records for reader in play.readers) > 1_000
