"""``voxgate tail``: follow a thread live, through a running gateway."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Protocol

from realtime.commands.door import Door, add_door_flags, door_from
from realtime.commands.process import run_until_signal
from realtime.commands.reporter import Screen
from realtime.commands.rpc_client import CallRefused, RpcClient
from realtime.commands.usage import CommandParser, complain, whole_number
from realtime.errors import ConfigurationError
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from transports.errors import ConnectFailed, LinkClosed
from transports.link import MessageLink

EXIT_FOLLOWED = 0
EXIT_REFUSED = 1
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
_PASSING = ("draining", "overloaded", "store_unavailable", "internal", "slow_consumer")
"""Refusals that are worth another try."""
_PREFIX = "thread/realtime/"
_STATES = {"inProgress": "started", "completed": "finished", "interrupted": "cancelled"}
"""By the status of a hand-off or a turn: what has become of it, as a hand-off's notifications have it."""


class Display(Protocol):
    """Shows what a thread tells."""

    def notified(self, method: str, params: JsonObject) -> None:
        """A record (``params`` has ``seq``) or a live notification."""
        ...

    def remark(self, text: str) -> None:
        """Something about the connection."""
        ...


class Lines:
    """One JSON object a line: ``{t, method, params}``, t in Unix seconds."""

    def notified(self, method: str, params: JsonObject) -> None:
        """Print it."""
        print(json.encode({"t": round(time.time(), 3), "method": method, "params": params}), flush=True)

    def remark(self, text: str) -> None:
        """On stderr: programs read stdout."""
        complain(text)


class Moments:
    """A screen's clock: when things were said and done, in seconds since the first that was shown.

    Records say when; what is live is now, by ``now``, in Unix seconds.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._moment: float | None = None
        self._first: float | None = None

    def __call__(self) -> float:
        """The clock; the first who asks sets it to 0."""
        moment = self._now() if self._moment is None else self._moment
        if self._first is None:
            self._first = moment
        return moment - self._first

    def of(self, unix_ms: int) -> float:
        """What the clock shows at that time."""
        return unix_ms / 1000 - (self._first if self._first is not None else unix_ms / 1000)

    def move(self, unix_ms: int | None) -> None:
        """To the time that a record names; None: to now."""
        self._moment = None if unix_ms is None else unix_ms / 1000


class Readable:
    """Who speaks, in lines that grow; hand-offs, turns, and what becomes of the call."""

    def __init__(self, screen: Screen, moments: Moments) -> None:
        self._screen = screen
        self._moments = moments
        self._ended: list[JsonObject] = []
        """Hand-offs that are over. When they ended is known from the turn's record, which comes next."""

    def notified(self, method: str, params: JsonObject) -> None:
        """Tell it in words; what a record tells is not told live as well."""
        ended = method == "item/completed" and params["item"]["type"] == "handoff"
        if "seq" in params and not ended:
            self._moments.move(_unix_ms(params))
        if not ended:
            self._tell_ended()
        if "seq" not in params:
            self._moments.move(None)
        self._tell(method, params)

    def _tell(self, method: str, params: JsonObject) -> None:
        if method in ("item/started", "item/completed"):
            self._on_item(params["item"], completed=method == "item/completed")
        elif method in ("turn/started", "turn/completed"):
            self._on_turn(params["turn"])
        elif method == "thread/deleted":
            self.remark("the thread was deleted")
        elif method.startswith(_PREFIX):
            self._on_live(method.removeprefix(_PREFIX), params)

    def remark(self, text: str) -> None:
        """What was half said is left as it is: the rest of it may be lost."""
        self._tell_ended()
        self._moments.move(None)
        self._screen.settle()
        self._screen.remark(f"({text})")

    def _on_item(self, item: JsonObject, *, completed: bool) -> None:
        kind = {"userMessage": "user", "assistantMessage": "assistant"}.get(item["type"])
        if kind is not None and completed:
            told = {"itemId": item["id"], "text": item.get("text", ""), "status": item.get("status")}
            self._screen.event(kind, told)
        elif kind is not None:
            self._screen.began(kind, item["id"])
        elif item["type"] == "handoff" and completed:
            self._ended.append(item)
        elif item["type"] == "handoff":
            self._work(item["id"], "inProgress", item.get("text"), item.get("createdAt"))

    def _tell_ended(self) -> None:
        ended, self._ended = self._ended, []
        for item in ended:
            text = item.get("output") or item.get("error")
            self._work(item["id"], item.get("status", "completed"), text, item.get("createdAt"))

    def _on_turn(self, turn: JsonObject) -> None:
        """Those that were typed: a hand-off has an item of its own."""
        if turn.get("source") == "handoff":
            return
        running = turn["status"] == "inProgress"
        asked = " ".join(part.get("text", "") for part in turn.get("input", []))
        text = asked if running else turn.get("output") or (turn.get("error") or {}).get("message")
        self._work(turn["id"], turn["status"], text, turn.get("startedAt"))

    def _work(self, work_id: str, status: str, text: str | None, begun_ms: int | None) -> None:
        """In the words of ``voxgate call``."""
        told: JsonObject = {"callId": work_id, "state": _STATES.get(status, status), "text": text}
        if begun_ms is not None:
            self._moments()  # where this is the first that is shown, the clock begins with it
            told["begun"] = self._moments.of(begun_ms)
        self._screen.event("handoff", told)

    def _on_live(self, name: str, params: JsonObject) -> None:
        match name:
            case "transcript/delta":
                self._screen.delta(params["role"], params["itemId"], params["delta"])
            case "handoff" if params["state"] in ("steered", "progress"):
                self._screen.tell("agent", f"[{params['state']}] {params.get('text') or ''}".rstrip())
            case "error":
                self._screen.event("error", params)
            case "started":
                self._screen.remark("(a call has begun)")
            case "closed":
                self._screen.settle()
                self._screen.remark(f"(the call has ended: {params['reason']})")
            case "reconnecting" | "resumed":
                self._screen.remark(f"(the upstream: {name})")


