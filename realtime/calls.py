"""The live calls: one a thread, begun, replaced, fed and ended here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from itertools import takewhile
from typing import Protocol

from realtime.core import actions as act
from realtime.core.config import SessionConfig
from realtime.errors import (
    Draining,
    GatewayError,
    InvalidRequest,
    OfferRefused,
    Overloaded,
    SessionNotFound,
    ThreadNotFound,
    UpstreamError,
)
from realtime.lanes import Sink, ThreadLane
from realtime.live_call import LiveCall, Makers
from realtime.open_threads import OpenThreads
from realtime.protocol import appserver as app
from realtime.protocol.ids import Seq, SessionId, ThreadId
from realtime.session.config import SessionBuilder, ThreadDigest
from realtime.session.face import FaceParams, with_face
from realtime.session.media import ClientAudio
from realtime.session.owner import Session
from realtime.session.peer_audio import PeerAudio
from realtime.session.upstream import ControlPath, UpstreamConnection
from realtime.settings import LimitsSettings
from realtime.telemetry import Telemetry
from realtime.turns.turns import Turns

log = logging.getLogger(__name__)

NOT_RUNNING = "the realtime conversation is not running"
LEAVING = "the gateway is leaving: no new calls"
HANG_UP_AFTER_S = 1.0
"""A client that stops its call closes its own end too, which ends the call in order; so the upstream is asked to hang
up only after a while."""
STARTS_AT_ONCE = 4
"""How many calls of one thread may be on their way to take the place of the one that is live."""
REPLACE_S = 3.0
"""How long a replaced call may take to end."""


class Digests(Protocol):
    """Tells what a voice is to know of a thread before it begins."""

    async def __call__(self, thread_id: ThreadId) -> ThreadDigest:
        """The digest; empty when there is nothing to tell."""
        ...


def _clock_offset_ms() -> int:
    """Unix milliseconds at time 0 of the loop's clock."""
    return int((time.time() - asyncio.get_running_loop().time()) * 1000)


