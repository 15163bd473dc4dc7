"""The state machine of one realtime call. No I/O, no clock, no chance: inputs in, actions out.

States: CONNECTING (no connection yet) → OPEN (as soon as the socket is) ⇄ REOPENING (the connection was
lost and another is sought) → CLOSED. Items created while not OPEN stand in the history, which every new
connection is told; audio waits outside; a wish for a response waits in the arbiter.

Invariants, each a property test: no response request is lost, and the arbiter is idle once the upstream
is; each tool call is answered exactly once; each item's ``done`` comes once and last; a truncation never
goes past what arrived; nothing follows ``Close``; no ``Play`` of an item follows its ``Flush``; every call
that said ``started`` says ``closed`` exactly once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

from realtime.core import actions as act
from realtime.core.actions import Action, Close, CloseReason, Command, Loss
from realtime.core.answer import Answer
from realtime.core.arrivals import Arrivals
from realtime.core.call import Call, State
from realtime.core.config import SessionConfig
from realtime.core.delegation import Delegation
from realtime.core.doubles import Doubles
from realtime.core.face.face import Face
from realtime.core.faults import Verdict, judge
from realtime.core.hearing import Hearing
from realtime.core.sidebands import Sidebands
from realtime.core.upstreams import Upstreams
from realtime.protocol import realtime as ev
from realtime.protocol.appserver import Item, ItemType
from realtime.protocol.ids import ItemId, ThreadId

IGNORED: frozenset[type[ev.ServerEvent]] = frozenset(
    {
        ev.ItemChanged,
        ev.AudioTimeout,
        ev.OutputBuffer,
        ev.ContentPart,
        ev.OutputAudioDone,
        ev.FunctionArguments,
        ev.RateLimitsUpdated,
        ev.Unknown,
        ev.Malformed,
    }
)
"""Events that move nothing, by rule."""


class Conversation:
    """One realtime call of a thread."""

    def __init__(self, config: SessionConfig) -> None:
        self._call = Call(config)
        self._answer = Answer(self._call)
        self._hearing = Hearing(self._call, self._answer)
        self._delegation = Delegation(self._call)
        self._upstreams: Upstreams | Sidebands
        if config.call is None:
            self._upstreams = Upstreams(self._call, self._answer, self._hearing)
        else:
            self._upstreams = Sidebands(self._call)
        self._doubles = Doubles()
        self._face = Face(self._call, self._answer, config.face) if config.face is not None else None
        self._call.face = self._face
        arrivals = Arrivals(self._call, self._answer, self._hearing, self._delegation, self._face)
        self._shown: tuple[bool, bool, int, bool] = (False, False, 0, False)
        self._handlers: dict[type[ev.ServerEvent], Callable[[Any], None]] = {
            ev.SessionShown: self._session_shown,
            ev.ItemAdded: arrivals.added,
            ev.ItemDone: arrivals.done,
            ev.OutputItem: arrivals.output,
            ev.ItemTruncated: self._answer.truncated,
            ev.ItemRetrieved: arrivals.retrieved,
            ev.InputTranscriptDelta: self._hearing.transcript_delta,
            ev.InputTranscriptDone: self._hearing.transcript_done,
            ev.InputTranscriptFailed: self._hearing.transcript_failed,
            ev.SpeechStarted: self._hearing.speech_started,
            ev.SpeechStopped: self._hearing.speech_stopped,
            ev.AudioCommitted: self._hearing.committed,
            ev.AudioCleared: self._hearing.cleared,
            ev.ResponseCreated: self._answer.created,
            ev.ResponseDone: arrivals.response_done,
            ev.ResponseCancelled: self._answer.done,
            ev.OutputAudioDelta: self._answer.audio_delta,
            ev.OutputTextDelta: self._answer.text_delta,
            ev.OutputTextDone: self._answer.text_done,
            ev.ErrorEvent: self._error,
        }

    # -- what is seen from outside ---------------------------------------------------------------

    @property
    def thread_id(self) -> ThreadId:
        """The thread that the call writes into."""
        return self._call.config.thread_id

    @property
    def state(self) -> State:
        """See the module's head."""
        return self._call.state

    @property
    def generation(self) -> int:
        """The connection that is talked over."""
        return self._upstreams.current

    @property
    def heard_bytes_per_ms(self) -> int:
        """Of the microphone's audio, in the session's format."""
        return self._call.heard_bytes_per_ms

    @property
    def is_push_to_talk(self) -> bool:
        """True where only clients end the turns of the person."""
        heard = (self._call.session.get("audio") or {}).get("input") or {}
        return heard.get("turn_detection", True) is None

    @property
    def handled_events(self) -> frozenset[type[ev.ServerEvent]]:
        """Event types that have a row in the table."""
        return frozenset(self._handlers)

    @property
    def deadline(self) -> float | None:
        """When ``tick`` is wanted, by the clock that ``now`` is read from."""
        if self.state is State.CLOSED:
            return None
        dues = [self._upstreams.deadline]
        if self.state is State.OPEN:  # without a connection nothing of the upstream's is overdue
            dues += [self._call.responses.deadline, self._hearing.deadline, self._delegation.deadline]
        return min((due for due in dues if due is not None), default=None)

    # -- the doors -------------------------------------------------------------------------------

    def start(self, *, now: float) -> list[Action]:
        """Begin: the first connection is asked for."""
        self._call.now = now
        self._upstreams.start()
        return self._drain()

    def receive(self, event: ev.ServerEvent, generation: int, *, now: float) -> list[Action]:
        """An event of the upstream; one of a connection that is gone, or not yet taken, or a double, is dropped."""
        if self.state is not State.OPEN or generation != self._upstreams.current:
            return []
        if self._doubles.has(event, generation):
            return []
        self._call.now = now
        self._call.responses.doubts.settle()
        if self._face is None or not self._face.receive(event):
            handler = self._handlers.get(type(event))
            if handler is not None:
                handler(event)
        return self._drain()

    def apply(self, command: Command, *, now: float) -> list[Action]:
        """A command of the client's, the agent's or the connection's."""
        if self.state is State.CLOSED:
            return []
        self._call.now = now
        self._dispatch(command)
        return self._drain()

    def tick(self, *, now: float) -> list[Action]:
        """Time has come to ``deadline``."""
        if self.state is State.CLOSED:
            return []
        call = self._call
        call.now = now
        if self.state is State.OPEN and call.responses.deadline is not None and now >= call.responses.deadline:
            self._give_up()
        if self.state is State.OPEN:
            self._delegation.tick()
            self._hearing.expired()
        final = self._upstreams.tick()
        if final is not None:
            self._end(final)
        return self._drain()

    def _give_up(self) -> None:
        """A response has been silent for too long: nobody waits for it any longer, and nobody is left in the dark."""
        call, stuck = self._call, self._call.responses.active
        spoken = call.responses.running and self._answer.finished_items > 0
        if self._face is not None and not call.responses.running:
            self._face.given_up()
        if not spoken and call.owed.again(call.asks):
            call.want_response()
        again = call.responses.expired(now=call.now)
        call.send(ev.ResponseCancel(response_id=stuck))
        if again:
            call.ask_response()
        elif not spoken:
            call.notify("error", {"message": "no answer came", "code": "response_timeout", "retryable": True})

    # -- commands --------------------------------------------------------------------------------

    def _dispatch(self, command: Command) -> None:
        match command:
            case act.CallAnswered() | act.CallRefused() | act.UpstreamOpened() | act.UpstreamLost() | act.MediaLost():
                self._dispatch_upstream(command)
            case act.AppendText():
                self._append_text(command)
            case act.AppendSpeech():
                self._call.tell_backend(command.text)
                self._call.want_response()
            case act.Played():
                self._answer.played(command.item_id, command.ms)
            case act.PlayedTo():
                self._call.playback.reached(command.item_id, command.ms)
            case act.Interrupt():
                self._answer.interrupt()
            case act.CommitAudio():
                self._hearing.commit()
            case act.ClearAudio():
                self._hearing.clear()
            case act.Stop():
                self._close(command.reason)
            case _:
                self._dispatch_other(command)

    def _dispatch_other(
        self,
        command: act.AudioBegan
        | act.ClientJoined
        | act.ClientSent
        | act.TurnStarted
        | act.TurnJoined
        | act.TurnFollowed
        | act.TurnRefused
        | act.AgentSaid
        | act.TurnEnded,
    ) -> None:
        match command:
            case act.AudioBegan():
                self._call.uncommitted = True
            case act.ClientJoined() | act.ClientSent():
                if self._face is not None:
                    self._face.obey(command)
            case act.TurnStarted():
                self._delegation.started(command)
            case act.TurnJoined():
                self._delegation.joined(command)
            case act.TurnFollowed():
                self._call.handoffs.follow(command.turn_id)
            case act.TurnRefused():
                self._delegation.refused(command)
            case act.AgentSaid():
                self._delegation.said(command)
            case act.TurnEnded():
                self._delegation.ended(command)
            case _:
                assert_never(command)

    def _dispatch_upstream(
        self, command: act.CallAnswered | act.CallRefused | act.UpstreamOpened | act.UpstreamLost | act.MediaLost
    ) -> None:
        upstreams, final = self._upstreams, None
        match command:
            case act.CallAnswered() if isinstance(upstreams, Sidebands):
                upstreams.answered(command.answer)
            case act.CallRefused() if isinstance(upstreams, Sidebands):
                final = upstreams.refused(command.loss)
            case act.UpstreamOpened():
                upstreams.opened(command.generation)
            case act.UpstreamLost():
                final = upstreams.lost(command.generation, command.loss)
            case act.MediaLost():
                final = command.loss
        if final is not None:
            self._end(final)

    def _append_text(self, command: act.AppendText) -> None:
        call = self._call
        item_id = call.new_item_id()
        sent = command.text
        if command.role == "user" and sent and not sent.startswith("[USER] ") and self._face is None:
            sent = f"[USER] {sent}"
        call.create_item(ev.message_item(_wire_role(command.role), sent, item_id=item_id), shown=True)
        kind: ItemType = "assistantMessage" if command.role == "assistant" else "userMessage"
        item = Item(item_id, kind, command.text, role=command.role, created_at=call.wall_ms())
        call.record(call.items.add(item))
        call.transcript.done(item_id, command.role, command.text)
        respond = command.respond
        if respond is None:
            respond = call.config.modality == "text"
        if respond:
            call.want_response()

    # -- events that concern more than one part ----------------------------------------------------

    def _session_shown(self, event: ev.SessionShown) -> None:
        if event.type == "session.updated":
            self._call.configured = True

    def _error(self, event: ev.ErrorEvent) -> None:
        code = event.error.code
        if self._face is not None and self._face.is_clients_error(event):
            return
        if self._face is not None and self._face.opening_refused:
            self._surface(event)
            self._close("error")
            return
        match judge(code, event.error.event_id):
            case Verdict.IGNORE:
                pass
            case Verdict.RETRY:
                if self._call.responses.refused(now=self._call.now):
                    self._call.wishes.again()
            case Verdict.REOPEN:
                loss = Loss(event.text, code="session_expired", clean=True)
                if (final := self._upstreams.lost(self._upstreams.current, loss)) is not None:
                    self._end(final)
            case Verdict.FATAL:
                self._fail(Loss(event.text, code=code or "upstream_lost", retryable=False), "error")
            case Verdict.SURFACE:
                self._surface(event)

    def _surface(self, event: ev.ErrorEvent) -> None:
        refused_create = (event.error.event_id or "").startswith("create_")
        if refused_create and self._call.responses.denied(now=self._call.now):
            self._call.ask_response()
        if event.error.code == "input_audio_buffer_commit_empty":
            self._call.committing = False
        code = event.error.code or event.error.type or "upstream_error"
        self._call.notify("error", {"message": event.text, "code": code, "retryable": False})

    # -- ends --------------------------------------------------------------------------------------

    def _end(self, final: Loss) -> None:
        if final.code == "session_expired":
            self._fail(final, "session_expired")
        elif final.clean and self._upstreams.was_open:
            self._close("transport_closed")
        else:
            self._fail(final, "error")

    def _fail(self, loss: Loss, reason: CloseReason) -> None:
        self._call.notify("error", {"message": loss.message, "code": loss.code, "retryable": loss.retryable})
        if self._face is not None:
            self._face.failed(loss)
        self._close(reason)

    def _close(self, reason: CloseReason) -> None:
        call = self._call
        if self._upstreams.was_open:
            self._answer.cut_off()
            self._hearing.cut_off()
            session = ItemId(f"{call.config.item_prefix}_session")
            orderly = reason in ("requested", "transport_closed", "draining", "abandoned")
            known = {"status": "completed"} if orderly else {"status": "failed", "error": reason}
            call.record(call.items.end(session, **known))
            call.notify("closed", {"reason": reason})
        call.state = State.CLOSED
        call.emit(Close(reason))

    def _drain(self) -> list[Action]:
        """The actions of this input, and what clients are to know of the call's state."""
        call = self._call
        self._upstreams.switch_if_due()
        if call.state in (State.OPEN, State.REOPENING):
            responses = call.responses
            state = (responses.busy, responses.wanted, call.handoffs.open, call.speaking)
            if state != self._shown:
                self._shown = state
                names = ("responseActive", "responseWanted", "handoffsOpen", "speaking")
                call.notify("state", dict(zip(names, state, strict=True)))
        actions, call.out = call.out, []
        # Handing over may bring the next command at once: what this input caused is told before it.
        actions.sort(key=lambda action: isinstance(action, act.StartOrJoinTurn))
        return actions


def _wire_role(role: str) -> ev.Role:
    """The API has no developer role in items; ``system`` is what it means."""
    if role == "assistant":
        return "assistant"
    return "system" if role == "developer" else "user"
