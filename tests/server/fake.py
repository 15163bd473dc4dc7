"""Doors on real ports before a gateway of lists and dictionaries, and a client to call them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from realtime.calls import Calls
from realtime.core.actions import CloseReason
from realtime.errors import SessionNotFound, ThreadNotFound
from realtime.gateway import Answered, FaceParams, Gateway, IceServer, Outgoing, RecordPage, Resumption, Sink
from realtime.library import Library
from realtime.offers import Offers
from realtime.open_threads import OpenThreads
from realtime.protocol import appserver as app
from realtime.protocol import json
from realtime.protocol.ids import ItemId, Seq, SessionId, ThreadId, TurnId, new_thread_id
from realtime.protocol.json import JsonObject
from realtime.server.app import serving
from realtime.settings import LimitsSettings, ServerSettings
from realtime.telemetry import Telemetry
from realtime.threads.store import ThreadPage


class Journal:
    """What was asked of the gateway, in order, and how it is to answer.

    ``failures[name]`` is raised by the coroutine of that name; ``gates[name]`` is waited for first.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.failures: dict[str, Exception] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Event()

    def named(self, name: str) -> list[Any]:
        return [params for called, params in self.calls if called == name]

    async def until(self, name: str, times: int = 1) -> None:
        """Wait until the coroutine of that name was called so often."""
        async with asyncio.timeout(5):
            while len(self.named(name)) < times:
                self._changed.clear()
                await self._changed.wait()

    def note(self, name: str, params: Any) -> None:
        self.calls.append((name, params))
        self._changed.set()
        if (failure := self.failures.get(name)) is not None:
            raise failure

    async def wait(self, name: str, params: Any) -> None:
        if (gate := self.gates.get(name)) is not None:
            self.calls.append((f"{name} waits", params))
            self._changed.set()
            await gate.wait()
        self.note(name, params)


