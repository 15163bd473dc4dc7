"""The control connections of a WebRTC call that the upstream answers: dialling, joining, joining again.

Law: the call at the upstream is one, and its session lives on when the sideband drops; so a new sideband is told
only what the upstream has not shown to have, and what it may have told nobody is asked for. Without the call there
is nothing to join: it cannot be made again without an offer, which only the client has.

The call is answered → ``started`` and the answer leave at once, the sideband is joined meanwhile. A new call may not
be known yet at the place where it is joined: until ``join_s`` have passed that is no refusal.
"""

from __future__ import annotations

from realtime.core.actions import Begin, Dial, Loss
from realtime.core.attempts import Attempts
from realtime.core.call import Call, State
from realtime.core.upstreams import PREPARE_AT
from realtime.protocol.realtime import ClientEvent, ItemCreate, ItemRetrieve, SessionUpdate

_SPOKEN = ("userMessage", "assistantMessage")


class Sidebands:
    """Takes the place of ``Upstreams`` in a call whose media the upstream carries."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._attempts = Attempts(call)
        self._drop: Loss | None = None
        self._join_by = 0.0
        self._offer_at: float | None = None
        self._ends_at: float | None = None
        self.current = 0
        """The generation that is talked over; events of others are stale."""
        self.was_open = False
        """True once the call has begun."""

    @property
    def deadline(self) -> float | None:
        """When ``tick`` is wanted."""
        wanted = [due for due in (self._offer_at, self._ends_at) if due is not None]
        return min(wanted, default=None)

    def start(self) -> None:
        """Have the call made, or join the one that the client made."""
        if self._call.config.call == "made":
            self._call.emit(Dial())
        else:
            self._seek()

    def answered(self, answer: str) -> None:
        """The call is there: the client is told at once, whatever becomes of the sideband."""
        self._begin_call()
        self._call.notify("sdp", {"sdp": answer})
        self._seek()

    def refused(self, loss: Loss) -> Loss | None:
        """The call could not be made. Returns the loss when it is not tried again."""
        policy, attempts = self._call.config.reconnect, self._attempts
        attempts.count += 1
        useless = not loss.retryable or loss.gone or attempts.count > policy.first_retries
        if useless or loss.retry_after_s > policy.cap_s:
            return loss
        self._call.emit(Dial(policy.delay(attempts.count, at_least_s=loss.retry_after_s)))
        return None

    def opened(self, generation: int) -> None:
        """A sideband is there."""
        call = self._call
        if generation != self._attempts.opening:
            return
        if call.committing:  # the turn may have been made unseen; the sound of the call goes on in any case
            call.committing = False
            call.want_response()
        self.current = generation
        call.state = State.OPEN
        if not self.was_open:
            self._begin_call()
        call.emit(Begin(generation, tuple(self._untold())))
        if self._attempts.any_opened:
            call.rejoined = True
            call.notify("resumed", {"attempt": self._attempts.count})
        self._attempts.opened()
        self._drop = None
        if call.responses.unheard:
            call.wishes.again()  # it may have been asked for into the dead one
        if call.responses.reopened(now=call.now, same=True):
            call.ask_response()
        if call.face is not None:
            call.face.rejoined()

    def lost(self, generation: int, loss: Loss) -> Loss | None:
        """A sideband is gone, or never came. Returns the loss when it ends the call."""
        if loss.code == "session_expired":
            return self._over(loss)
        if generation == self._attempts.opening:
            return self._not_opened(loss)
        if generation != self.current or self._call.state is not State.OPEN:
            return None
        return self._dropped(loss)

    def tick(self) -> Loss | None:
        """Ask for a new offer in time before the upstream ends the call; returns the loss when it has to end."""
        now = self._call.now
        if self._offer_at is not None and now >= self._offer_at:
            self._offer_at = None
            self._ask_offer()
        if self._ends_at is not None and now >= self._ends_at:
            self._ends_at = None
            return self._over(Loss("the session hit its maximum duration", code="session_expired"))
        return None

    def switch_if_due(self) -> None:
        """There is never a second one to switch to."""

    def _begin_call(self) -> None:
        call = self._call
        self.was_open = True
        self._attempts.count = 0
        limit = call.config.session_limit_s
        self._offer_at = call.now + limit * PREPARE_AT if call.config.reconnect.enabled else None
        self._ends_at = call.now + limit
        call.announce()

    def _seek(self) -> None:
        """Join for the first time."""
        self._attempts.count = 0
        self._join_by = self._call.now + self._call.config.join_s
        self._attempts.open()

    def _untold(self) -> list[ClientEvent]:
        """The session, until the upstream has shown to have it, and the items that it has not shown.

        Items of the upstream's that were under way are asked for: their ends may have been missed.
        """
        call = self._call
        configure = call.config.call == "made" and not call.configured
        events: list[ClientEvent] = [SessionUpdate(session=call.config.session)] if configure else []
        events += [ItemCreate(item=body) for body in call.unshown.values()]
        # Clients of the API would be shown answers that they did not ask for.
        if self._attempts.any_opened and call.face is None:
            begun = [item.id for item in call.items.open_items() if item.type in _SPOKEN]
            events += [ItemRetrieve(item_id=item_id) for item_id in (*begun, *call.open_calls)]
        return events

    def _not_opened(self, loss: Loss) -> Loss | None:
        call, attempts, policy = self._call, self._attempts, self._call.config.reconnect
        if attempts.any_opened:
            return self._over(loss) if loss.gone else self._try_again(loss)
        attempts.count += 1
        patient = policy.first_retries > 0 and loss.retryable and call.now < self._join_by
        if not patient:
            return loss
        attempts.open(policy.delay(attempts.count, at_least_s=loss.retry_after_s))
        return None

    def _dropped(self, loss: Loss) -> Loss | None:
        if not self._call.config.reconnect.enabled:
            return loss
        self._drop = loss
        self._attempts.dropped()
        return self._try_again(loss)

    def _try_again(self, loss: Loss) -> Loss | None:
        return None if self._attempts.again(loss) else self._over(loss)

    def _over(self, loss: Loss) -> Loss:
        """The call is lost. Closed in order by the upstream, and known there no longer: that is an ordinary end."""
        if loss.gone and self._drop is not None and self._drop.clean:
            return self._drop
        if self._call.config.reconnect.enabled:
            self._ask_offer()
        return loss

    def _ask_offer(self) -> None:
        self._call.notify("reconnecting", {"attempt": max(self._attempts.count, 1), "action": "offer"})