def parser() -> argparse.ArgumentParser:
    """What ``tail`` takes."""
    parser = CommandParser(
        prog="voxgate tail",
        description="Follow a thread of a running gateway: what is said and done in it, as it happens. A lost "
        "connection is sought again, and what was missed is shown. Ends at SIGINT or SIGTERM.",
        epilog="Exit status: 0 ended by a signal, 1 no such thread or gateway, 2 wrong usage.",
    )
    parser.add_argument("thread", metavar="THREAD", help="the thread's id")
    add_door_flags(parser)
    parser.add_argument("--after", type=whole_number, metavar="SEQ", help="show the records after this one; 0 for all")
    parser.add_argument("--json", action="store_true", help="JSON lines only: {t, method, params}")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Follow until a signal."""
    if arguments.after is not None and arguments.after < 0:
        raise ConfigurationError("--after: must be 0 or more", setting="--after")
    door = door_from(arguments)
    moments = Moments()
    display: Display = Lines() if arguments.json else Readable(Screen(moments), moments)
    return run_until_signal(lambda stop: Follower(door, arguments.thread, arguments.after, display).run(stop))


class Follower:
    """One thread over as many connections as it takes; each names the last record that was shown."""

    def __init__(self, door: Door, thread_id: str, after: int | None, display: Display) -> None:
        self._door = door
        self._thread_id = thread_id
        self._display = display
        self._seq = after
        self._epoch: str | None = None
        self._pause_s = FIRST_PAUSE_S

    async def run(self, stop: asyncio.Event) -> int:
        """Follow until ``stop``; returns the exit status."""
        while not stop.is_set():
            try:
                await self._connected(await self._door.open(), stop)
            except ConnectFailed as error:
                if self._epoch is None or error.status in (401, 403, 404):
                    return _refused(self._door.refusal(error)[1])
            except CallRefused as refused:
                if self._epoch is None or refused.code not in _PASSING:
                    return _refused(f"{refused.message} ({refused.code})")
            if not stop.is_set():
                await self._rest(stop)
        return EXIT_FOLLOWED

    async def _connected(self, link: MessageLink, stop: asyncio.Event) -> None:
        """Follow over a link until it ends or ``stop``; raises ``CallRefused``."""
        client = RpcClient(link, self._notified)
        async with asyncio.TaskGroup() as group:
            reader, stopped = group.create_task(client.run()), group.create_task(stop.wait())
            resumed = group.create_task(self._resume(client))
            await asyncio.wait((resumed, stopped), return_when=asyncio.FIRST_COMPLETED)
            if resumed.done() and resumed.result() is None:
                await asyncio.wait((reader, stopped), return_when=asyncio.FIRST_COMPLETED)
            for task in (resumed, stopped):
                task.cancel()
            await link.close()
            reader.cancel()
        if resumed.done() and not resumed.cancelled() and (refused := resumed.result()) is not None:
            raise refused
        if not stop.is_set():
            self._display.remark("connection lost, trying again")

    async def _resume(self, client: RpcClient) -> CallRefused | None:
        """Subscribe from where we were. A refusal is a result: it must not end the tasks beside."""
        position: JsonObject = {"afterSeq": self._seq} if self._seq is not None else {}
        if self._epoch is not None:
            position["epoch"] = self._epoch
        try:
            await client.call("initialize", {"clientInfo": {"name": "voxgate-tail", "version": version("voxgate")}})
            await client.tell("initialized", {})
            result = await client.call("thread/resume", {"threadId": self._thread_id, **position})
        except CallRefused as refused:
            return refused
        except LinkClosed:
            return None
        if position and not result.get("resumed", True):
            self._display.remark("the position is unknown: from the beginning")
        self._epoch = result["epoch"]
        if self._seq is None:
            self._seq = result["seq"]
        self._pause_s = FIRST_PAUSE_S
        return None

    async def _rest(self, stop: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(self._pause_s):
                await stop.wait()
        except TimeoutError:
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _notified(self, method: str, params: JsonObject) -> None:
        self._seq = params.get("seq", self._seq)
        self._display.notified(method, params)


def _unix_ms(params: JsonObject) -> int | None:
    """When that happened of which a record tells."""
    told = params.get("item") or params.get("turn") or {}
    moment: int | None = told.get("createdAt") or told.get("completedAt") or told.get("startedAt")
    return moment


def _refused(message: str) -> int:
    complain(message)
    return EXIT_REFUSED
