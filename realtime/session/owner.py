"""A live call: one owner task around one conversation.

The owner alone mutates the conversation; everybody else posts messages into its inbox. Its connections
(``wires.py``) post what happens to them. When the owner ends, the writer gets a second to send what is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import assert_never

from prompts.delegation import delegation
from realtime.core import actions as act
from realtime.core.call import State
from realtime.core.config import SessionConfig
from realtime.core.conversation import Conversation
from realtime.errors import Draining, GatewayError, Overloaded, SessionNotFound
from realtime.lanes import ThreadLane
from realtime.protocol import appserver as app
from realtime.protocol.ids import Seq, TurnId
from realtime.protocol.realtime import Malformed, SpeechStarted
from realtime.queues import UpstreamOutbox
from realtime.session.inbox import Commit, Delivery, Heard, Message
from realtime.session.media import MediaPort
from realtime.session.observer import Observer
from realtime.session.push_to_talk import PushToTalk
from realtime.session.realtime_clients import RealtimeClients
from realtime.session.upstream import ControlPath
from realtime.session.wires import Wires
from realtime.settings import LimitsSettings
from realtime.telemetry import Telemetry
from realtime.turns.request import Started, TurnRequest
from realtime.turns.turns import Turns

log = logging.getLogger(__name__)


class Session:
    """One call of a thread; a listener of the turns it begins."""

    def __init__(
        self,
        config: SessionConfig,
        path: ControlPath,
        media: MediaPort,
        lane: ThreadLane,
        turns: Turns,
        limits: LimitsSettings,
    ) -> None:
        self.config = config
        self.media = media
        self._lane = lane
        self._turns = turns
        self._conversation = Conversation(config)
        self._inbox: asyncio.Queue[Message] = asyncio.Queue(limits.inbox)
        self._outbox = UpstreamOutbox(audio_ms=limits.audio_queue_ms, control=limits.control_queue)
        self._talk = PushToTalk(self._conversation, self._put)
        self._wires = Wires(config, path, self._outbox, self._inbox.put)
        self.clients = RealtimeClients(self._conversation, self._outbox, self._put, self.append_audio)
        self._reason: act.CloseReason | None = None
        self._garbage = 0
        self._observer: Observer
        self.begun: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Done with True once the call said ``started``, with False when it never did."""

    # -- what others may call ----------------------------------------------------------------------

    async def run(self, telemetry: Telemetry) -> act.CloseReason:
        """The life of the call, in figures too; returns why it ended."""
        self._observer = Observer(self.config.session_id, telemetry)
        try:
            async with asyncio.TaskGroup() as group:
                self._wires.group = group
                sound = group.create_task(self._carry_sound(telemetry))
                try:
                    self._perform(self._conversation.start(now=self._now()))
                    while self._reason is None:
                        self._handle(await self._next())
                finally:
                    sound.cancel()
                    await self._wires.leave()
        finally:
            try:
                self._end_records()
            finally:
                self.retire()
        return self._reason

    def append_audio(self, data: str, duration_ms: float) -> int:
        """Hot path: queue base64 PCM of the session's own format; never waits. Returns chunks dropped for it."""
        self._talk.heard()
        return self._outbox.put_audio(f'{{"type":"input_audio_buffer.append","audio":"{data}"}}', duration_ms)

    def post(self, command: act.Command) -> None:
        """For doors: never waits; raises ``Overloaded``, or ``SessionNotFound`` when the call is over."""
        self._put(command)

    async def deliver(self, command: act.Command) -> Seq | None:
        """Post a command; answered after the commit of the record it makes, where it makes one."""
        taken: asyncio.Future[Commit | None] = asyncio.get_running_loop().create_future()
        self._put(Delivery(command, taken))
        commit = await taken
        if commit is None:
            return None
        records = await asyncio.shield(commit)
        return records[-1].seq

    async def stop(self, reason: act.CloseReason = "requested") -> None:
        """End the call; waits for room, never refused. Nothing happens when it is over."""
        if self._reason is None:
            await self._inbox.put(act.Stop(reason))

    async def said(self, turn_id: TurnId, text: str, *, final: bool) -> None:
        """The agent finished a message."""
        if self._reason is None:
            await self._inbox.put(act.AgentSaid(turn_id, text, final))

    async def ended(self, turn_id: TurnId, turn: app.Turn) -> None:
        """A turn is over."""
        if self._reason is None and turn.status != "inProgress":
            await self._inbox.put(act.TurnEnded(turn_id, turn.status, turn.output, turn.error))

    def follow(self, turn_id: TurnId) -> None:
        """A typed turn runs: what the agent says in it goes to the voice as well."""
        try:
            self._put(act.TurnFollowed(turn_id))
        except GatewayError as error:
            log.info("call %s: does not hear of turn %s: %s", self.config.session_id, turn_id, error.message)

    @property
    def reason(self) -> act.CloseReason | None:
        """Why the call ended; None while it lives."""
        return self._reason

    @property
    def was_begun(self) -> bool:
        """True once the call said ``started``."""
        return self.begun.done() and self.begun.result()

    def status(self) -> dict[str, object]:
        """The call's state for humans."""
        return {
            "sessionId": self.config.session_id,
            "state": self._conversation.state.value,
            "generation": self._conversation.generation,
            "audioDropped": self._outbox.dropped,
            "garbage": self._garbage,
        }

    # -- the owner ---------------------------------------------------------------------------------

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _put(self, message: Message) -> None:
        if self._reason is not None:
            raise SessionNotFound("the realtime conversation is not running")
        try:
            self._inbox.put_nowait(message)
        except asyncio.QueueFull:
            raise Overloaded("the call is too busy") from None

    async def _next(self) -> Message | None:
        """The next message; None when the conversation wants a tick."""
        deadline = self._conversation.deadline
        if deadline is not None and self._now() >= deadline:
            return None
        if not self._inbox.empty():
            return self._inbox.get_nowait()
        try:
            async with asyncio.timeout_at(deadline):
                return await self._inbox.get()
        except TimeoutError:
            return None

    async def _carry_sound(self, telemetry: Telemetry) -> None:
        """Until the media port has no more; a call whose sound is lost is over."""

        def take(data: str, duration_ms: float) -> None:
            telemetry.audio_dropped(self.append_audio(data, duration_ms))

        loss = await self.media.run(take)
        if loss is not None:
            await self._inbox.put(act.MediaLost(loss))

    def _locate(self) -> None:
        """Before something is cut off: what was heard until now, where the media port knows."""
        position = self.media.position()
        if position is not None:
            self._perform(self._conversation.apply(act.PlayedTo(position.item_id, position.ms), now=self._now()))

    def _handle(self, message: Message | None) -> None:
        now = self._now()
        self._talk.look_at(message)
        match message:
            case None:
                self._perform(self._conversation.tick(now=now))
            case Heard():
                if isinstance(message.event, Malformed):
                    self._count_garbage(message.event)
                if isinstance(message.event, SpeechStarted):
                    self._locate()
                self._observer.heard(message.event, now=now)
                self._perform(self._conversation.receive(message.event, message.generation, now=now))
            case Delivery():
                self._take(message)
            case act.UpstreamLost():
                self._wires.drop(message.generation)
                self._perform(self._conversation.apply(message, now=now))
            case _:
                if isinstance(message, act.Interrupt):
                    self._locate()
                self._perform(self._conversation.apply(message, now=now))

    def _take(self, delivery: Delivery) -> None:
        try:
            commit = self._perform(self._conversation.apply(delivery.command, now=self._now()))
            if (commit is not None or self._reason is None) and not delivery.taken.done():
                delivery.taken.set_result(commit)
        finally:
            _refuse(delivery)  # unless it was answered: the call is over, or this has felled it

    def _perform(self, actions: list[act.Action]) -> Commit | None:
        """Do what the core asks; returns the first record's commit. A full store ends the call, recorded or not."""
        first: Commit | None = None
        now = self._now()
        for action in actions:
            self._observer.did(action, now=now)
            try:
                commit = self._do(action)
            except (Overloaded, Draining) as error:
                reason: act.CloseReason = "store_unavailable" if isinstance(action, act.Record) else "overloaded"
                log.warning("call %s: %s: %s", self.config.session_id, reason, error.message)
                if self._conversation.state is State.CLOSED:
                    continue  # its last records are lost, not its end
                self._perform(self._conversation.apply(act.Stop(reason), now=self._now()))
                break
            first = first if first is not None else commit
        return first

    def _do(self, action: act.Action) -> Commit | None:
        match action:
            case act.Record():
                return self._lane.record(action.draft)
            case act.Notify():
                if action.notification.method == "thread/realtime/started":
                    self.begun.set_result(True)
                self._lane.live(action.notification, shed=action.shed)
            case act.Play():
                self.media.play(action.chunk)
            case act.Flush():
                self.media.flush(action.item_id)
            case act.Relay():
                self.clients.relay(action)
            case act.StartOrJoinTurn():
                self._hand_off(action)
            case act.Close():
                self._reason = action.reason
            case _:
                self._do_upstream(action)
        return None

    def _do_upstream(self, action: act.Send | act.Dial | act.Open | act.Begin) -> None:
        match action:
            case act.Send():
                self._wires.send(self._conversation.generation, action.event)
            case act.Dial():
                self._wires.dial(action.delay)
            case act.Open():
                self._wires.open(action.generation, action.delay)
            case act.Begin():
                self._wires.begin(action)
            case _:
                assert_never(action)

    def _hand_off(self, action: act.StartOrJoinTurn) -> None:
        lines = [(line.role, line.text) for line in action.lines]
        request = TurnRequest(
            prompt=delegation(action.request, lines),
            request=action.request or "\n".join(text for _, text in lines),
            source="handoff",
            call_id=action.call_id,
            item_id=action.item_id,
            live=True,
        )
        command: act.Command
        try:
            result = self._turns.start_or_join(self._lane, request, self)
        except GatewayError as error:
            command = act.TurnRefused(action.call_id, error.message)
        else:
            kind = act.TurnStarted if isinstance(result, Started) else act.TurnJoined
            command = kind(action.call_id, result.turn.id)
        self._perform(self._conversation.apply(command, now=self._now()))

    # -- the end -----------------------------------------------------------------------------------

    def _end_records(self) -> None:
        """A call that a mistake, or an end in haste, has felled: what it began in the thread is ended."""
        if self._reason is not None:
            return
        with contextlib.suppress(GatewayError):  # the store is full or closed: the next start of the gateway ends it
            for action in self._conversation.apply(act.Stop("error"), now=self._now()):
                if isinstance(action, act.Record):
                    self._lane.record(action.draft)

    def retire(self) -> None:
        """Nobody waits for a call that is over, or that never ran; idempotent."""
        self._reason = self._reason or "error"
        self.clients.end(self._reason)
        self._turns.detach(self._lane.thread.id, self)
        if not self.begun.done():
            self.begun.set_result(False)
        while not self._inbox.empty():
            message = self._inbox.get_nowait()
            if isinstance(message, Delivery):
                _refuse(message)

    def _count_garbage(self, event: Malformed) -> None:
        self._garbage += 1
        if self._garbage in (1, 10, 100, 1000):
            log.warning("call %s: malformed upstream message no. %d", self.config.session_id, self._garbage)
        log.debug("call %s: %s", self.config.session_id, event.reason)


def _refuse(delivery: Delivery) -> None:
    if not delivery.taken.done():
        delivery.taken.set_exception(SessionNotFound("the realtime conversation is not running"))