class FakeThreads(OpenThreads):
    """Threads as lists of records."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.logs: dict[ThreadId, list[app.Record]] = {}
        self.sinks: dict[ThreadId, list[Sink]] = {}

    def make(self, count: int = 0) -> ThreadId:
        """A thread with so many records."""
        thread_id = new_thread_id()
        self.logs[thread_id] = []
        for _ in range(count):
            self.record(thread_id)
        return thread_id

    def record(self, thread_id: ThreadId, text: str = "") -> None:
        """Store a record and send it to whoever listens."""
        seq = Seq(len(self.logs[thread_id]) + 1)
        item = app.Item(ItemId(f"item_{seq}"), "userMessage", text=text or f"line {seq}")
        params: JsonObject = {"threadId": thread_id, "seq": seq, "item": item.to_json()}
        record = app.Record(seq, "item/completed", item.id, params)
        self.logs[thread_id].append(record)
        self.send(thread_id, _outgoing(record))

    def live(self, thread_id: ThreadId, method: str, params: JsonObject, shed: app.Shed = app.Shed.NEVER) -> None:
        """Send a live notification to whoever listens."""
        self.send(thread_id, Outgoing(method, json.encode({"threadId": thread_id, **params}), None, shed))

    def send(self, thread_id: ThreadId, message: Outgoing) -> None:
        for sink in self.sinks.get(thread_id, []):
            sink.notify(message)

    def found(self, thread_id: ThreadId) -> app.Thread:
        if thread_id not in self.logs:
            raise ThreadNotFound(f"thread not found: {thread_id}")
        return app.Thread(thread_id, "epoch_1", Seq(len(self.logs[thread_id])), 1, 1)

    def lane_if_open(self, thread_id: ThreadId) -> Any:
        return self if thread_id in self.logs else None

    async def subscribe(self, thread_id: ThreadId, sink: Sink) -> None:
        await self.journal.wait("subscribe", thread_id)
        self.found(thread_id)
        sinks = self.sinks.setdefault(thread_id, [])
        if sink not in sinks:
            sinks.append(sink)

    def unsubscribe(self, thread_id: ThreadId, sink: Sink) -> app.Unsubscribed:
        sinks = self.sinks.get(thread_id, [])
        if sink not in sinks:
            return "notSubscribed"
        sinks.remove(sink)
        return "unsubscribed"

    def forget(self, sink: Sink) -> None:
        for sinks in self.sinks.values():
            if sink in sinks:
                sinks.remove(sink)

    async def prepare_resume(self, params: app.ThreadResumeParams, sink: Sink) -> Resumption:
        await self.journal.wait("prepare_resume", params)
        thread = self.found(params.thread_id)
        after = thread.seq if params.after_seq is None else params.after_seq
        if after > thread.seq:
            return Resumption(thread, False, "position_unknown", 0)
        return Resumption(thread, True, None, after)

    async def replay(self, resumption: Resumption, sink: Sink) -> None:
        await self.journal.wait("replay", resumption)
        thread = resumption.thread
        for record in self.logs[thread.id][resumption.after : thread.seq]:
            await sink.room(0)
            sink.notify(_outgoing(record))
        done = {"threadId": thread.id, "seq": thread.seq, "resumed": resumption.resumed}
        sink.notify(Outgoing("thread/replayDone", json.encode(done)))
        for record in self.logs[thread.id][thread.seq :]:
            sink.notify(_outgoing(record))
        self.sinks.setdefault(thread.id, []).append(sink)


class FakeLibrary(Library):
    """What may be read of the fake's threads."""

    def __init__(self, journal: Journal, threads: FakeThreads) -> None:
        self.journal = journal
        self.known = threads

    async def start(self, params: app.ThreadStartParams) -> app.Thread:
        await self.journal.wait("start_thread", params)
        return self.known.found(self.known.make())

    async def get(self, thread_id: ThreadId) -> app.Thread:
        await self.journal.wait("thread", thread_id)
        return self.known.found(thread_id)

    async def read(self, thread_id: ThreadId, *, include_turns: bool = True) -> JsonObject:
        await self.journal.wait("read_thread", (thread_id, include_turns))
        return {**self.known.found(thread_id).to_json(), "items": [], "turns": []}

    async def page(self, params: app.ThreadListParams) -> ThreadPage:
        await self.journal.wait("list_threads", params)
        return ThreadPage([self.known.found(thread_id) for thread_id in self.known.logs][: params.limit], None)

    async def archive(self, thread_id: ThreadId) -> app.Thread:
        await self.journal.wait("archive_thread", thread_id)
        return self.known.found(thread_id)

    async def records(self, thread_id: ThreadId, *, after: int, limit: int) -> RecordPage:
        await self.journal.wait("records", (thread_id, after, limit))
        self.known.found(thread_id)
        log = self.known.logs[thread_id]
        shown = log[after : after + limit]
        return RecordPage(shown, Seq(len(log)), after + len(shown) < len(log))

    async def transcript(self, thread_id: ThreadId, *, form: str) -> str:
        await self.journal.wait("transcript", (thread_id, form))
        self.known.found(thread_id)
        return f"as {form}\n"


class FakeCalls(Calls):
    """Calls that only run or do not."""

    def __init__(self, journal: Journal, threads: FakeThreads) -> None:
        self.journal = journal
        self.known = threads
        self.running: set[ThreadId] = set()

    def check(self, thread_id: ThreadId) -> None:
        self.known.found(thread_id)
        if thread_id not in self.running:
            raise SessionNotFound("the realtime conversation is not running")

    async def start(self, params: app.RealtimeStartParams, sink: Sink | None) -> SessionId:
        await self.journal.wait("start_realtime", params)
        self.known.found(params.thread_id)
        self.running.add(params.thread_id)
        return SessionId("sess_1")

    def append_audio(self, thread_id: ThreadId, audio: app.AudioParams) -> None:
        self.journal.note("append_audio", audio)
        self.check(thread_id)

    async def append_text(self, params: app.AppendTextParams) -> Seq | None:
        await self.journal.wait("append_text", params)
        self.check(params.thread_id)
        self.known.record(params.thread_id, params.text)
        return Seq(len(self.known.logs[params.thread_id]))

    async def stop(self, thread_id: ThreadId, reason: CloseReason = "requested") -> None:
        await self.journal.wait("stop_realtime", thread_id)
        self.running.discard(thread_id)


