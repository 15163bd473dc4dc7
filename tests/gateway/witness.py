"""A client in a process of its own that keeps a gateway busy and notes what it was told is stored.

Run by the kill test: a line of JSON on stdin (``{rpc, talks, works}``, an address and thread ids) begins a
round, a line on stdout says that records are flowing, another how much was acknowledged once the gateway is
gone. Each note is a line of the file named on the command line, written when the acknowledgement arrives.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any

from tests.gateway.rpc_client import GoneError, JsonObject, Notification, RefusedError, RpcClient, connected

TIMER = "set a timer for 90 seconds"
"""A wish that no round lives to see fulfilled."""
ANSWER_EVERY = 7
SPEAKERS = 2
FLOW_S = 60.0


class Notes:
    """The file of notes, and how many records of each thread were acknowledged in this round."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.acknowledged: Counter[str] = Counter()
        self.begun_at: float | None = None

    def write(self, thread: str, note: JsonObject) -> None:
        """Note one acknowledgement."""
        os.write(self._file, json.dumps({"thread": thread, **note}).encode() + b"\n")

    def heard(self, message: JsonObject) -> None:
        """Note a message if it is a record."""
        params = message.get("params") or {}
        if "seq" in params and message.get("method") != "thread/replayDone":
            self.begun_at = self.begun_at or time.monotonic()
            self.acknowledged[params["threadId"]] += 1
            self.write(params["threadId"], {"seq": params["seq"], "method": message["method"], "params": params})

    def flush(self) -> None:
        """Bring the notes to the disk."""
        os.fdatasync(self._file)


class Round:
    """One gateway's life: calls on the threads ``talks``, typed turns on ``works``."""

    def __init__(self, client: RpcClient, notes: Notes) -> None:
        self._client = client
        self._notes = notes

    async def run(self, talks: list[str], works: list[str]) -> None:
        """Keep it busy until it is gone."""
        loads: list[Coroutine[Any, Any, None]] = [self._report()]
        for thread in talks:
            await self._client.call("thread/realtime/start", threadId=thread, outputModality="text")
            loads += [self._speak(thread, speaker) for speaker in range(SPEAKERS)]
        loads += [self._work(thread) for thread in works]
        for outcome in await asyncio.gather(*loads, return_exceptions=True):
            if outcome is not None and not isinstance(outcome, GoneError):
                raise outcome

    async def _report(self) -> None:
        """Say so when every thread has a record, and a turn of each kind runs."""
        threads: set[str] = set()
        sources: set[str] = set()
        async with asyncio.timeout(FLOW_S):
            for index in count():
                seen = await self._client.until(lambda _: True, after=index)
                turn = seen.params.get("turn") or {}
                if seen.method == "turn/started" and TIMER in turn["input"][0]["text"]:
                    sources.add(turn["source"])
                if seen.seq is not None:
                    threads.add(seen.params["threadId"])
                if len(threads) > 1 and sources == {"typed", "handoff"}:
                    break
        print(json.dumps({"flowing": True}), flush=True)

    async def _speak(self, thread: str, speaker: int) -> None:
        await self._client.until(
            lambda seen: seen.method == "thread/realtime/started" and seen.params["threadId"] == thread
        )
        for number in count():
            text = f"speaker {speaker} says line {number}"
            if speaker == number == 0:
                text = f"{TIMER}, ask the agent"
            params = {"threadId": thread, "text": text, "respond": number % ANSWER_EVERY == 0}
            if (result := await self._call("thread/realtime/appendText", params)) is not None:
                self._notes.write(thread, {"seq": result["seq"], "text": text})

    async def _work(self, thread: str) -> None:
        """A few short turns, then one that lasts and is steered."""
        for number in count():
            text = f"what is {number} + 3" if number < 3 else TIMER if number == 3 else "how long is left"
            params = {"threadId": thread, "input": [{"type": "text", "text": text}]}
            if (result := await self._call("turn/start", params)) is not None:
                self._notes.write(thread, {"turn": result["turn"]["id"]})
                if number < 3:
                    await self._client.until(_ends(result["turn"]["id"]))

    async def _call(self, method: str, params: JsonObject) -> JsonObject | None:
        """The result; None when the gateway has too much to do."""
        try:
            return await self._client.call(method, **params)
        except RefusedError as refused:
            if refused.name != "overloaded":
                raise
            return None


def _ends(turn_id: str) -> Callable[[Notification], bool]:
    def ends(seen: Notification) -> bool:
        return seen.method == "turn/completed" and bool(seen.params["turn"]["id"] == turn_id)

    return ends


async def watch(order: JsonObject, notes: Notes) -> None:
    """One round; returns when the gateway is gone, raises if anything else goes wrong."""
    async with connected(order["rpc"], on_message=notes.heard) as client:
        await Round(client, notes).run(order["talks"], order["works"])


def main() -> None:
    """Rounds, until stdin ends."""
    path = Path(sys.argv[1])
    for line in sys.stdin:
        notes = Notes(path)
        asyncio.run(watch(json.loads(line), notes))
        lasted = time.monotonic() - (notes.begun_at or time.monotonic())
        notes.flush()
        print(json.dumps({"acknowledged": notes.acknowledged, "seconds": lasted}), flush=True)


if __name__ == "__main__":
    main()