class Calls:
    """Every method raises only ``GatewayError``s. A sink is the client that gets the call's audio."""

    def __init__(
        self,
        threads: OpenThreads,
        turns: Turns,
        builder: SessionBuilder,
        makers: Makers,
        digests: Digests,
        limits: LimitsSettings,
    ) -> None:
        self._threads = threads
        self._turns = turns
        self._builder = builder
        self._makers = makers
        self._digests = digests
        self._limits = limits
        self._live: dict[ThreadId, LiveCall] = {}
        self._all: dict[LiveCall, None] = {}
        """Those in ``_live``, and those that would take the place of one and are not connected yet; oldest first."""
        self._group: asyncio.TaskGroup | None = None
        self._leaving = asyncio.Event()
        self.max_calls = 200
        self.telemetry = Telemetry()

    # -- beginning -------------------------------------------------------------------------------------

    def begin(self, group: asyncio.TaskGroup) -> None:
        """From now on calls may start; the group owns them."""
        self._group = group

    async def start(self, params: app.RealtimeStartParams, sink: Sink | None) -> SessionId:
        """Begin a call: it takes input from now on, and connects in the background.

        Raises ``InvalidRequest``, ``ThreadNotFound``, ``Overloaded`` or ``Draining`` where it cannot be begun at all;
        what else goes wrong, here or later, is notified on the thread, behind the answer to whoever asked.
        """
        lane = await self._admit(params)
        try:
            self._launch(await self._prepare(params, lane, sink))
        except (Draining, Overloaded, ThreadNotFound):
            raise
        except GatewayError as error:
            asyncio.get_running_loop().call_soon(self._report, lane, error)
        return SessionId(params.realtime_session_id or params.session_id or params.thread_id)

    async def place(
        self, params: app.RealtimeStartParams, sink: Sink | None, face: FaceParams | None = None
    ) -> LiveCall:
        """The same; the call, whose ``answered`` can be waited for. What goes wrong is raised.

        ``face``: its client speaks the Realtime API, and joins it at once.
        """
        call = await self._prepare(params, await self._admit(params), sink, face)
        self._launch(call)
        return call

    async def _admit(self, params: app.RealtimeStartParams) -> ThreadLane:
        """Refuse what cannot even be begun; the thread's way out."""
        if self._group is None:
            raise Draining(LEAVING)
        if params.voice is not None and params.voice not in (*app.V1_VOICES, *app.V2_VOICES):
            raise InvalidRequest(f"Invalid request: unknown variant `{params.voice[:80]}` of voice", field="voice")
        self._builder.medium(params)
        self._check_room(params.thread_id)
        return await self._threads.lane(params.thread_id)

    def _check_room(self, thread_id: ThreadId) -> None:
        """A thread whose call is live may begin others in its place, of which one gets through."""
        if thread_id not in self._live and len(self._live) >= self.max_calls:
            raise Overloaded("too many calls are live", retry_after_ms=5000)
        if len(self._of(thread_id)) > STARTS_AT_ONCE:
            raise Overloaded("too many calls of this thread are being started", retry_after_ms=1000)

    def _launch(self, call: LiveCall) -> None:
        if self._group is None:
            raise Draining(LEAVING)
        self._check_room(call.thread_id)  # others may have come while this one was prepared
        if self._threads.lane_if_open(call.thread_id) is not call.lane:
            raise ThreadNotFound("the thread was deleted")
        self._all[call] = None
        self._live.setdefault(call.thread_id, call)
        self.telemetry.session_opened(call.medium)
        self._group.create_task(self._run(call))

    async def _run(self, call: LiveCall) -> None:
        """One call from start to end. The one place where an unforeseen exception of a call ends."""
        try:
            await call.answer_offer()
            await call.session.run(self.telemetry)
        except OfferRefused as error:
            self._report(call.lane, call.fail(error))
        except Exception:
            log.exception("a call of thread %s failed", call.thread_id)
            self._report(call.lane, call.fail(GatewayError("internal error")))
            if call.session.was_begun:
                params = {"threadId": call.thread_id, "reason": "error"}
                call.lane.live(app.Notification("thread/realtime/closed", params))
        finally:
            call.session.retire()  # it may never have run
            self.telemetry.session_closed(call.session.reason or "error")
            call.finish()
            self._leave(call)
            await self._free(call)

    def _leave(self, call: LiveCall) -> None:
        """It is over; a call that was to take its place has it now."""
        self._all.pop(call, None)
        if self._live.get(call.thread_id) is call:
            del self._live[call.thread_id]
            if heirs := self._of(call.thread_id):
                self._live[call.thread_id] = heirs[0]

    async def _free(self, call: LiveCall) -> None:
        """End the peer, and the call at the upstream; whatever goes wrong there is no matter of other calls."""
        try:
            await self._end_media(call)
        except Exception:
            log.exception("a call of thread %s could not be freed", call.thread_id)

    async def _end_media(self, call: LiveCall) -> None:
        if call.peer is not None:
            self.telemetry.peer_ended(call.peer.stats.packets_lost, call.peer.stats.concealed_ms)
            await call.peer.close()
        if call.upstream is not None:
            if call.session.reason == "requested":
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(HANG_UP_AFTER_S):
                        await self._leaving.wait()
            await call.upstream.hang_up()

    async def _configured(self, params: app.RealtimeStartParams, face: FaceParams | None) -> SessionConfig:
        self._builder.check(params)
        digest = await self._digests(params.thread_id)
        if face is not None:  # what was said on other threads is not for whoever holds a key
            digest = ThreadDigest(digest.lines)
        built = self._builder.build(params, digest, clock_offset_ms=_clock_offset_ms())
        if face is None and built.version == "v2" and self._builder.medium(params) == "gateway":
            face = FaceParams(params.thread_id, params.model, transport=params.transport)  # for the data channel
        return built if face is None else with_face(built, self._builder, face, params, digest)

    async def _prepare(
        self, params: app.RealtimeStartParams, lane: ThreadLane, sink: Sink | None, face: FaceParams | None = None
    ) -> LiveCall:
        built = await self._configured(params, face)
        medium, model = self._builder.medium(params), self._builder.model(params)
        upstream = self._makers.call(model, params) if medium in ("upstream", "existing") else None
        inner = upstream.open if upstream is not None else self._makers.opener(model)
        made: list[LiveCall] = []

        async def opened(config: SessionConfig) -> UpstreamConnection:
            """The first connection is the success that a running call gives way to."""
            try:
                connection = await inner(config)
            except UpstreamError as error:
                raise made[0].fail(error) from None
            if made[0].session.was_begun:  # one of many: whoever has taken its place since then keeps it
                return connection
            try:
                await self._take_over(made[0])
            except BaseException:
                await connection.close()
                raise
            return connection

        async def dialled(config: SessionConfig) -> str:
            """And so is the answer of an upstream."""
            answer = await made[0].dial()
            await self._take_over(made[0])
            made[0].accept(answer)
            return answer

        path = ControlPath(opened, dialled)
        media = self._makers.peer() if medium == "gateway" else ClientAudio(lane, sink)
        session = Session(built, path, media, lane, self._turns, self._limits)
        offer = params.transport.sdp if params.transport is not None else None
        if isinstance(media, PeerAudio) and built.face is not None:
            media.channel.join(session)
        made.append(LiveCall(session, lane, sink, offer=offer, upstream=upstream))
        return made[0]

    async def _take_over(self, call: LiveCall) -> None:
        """The call is connected: the one that ran on the thread ends, and has said so."""
        older = self._live.get(call.thread_id)
        if older is not None and call in takewhile(lambda known: known is not older, self._all):
            await call.session.stop("requested")  # one that was begun later was quicker, and is what is wanted
            return
        self._live[call.thread_id] = call
        if older is None or older is call:
            return
        await older.session.stop("requested")
        try:
            async with asyncio.timeout(REPLACE_S):
                await older.ended.wait()
        except TimeoutError:
            log.warning("thread %s: the replaced call is slow to end", call.thread_id)

    def _session(self, thread_id: ThreadId) -> Session:
        call = self._live.get(thread_id)
        if call is None:
            raise SessionNotFound(NOT_RUNNING)
        return call.session

    def _report(self, lane: ThreadLane, error: GatewayError) -> None:
        log.warning("thread %s: no call: %s: %s", lane.thread.id, error.code, error.message)
        said = {"message": error.message, "code": error.code, "retryable": error.retryable}
        params = {"threadId": lane.thread.id, **said}
        lane.live(app.Notification("thread/realtime/error", params))

    # -- feeding ---------------------------------------------------------------------------------------

    def append_audio(self, thread_id: ThreadId, audio: app.AudioParams) -> None:
        """Hot path: check, convert when foreign, queue; never waits."""
        call = self._live.get(thread_id)
        if call is None:
            raise SessionNotFound(NOT_RUNNING)
        data, duration_ms = call.intake.accept(audio)
        if data:
            self.telemetry.audio_dropped(call.session.append_audio(data, duration_ms))

    async def append_text(self, params: app.AppendTextParams) -> Seq | None:
        """Store the text as an item and pass it on; returns its number after the commit."""
        command = act.AppendText(params.text, params.role, params.respond)
        return await self._session(params.thread_id).deliver(command)

    def command(self, thread_id: ThreadId, command: act.Command) -> None:
        """Pass a command to the thread's call."""
        self._session(thread_id).post(command)

    async def stop(self, thread_id: ThreadId, reason: act.CloseReason = "requested") -> None:
        """End the thread's call; nothing happens when there is none."""
        for call in self._of(thread_id):
            await call.session.stop(reason)

    async def end(self, thread_id: ThreadId) -> None:
        """End the thread's call and wait until it has ended."""
        for call in self._of(thread_id):
            await call.session.stop("requested")
            await call.ended.wait()

    def _of(self, thread_id: ThreadId) -> list[LiveCall]:
        return [call for call in self._all if call.thread_id == thread_id]

    # -- looking after ---------------------------------------------------------------------------------

    def listener(self, thread_id: ThreadId) -> Session | None:
        """The call that wants to hear of typed turns."""
        call = self._live.get(thread_id)
        return call.session if call else None

    def find(self, thread_id: ThreadId | None, call_id: str | None = None) -> LiveCall | None:
        """The call of that name, on whatever thread for None, or else the one that is live on the thread."""
        if call_id is None:
            return self._live.get(thread_id) if thread_id is not None else None
        calls = self._all if thread_id is None else self._of(thread_id)
        return next((call for call in calls if call.id == call_id), None)

    def take_audio(self, thread_id: ThreadId, sink: Sink) -> None:
        """From now on this client gets the call's audio."""
        call = self._live.get(thread_id)
        if call is not None and call.chunks is not None:
            call.chunks.owner = sink

    def forget(self, sink: Sink, thread_id: ThreadId | None = None) -> None:
        """The client has gone, or has left this thread: audio that was its own goes nowhere."""
        for call in self._all if thread_id is None else self._of(thread_id):
            if call.chunks is not None and call.chunks.owner is sink:
                call.chunks.owner = None

    async def sweep(self) -> None:
        """End the calls that nobody has watched for ``limits.orphan_s``."""
        now = asyncio.get_running_loop().time()
        for call in list(self._all):
            if not self._is_alone(call):
                call.alone_since = None
            elif call.alone_since is None:
                call.alone_since = now
            elif now - call.alone_since >= self._limits.orphan_s:
                await call.session.stop("abandoned")

    def _is_alone(self, call: LiveCall) -> bool:
        """Nobody watches it."""
        lane = self._threads.lane_if_open(call.thread_id)
        return not (call.has_person or call.session.clients or (lane is not None and lane.sinks))

    async def end_abandoned(self) -> bool:
        """Make room: end the call that nobody has watched for longest. False where somebody watches each."""
        now = asyncio.get_running_loop().time()
        alone = {call: call.alone_since or now for call in self._all if self._is_alone(call)}
        if not alone:
            return False
        call = min(alone, key=alone.__getitem__)
        log.info("thread %s: its call is abandoned, and makes room for another", call.thread_id)
        await call.session.stop("abandoned")
        await call.ended.wait()
        return True

    async def drain(self) -> None:
        """No new calls; end those that run, and wait for them at most ``limits.drain_s``."""
        self._group = None
        self._leaving.set()
        calls = list(self._all)
        for call in calls:
            await call.session.stop("draining")
        try:
            async with asyncio.timeout(self._limits.drain_s):
                for call in calls:
                    await call.ended.wait()
        except TimeoutError:
            log.warning("%d calls did not end in time", sum(not call.ended.is_set() for call in calls))