class FakeOffers(Offers):
    """One call, named by ``answered``."""

    def __init__(self, journal: Journal, threads: FakeThreads) -> None:
        self.journal = journal
        self.known = threads
        self.servers: list[IceServer] = []
        self.answered = Answered("v=0\r\nanswer", "rtc_1", '"tag"', SessionId("sess_1"))
        self.running = True

    def ice_servers(self) -> list[IceServer]:
        return self.servers

    async def take(self, params: app.RealtimeStartParams, face: FaceParams | None = None) -> Answered:
        await self.journal.wait("take_offer", params)
        self.known.found(params.thread_id)
        return self.answered

    async def trickle(self, thread_id: ThreadId, call_id: str, fragment: str) -> None:
        self.etag(thread_id, call_id)
        await self.journal.wait("trickle", fragment)

    def etag(self, thread_id: ThreadId, call_id: str) -> str:
        if thread_id not in self.known.logs or call_id != self.answered.call_id or not self.running:
            raise SessionNotFound("no such call")
        return self.answered.etag

    async def hang_up(self, thread_id: ThreadId, call_id: str) -> None:
        self.etag(thread_id, call_id)
        await self.journal.wait("hang_up", call_id)
        self.running = False


class FakeGateway(Gateway):
    """Records what the doors ask for and answers at once, or as its journal says."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.fake_threads = FakeThreads(self.journal)
        self.fake_calls = FakeCalls(self.journal, self.fake_threads)
        self.library = FakeLibrary(self.journal, self.fake_threads)
        self.threads = self.fake_threads
        self.calls = self.fake_calls
        self.fake_offers = FakeOffers(self.journal, self.fake_threads)
        self.offers = self.fake_offers
        self.gone: list[Sink] = []

    async def read_thread(self, params: app.ThreadReadParams) -> JsonObject:
        return await self.library.read(params.thread_id, include_turns=params.include_turns)

    async def prepare_resume(self, params: app.ThreadResumeParams, sink: Sink) -> Resumption:
        return await self.threads.prepare_resume(params, sink)

    def forget(self, sink: Sink) -> None:
        self.gone.append(sink)
        self.threads.forget(sink)
        self.journal.note("forget", sink)

    def unsubscribe(self, thread_id: ThreadId, sink: Sink) -> app.Unsubscribed:
        self.journal.note("unsubscribe", thread_id)
        return self.threads.unsubscribe(thread_id, sink)

    async def delete_thread(self, thread_id: ThreadId) -> None:
        await self.journal.wait("delete_thread", thread_id)
        self.fake_threads.found(thread_id)
        del self.fake_threads.logs[thread_id]

    async def start_turn(self, params: app.TurnStartParams) -> app.Turn:
        await self.journal.wait("start_turn", params)
        self.fake_threads.found(params.thread_id)
        return app.Turn(TurnId("turn_1"), params.thread_id, "inProgress", input=params.text)

    async def steer_turn(self, params: app.TurnSteerParams) -> app.Turn:
        await self.journal.wait("steer_turn", params)
        return app.Turn(TurnId("turn_1"), params.thread_id, "inProgress", input=params.text)

    async def interrupt_turn(self, params: app.TurnInterruptParams) -> None:
        await self.journal.wait("interrupt_turn", params)

    def append_speech(self, params: app.AppendSpeechParams) -> None:
        self._command("append_speech", params.thread_id, params)

    def interrupt_realtime(self, thread_id: ThreadId) -> None:
        self._command("interrupt_realtime", thread_id, thread_id)

    def end_utterance(self, thread_id: ThreadId, *, commit: bool) -> None:
        self._command("commit_audio" if commit else "clear_audio", thread_id, thread_id)

    def played(self, params: app.PlayedParams) -> None:
        self._command("played", params.thread_id, params)

    async def ready(self) -> None:
        await self.journal.wait("ready", None)

    def _command(self, name: str, thread_id: ThreadId, params: Any) -> None:
        self.journal.note(name, params)
        self.fake_calls.check(thread_id)


def _outgoing(record: app.Record) -> Outgoing:
    return Outgoing(record.method, json.encode(record.params), record.seq)


class Caller:
    """A JSON-RPC client of tests: replies by id, notifications in the order they came."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self.socket = socket
        self.replies: dict[object, JsonObject] = {}
        self.order: list[object] = []
        self.notifications: list[JsonObject] = []
        self._last_id = 0

    async def send(self, method: str, params: JsonObject | None = None) -> int:
        """Call without waiting; returns the id."""
        self._last_id += 1
        await self.socket.send_str(json.encode({"id": self._last_id, "method": method, "params": params or {}}))
        return self._last_id

    async def reply(self, request_id: object) -> JsonObject:
        """The reply to that id, whenever it comes."""
        while request_id not in self.replies:
            await self.read()
        return self.replies[request_id]

    async def call(self, method: str, params: JsonObject | None = None) -> JsonObject:
        """Call and wait for the whole reply."""
        return await self.reply(await self.send(method, params))

    async def result(self, method: str, params: JsonObject | None = None) -> JsonObject:
        """Call, expecting success."""
        reply = await self.call(method, params)
        assert "result" in reply, reply
        found: JsonObject = reply["result"]
        return found

    async def refused(self, method: str, params: JsonObject | None = None) -> JsonObject:
        """Call, expecting an error."""
        reply = await self.call(method, params)
        assert "error" in reply, reply
        found: JsonObject = reply["error"]
        return found

    async def notification(self, method: str) -> JsonObject:
        """The next notification of that method; its params."""
        while not any(note["method"] == method for note in self.notifications):
            await self.read()
        found = next(note for note in self.notifications if note["method"] == method)
        self.notifications.remove(found)
        params: JsonObject = found["params"]
        return params

    async def read(self) -> JsonObject:
        """The next message of any kind."""
        async with asyncio.timeout(10):
            message = await self.socket.receive()
        assert message.type is aiohttp.WSMsgType.TEXT, message
        value = json.decode_object(message.data)
        if "method" in value:
            self.notifications.append(value)
        else:
            self.replies[value["id"]] = value
            self.order.append(value["id"])
        return value

    async def closed(self) -> int | None:
        """Read until the server closes; the close code."""
        async with asyncio.timeout(10):
            while True:
                message = await self.socket.receive()
                if message.type is aiohttp.WSMsgType.CLOSE:
                    return int(message.data)
                if message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
                    return self.socket.close_code

    async def initialize(self) -> None:
        await self.result("initialize", {"clientInfo": {"name": "test", "version": "0"}})
        await self.socket.send_str('{"method":"initialized"}')


