"""A watcher of a thread that loses its connection again and again, and holds each of them to the laws of resuming."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

from tests.gateway.rpc_client import JsonObject


class Phase(Enum):
    """Where a connection stands."""

    OPENING = "before the resume was answered"
    REPLAYING = "in the replay"
    LIVE = "live"


@dataclass(slots=True)
class Follower:
    """What one watcher has seen of a thread, over all its connections; a broken law is an ``AssertionError``.

    Laws: the answer, then the records above the last one seen up to the head, then ``thread/replayDone`` once,
    then live and records as they come; no record twice, none left out; no delta after its item's end.
    """

    thread: str
    epoch: str | None = None
    records: list[JsonObject] = field(default_factory=list)
    """As the HTTP door lists them; numbers are contiguous from 1."""
    phase: Phase = Phase.OPENING
    cuts: Counter[Phase] = field(default_factory=Counter)
    live: Counter[str] = field(default_factory=Counter)
    _ended: set[str] = field(default_factory=set)
    _head: int | None = None

    @property
    def seq(self) -> int:
        """Number of the last record seen."""
        return len(self.records)

    async def lose(self, connect: Callable[[], Awaitable[None]], times: int) -> None:
        """Connect anew until so many connections were cut."""
        while self.cuts.total() < times:
            await connect()
            self.cuts[self.phase] += 1

    def begin(self) -> None:
        """A new connection."""
        self.phase = Phase.OPENING
        self._head = None

    def opened(self, result: JsonObject | None = None) -> None:
        """The call to resume was answered; event streams have no answer but their head."""
        assert self.phase is Phase.OPENING
        self.phase = Phase.REPLAYING
        if result is not None:
            assert result["resumed"] is True, result
            assert result["thread"]["id"] == self.thread
            assert result["seq"] == result["thread"]["seq"] >= self.seq
            assert self.epoch in (None, result["epoch"])
            self.epoch, self._head = result["epoch"], result["seq"]

    def notified(self, method: str, params: JsonObject) -> None:
        """A notification has come."""
        assert params.get("threadId") == self.thread, params
        assert self.phase is not Phase.OPENING, f"{method} before the answer"
        if method == "thread/replayDone":
            self._replayed(params)
        elif "seq" in params:
            self._recorded(method, params)
        else:
            assert self.phase is Phase.LIVE, f"{method} before the replay was done"
            self.live[method] += 1
            self._went(method, params)

    def _replayed(self, params: JsonObject) -> None:
        assert self.phase is Phase.REPLAYING, "two replayDone"
        assert self._head in (None, self.seq), "done before the head"
        assert params == {"threadId": self.thread, "seq": self.seq, "resumed": True}
        self.phase = Phase.LIVE

    def _recorded(self, method: str, params: JsonObject) -> None:
        assert params["seq"] == self.seq + 1, f"{params['seq']} came after {self.seq}"
        if self.phase is Phase.REPLAYING and self._head is not None:
            assert params["seq"] <= self._head, "a new record before the replay was done"
        self.records.append({"seq": params["seq"], "method": method, "params": params})
        if method == "item/completed":
            self._ended.add(params["item"]["id"])

    def _went(self, method: str, params: JsonObject) -> None:
        if method == "thread/realtime/transcript/delta":
            assert params["itemId"] not in self._ended, "a delta after its item's end"
        elif method == "thread/realtime/transcript/done":
            self._ended.add(params["itemId"])
