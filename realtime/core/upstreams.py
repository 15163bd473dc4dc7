"""The connections below a conversation: opening, losing, replacing.

Law: the conversation outlives its connections. A new one is told the history; that one mechanism serves
a drop, the session limit and (later) the hand-over to another node. Before the limit a second connection
is made ready, and taken in a quiet moment; at the latest just before the limit.
"""

from __future__ import annotations

from itertools import count

from realtime.core.actions import Begin, Loss, Open
from realtime.core.answer import Answer
from realtime.core.attempts import STABLE_S, Attempts
from realtime.core.call import Call, State
from realtime.core.hearing import Hearing
from realtime.protocol.ids import ItemId
from realtime.protocol.json import JsonObject
from realtime.protocol.realtime import ClientEvent, ItemCreate, SessionUpdate

PREAMBLE = "preamble"
"""Names the events that a connection begins with."""
PREPARE_AT = 0.85
"""Share of the session limit after which a second connection is made ready."""
COMMIT_BY = 0.9
"""Share of it until which a turn that only a client ends is waited for; a microphone may be open all the time."""
SWITCH_AT = 0.95
"""Share of it after which the switch waits for no quiet moment."""


class Upstreams:
    """Which connection is talked over, and which comes next."""

    def __init__(self, call: Call, answer: Answer, hearing: Hearing) -> None:
        self._call = call
        self._answer = answer
        self._hearing = hearing
        self._attempts = Attempts(call)
        self._standby: int | None = None
        self._standby_ready = False
        self._standby_since = 0.0
        self._prepare_at: float | None = None
        self._commit_by = 0.0
        self._switch_at: float | None = None
        self.current = 0
        """The generation that is talked over; events of others are stale."""

    @property
    def deadline(self) -> float | None:
        """When ``tick`` is wanted."""
        if self._call.state is not State.OPEN:
            return None
        if self._standby is None:
            return self._prepare_at
        return self._switch_at if self._standby_ready else None

    @property
    def was_open(self) -> bool:
        """True once the call has begun."""
        return self._attempts.any_opened

    def start(self) -> None:
        """Make the first connection."""
        self._attempts.open()

    def opened(self, generation: int) -> None:
        """A connection is there."""
        if generation == self._standby:
            self._standby_ready, self._standby_since = True, self._call.now
            self.switch_if_due()
        elif generation == self._attempts.opening:
            self._begin(generation, since=self._call.now)

    def lost(self, generation: int, loss: Loss) -> Loss | None:
        """A connection is gone, or never came. Returns the loss when it ends the call."""
        if generation == self._standby:
            self._standby, self._standby_ready = None, False
            self._prepare_at = self._call.now + STABLE_S
            return None
        if generation == self._attempts.opening:
            return self._not_opened(loss)
        if generation != self.current or self._call.state is not State.OPEN:
            return None
        return self._dropped(loss)

    def tick(self) -> Loss | None:
        """Prepare, or switch, when it is time; never ends the call."""
        now = self._call.now
        if self._call.state is not State.OPEN:
            return None
        self.switch_if_due()
        if self._standby is None and self._prepare_at is not None and now >= self._prepare_at:
            self._standby, self._standby_ready = self._attempts.next_generation(), False
            self._call.emit(Open(self._standby))
        return None

    def switch_if_due(self) -> None:
        """Take the connection that stands ready, if this moment is quiet or the last."""
        call = self._call
        if not self._standby_ready or call.state is not State.OPEN:
            return
        if self._is_quiet() or (self._switch_at is not None and call.now >= self._switch_at):
            self._settle()
            self._begin_standby()

    def _is_quiet(self) -> bool:
        """Nobody speaks, and no words are still to come."""
        call = self._call
        if call.responses.busy or call.committing or call.speaking or call.playback.is_playing(now=call.now):
            return False
        if call.uncommitted and call.now < self._commit_by:
            return False
        return all(item.type == "session" for item in call.items.open_items())

    def _begin_standby(self) -> None:
        generation, self._standby, self._standby_ready = self._standby, None, False
        if generation is not None:
            self._begin(generation, since=self._standby_since)

    def _begin(self, generation: int, *, since: float) -> None:
        """Talk over this connection, whose session lives since then."""
        call = self._call
        self.current = generation
        call.state, call.cut_short = State.OPEN, False
        limit = call.config.session_limit_s
        self._prepare_at = since + limit * PREPARE_AT if call.config.reconnect.enabled else None
        self._commit_by = since + limit * COMMIT_BY
        self._switch_at = since + limit * SWITCH_AT
        bodies = call.history.replay()
        call.replayed = frozenset(ItemId(body["id"]) for body in bodies) if self.was_open else frozenset()
        call.emit(Begin(generation, self._preamble(bodies)))
        if call.face is not None:
            call.face.begun()
        if self.was_open:
            call.notify("resumed", {"attempt": self._attempts.count})
        else:
            call.announce()
        self._attempts.opened()
        if call.responses.reopened(now=call.now):
            call.ask_response()

    def _preamble(self, bodies: list[JsonObject]) -> tuple[ClientEvent, ...]:
        """The session and the history.

        Where clients see errors, these events bear names, so that an error about them is not taken for theirs.
        """
        call = self._call
        named = call.face is not None
        events: list[ClientEvent] = [SessionUpdate(event_id=PREAMBLE if named else None, session=call.session)]
        names = (f"{PREAMBLE}_{number}" if named else None for number in count(1))
        events += [ItemCreate(event_id=next(names), item=body) for body in bodies]
        return tuple(events)

    def _settle(self) -> None:
        """What was under way on the old connection ends with it."""
        call = self._call
        if call.committing:
            lost = "the connection was lost, and with it the sound of this turn"
            call.notify("error", {"message": lost, "code": "upstream_lost", "retryable": True})
        again = self._answer.cut_off()
        unheard = self._hearing.cut_off()
        call.cut_short = call.responses.running and not call.responses.wanted
        if call.responses.lost(again=again):
            call.wishes.again()
        else:
            call.wishes.settle()
        if unheard and not call.history.unanswered:
            call.wishes.withdraw()  # what was to be answered was lost too
            call.responses.wanted = bool(len(call.wishes))
        if call.face is not None:
            call.face.cut_off(again=again)

    def _dropped(self, loss: Loss) -> Loss | None:
        call = self._call
        self._settle()
        if not call.config.reconnect.enabled:
            return loss
        if self._standby_ready:
            self._begin_standby()
            return None
        self._attempts.dropped()
        self._standby = None
        return None if self._attempts.again(loss) else loss

    def _not_opened(self, loss: Loss) -> Loss | None:
        attempts, policy = self._attempts, self._call.config.reconnect
        if self.was_open:
            return None if attempts.again(loss) else loss
        attempts.count += 1
        if not loss.retryable or attempts.count > policy.first_retries or loss.retry_after_s > policy.cap_s:
            return loss
        attempts.open(policy.delay(attempts.count, at_least_s=loss.retry_after_s))
        return None
