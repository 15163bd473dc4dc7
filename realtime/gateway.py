"""The application, put together by hand: threads, calls and turns. Doors translate, this decides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol

from realtime.agents.agent import BackgroundAgent
from realtime.agents.load import load
from realtime.agents.slow import SlowAgent
from realtime.calls import Calls
from realtime.core import actions as act
from realtime.core.call import State
from realtime.core.config import SessionConfig
from realtime.desk import Breaks, Desk
from realtime.errors import Draining, Overloaded, StoreError, TurnNotFound, UpstreamBusy
from realtime.lanes import DELETED, Outgoing, Sink
from realtime.library import Library, RecordPage
from realtime.live_call import Makers
from realtime.offers import Answered, Offers
from realtime.open_threads import OpenThreads, Resumption
from realtime.protocol import appserver as app
from realtime.protocol.ids import ThreadId, TurnId
from realtime.protocol.json import JsonObject
from realtime.protocol.realtime_v1 import codec_for
from realtime.session.config import SessionBuilder, ThreadDigest
from realtime.session.face import FaceParams
from realtime.session.ice_servers import IceServer
from realtime.session.owner import Session
from realtime.session.peer_audio import PeerAudio
from realtime.session.realtime_clients import RealtimeSink
from realtime.session.signalling import UpstreamCall
from realtime.session.upstream import Opener, UpstreamConnection, WebSocketOpener
from realtime.settings import Settings
from realtime.telemetry import Telemetry
from realtime.threads.digest import digest, title
from realtime.threads.recovery import recover
from realtime.threads.sql import SqlThreadStore
from realtime.turns.request import TurnRequest
from realtime.turns.turns import Turns
from transports.link import MessageLink
from transports.peer import PeerSettings
from transports.webrtc import AiortcPeer

__all__ = [
    "DELETED",
    "Answered",
    "FaceParams",
    "Gateway",
    "IceServer",
    "Outgoing",
    "RealtimeSink",
    "RecordPage",
    "Resumption",
    "Session",
    "Sink",
]

log = logging.getLogger(__name__)

SWEEP_S = 1.0
RECENT_THREADS = 5
DIGEST_RECORDS = 200


class Connect(Protocol):
    """Makes links to an embedded voice model."""

    async def __call__(self, thread_id: ThreadId, /, *, audio: bool) -> MessageLink:
        """A session for a thread that answers in sound, or in writing; raises ``Overloaded``."""
        ...


class Gateway:
    """Doors use ``library``, ``threads`` and ``calls``; ``connect`` makes a link to an embedded voice model."""

    def __init__(
        self, settings: Settings, connect: Connect | None = None, *, breaks: Sequence[Breaks] = (), note: str = ""
    ) -> None:
        self._settings = settings
        self._connect = connect
        builder = SessionBuilder(settings.upstream, settings.session, settings.limits)
        self._agent: BackgroundAgent = load(settings.agent.spec, settings.agent)
        if breaks:
            self._agent = slow = SlowAgent(self._agent)
            breaks = (*breaks, slow)
        self.desk = Desk(settings, builder, breaks, note)
        self._peers = PeerSettings(
            udp_ports=settings.server.udp_port_range,
            public_ip=settings.server.public_ip,
            loopback=settings.server.is_loopback,
            private_candidates=settings.server.private_candidates,
        )
        self._store = SqlThreadStore(settings.store_url(), timeout_s=settings.store.timeout_s)
        self.telemetry = Telemetry()
        self._turns = Turns(self._agent, settings.agent, settings.limits, telemetry=self.telemetry)
        self._draining = False
        self._group: asyncio.TaskGroup | None = None
        self.library = Library(self._store)
        self.threads = OpenThreads(self._store, settings.limits, self._store_failed, self.telemetry)
        self.calls = Calls(
            self.threads,
            self._turns,
            builder,
            Makers(self._opener, self._upstream_call, self._peer),
            self._digest,
            settings.limits,
        )
        self.offers = Offers(self.calls, settings.server.ice_servers)
        self.calls.max_calls = settings.server.max_sessions
        self.calls.telemetry = self.telemetry

    # -- life ------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open the store, close what a crash left open, run; at the end all is stored and let go."""
        await self._store.open()
        try:
            await recover(self._store)
            async with asyncio.TaskGroup() as group:
                self._group = group
                self.threads.begin(group)
                self.calls.begin(group)
                tasks = [group.create_task(self._turns.run()), group.create_task(self._sweep())]
                try:
                    yield
                finally:
                    await self.drain()
                    await self.threads.close()
                    for task in tasks:
                        task.cancel()
        finally:
            await self._agent.close()
            await self._store.close()

    async def drain(self) -> None:
        """No new work; calls end with ``draining``, turns are interrupted, all is stored and told. Idempotent."""
        self._draining = True
        await self.calls.drain()
        await self._turns.close()
        await self.threads.flush()

    async def ready(self) -> None:
        """Raises when the gateway should get no new work."""
        if self._draining:
            raise Draining("the gateway is leaving")
        await self._store.ping()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            await self.calls.sweep()
            await self.threads.sweep(self._in_use)

    def _in_use(self, thread_id: ThreadId) -> bool:
        return self.calls.find(thread_id) is not None or self._turns.running(thread_id) is not None

    def _store_failed(self, thread_id: ThreadId, error: StoreError) -> None:
        """What was said can no longer be kept: a call that goes on would pretend otherwise."""
        log.error("thread %s: %s", thread_id, error.message)
        call = self.calls.find(thread_id)
        if call is not None and self._group is not None:
            # beside the writer that tells of it: a call that is ending takes no command, and a busy one has no room
            self._group.create_task(call.session.stop("store_unavailable"))

    # -- clients ---------------------------------------------------------------------------------------

    def forget(self, sink: Sink) -> None:
        """The client has gone."""
        self.threads.forget(sink)
        self.calls.forget(sink)

    def unsubscribe(self, thread_id: ThreadId, sink: Sink) -> app.Unsubscribed:
        """The client wants to hear nothing more of this thread; says whether it heard of it."""
        self.calls.forget(sink, thread_id)
        return self.threads.unsubscribe(thread_id, sink)

    async def read_thread(self, params: app.ThreadReadParams) -> JsonObject:
        """The thread as ``thread/read`` shows it, with the state of its live call, where there is one."""
        shown = await self.library.read(params.thread_id, include_turns=params.include_turns)
        call = self.calls.find(params.thread_id)
        return {**shown, "realtime": call.status()} if call is not None else shown

    async def prepare_resume(self, params: app.ThreadResumeParams, sink: Sink) -> Resumption:
        """As ``OpenThreads.prepare_resume``, with the live call; takes the audio over where that was asked."""
        resumption = await self.threads.prepare_resume(params, sink)
        if params.audio:
            self.calls.take_audio(params.thread_id, sink)
        call = self.calls.find(params.thread_id)
        state = call.status() if call is not None else None
        if state is None or state["state"] == State.CLOSED.value:  # an ended one is freed a moment later
            return resumption
        return replace(resumption, realtime=state)

    async def delete_thread(self, thread_id: ThreadId) -> None:
        """End what runs on a thread and remove it with all its records."""
        await self._end(thread_id)
        await self.threads.delete(thread_id)
        await self._end(thread_id)  # what began meanwhile has no thread any more

    async def _end(self, thread_id: ThreadId) -> None:
        await self.calls.end(thread_id)
        await self._turns.end(thread_id)

    # -- commands of a call: none of them waits for anything ---------------------------------------------

    def append_speech(self, params: app.AppendSpeechParams) -> None:
        """Ask the model to say something."""
        self.calls.command(params.thread_id, act.AppendSpeech(params.text))

    def interrupt_realtime(self, thread_id: ThreadId) -> None:
        """Stop the answer that is being spoken."""
        self.calls.command(thread_id, act.Interrupt())

    def end_utterance(self, thread_id: ThreadId, *, commit: bool) -> None:
        """Push to talk: what was said is a turn, and a response is wanted; or else it is forgotten."""
        self.calls.command(thread_id, act.CommitAudio() if commit else act.ClearAudio())

    def played(self, params: app.PlayedParams) -> None:
        """The client's clock: how much of an item was heard."""
        self.calls.command(params.thread_id, act.Played(params.item_id, params.played_ms))

    # -- typed turns -------------------------------------------------------------------------------------

    async def start_turn(self, params: app.TurnStartParams) -> app.Turn:
        """Run the agent on typed text, or steer the turn that runs; answered after the commit."""
        if self._draining:
            raise Draining("the gateway is leaving")
        lane = await self.threads.lane(params.thread_id)
        call = self.calls.listener(params.thread_id)
        request = TurnRequest(
            prompt=params.text,
            request=params.text,
            source="typed",
            metadata=params.client_metadata or {},
            live=call is not None,
        )
        begun = self._turns.start_or_join(lane, request, call)
        if call is not None:
            call.follow(begun.turn.id)
        await asyncio.shield(begun.committed)
        return begun.turn

    async def steer_turn(self, params: app.TurnSteerParams) -> app.Turn:
        """Steer the running turn; raises ``TurnNotFound``, also when the client means another one."""
        await self.library.get(params.thread_id)
        self._expect_turn(params.thread_id, params.expected_turn_id, params.turn_id)
        joined = self._turns.steer(params.thread_id, params.text)
        await asyncio.shield(joined.committed)
        return joined.turn

    async def interrupt_turn(self, params: app.TurnInterruptParams) -> None:
        """Stop the running turn; raises ``TurnNotFound``, also when the client means another one."""
        await self.library.get(params.thread_id)
        self._expect_turn(params.thread_id, params.turn_id)
        self._turns.interrupt(params.thread_id)

    def _expect_turn(self, thread_id: ThreadId, *named: TurnId | None) -> None:
        """What was meant for a turn that has ended must not hit the one that runs by now."""
        running = self._turns.running(thread_id)
        if running is not None and any(turn_id not in (None, running.id) for turn_id in named):
            raise TurnNotFound("that turn does not run")

    # -- what calls are made of ----------------------------------------------------------------------------

    def _opener(self, model: str) -> Opener:
        upstream = self.desk.upstream
        if self._connect is not None and upstream.embedded:
            return _EmbeddedOpener(self._connect, self.calls.end_abandoned)
        return WebSocketOpener(upstream, model=model, max_bytes=self._settings.limits.upstream_message_bytes)

    def _upstream_call(self, model: str, params: app.RealtimeStartParams) -> UpstreamCall:
        transport = params.transport or app.Transport()
        return UpstreamCall(
            self.desk.upstream,
            model=model,
            max_bytes=self._settings.limits.upstream_message_bytes,
            offer=transport.sdp or "",
            call_id=transport.call_id,
        )

    def _peer(self) -> PeerAudio:
        return PeerAudio(AiortcPeer(self._peers))

    async def _digest(self, thread_id: ThreadId) -> ThreadDigest:
        """This thread's newest lines, and one line of each of the recent others."""
        lines = digest(await self._store.latest(thread_id, limit=DIGEST_RECORDS))
        recent = []
        page = await self._store.threads(limit=RECENT_THREADS + 1)
        for thread in page.threads:
            if thread.id == thread_id or not thread.seq:
                continue
            said = digest(await self._store.latest(thread.id, limit=20))
            about = thread.name or title(said)
            if about is not None:
                recent.append((about, said[-1][1][:200] if said else ""))
        return ThreadDigest(lines, tuple(reversed(recent)))


class _EmbeddedOpener:
    """Connections to the voice model in this process, which bears few; ``make_room`` may free the place of one."""

    def __init__(self, connect: Connect, make_room: Callable[[], Awaitable[bool]]) -> None:
        self._connect = connect
        self._make_room = make_room

    async def __call__(self, config: SessionConfig) -> UpstreamConnection:
        while True:
            try:
                link = await self._connect(config.thread_id, audio=config.modality == "audio")
            except Overloaded as busy:
                if await self._make_room():
                    continue
                raise UpstreamBusy(busy.message, retry_after_ms=busy.retry_after_ms) from None
            return UpstreamConnection(link, codec_for(config.version))