class Doors:
    """The doors of a fake gateway on a real port."""

    def __init__(self, gateway: FakeGateway, address: str, telemetry: Telemetry, http: aiohttp.ClientSession) -> None:
        self.gateway = gateway
        self.journal = gateway.journal
        self.threads = gateway.fake_threads
        self.calls = gateway.fake_calls
        self.address = address.removesuffix("/")
        self.telemetry = telemetry
        self.http = http

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @asynccontextmanager
    async def caller(self, path: str = "/", *, initialize: bool = True, **options: Any) -> AsyncIterator[Caller]:
        async with self.http.ws_connect(f"{self.address}{path}", max_msg_size=0, **options) as socket:
            caller = Caller(socket)
            if initialize:
                await caller.initialize()
            yield caller


@asynccontextmanager
async def open_doors(
    settings: ServerSettings | None = None, limits: LimitsSettings | None = None
) -> AsyncIterator[Doors]:
    """Doors on a free port of the loopback address."""
    gateway = FakeGateway()
    telemetry = Telemetry()
    chosen = settings or ServerSettings(port=0)
    async with (
        serving(gateway, chosen, limits or LimitsSettings(), telemetry) as address,
        aiohttp.ClientSession() as http,
    ):
        yield Doors(gateway, address, telemetry, http)
