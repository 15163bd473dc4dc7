"""The control connections of a WebRTC call that the upstream answers: dialling, joining, joining again.

Law: the call at the upstream is one, and its session lives on when the sideband drops; so a new sideband is told
only what the upstream has not shown to have. Without the call there is nothing to join: it cannot be made again without
an offer, which only the client has.

The call is answered → ``started`` and the answer leave at once, the sideband is joined meanwhile. A new call may not
be known yet at the place where it is joined: until ``join_s`` have passed that is no refusal.
"""

from __future__ import annotations

from realtime.core.actions import Begin, Dial, Loss, Open
from realtime.core.call import Call, State
from realtime.core.upstreams import PREPARE_AT, STABLE_S
from realtime.protocol.realtime import ClientEvent, ItemCreate, ItemRetrieve, SessionUpdate

_SPOKEN = ("userMessage", "assistantMessage")


class Sidebands:
    """Takes the place of ``Upstreams`` in a call whose media the upstream carries."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._opening: int | None = None
        self._attempt = 0
        self._joined = False
        self._drop: Loss | None = None
        self._lost_at = 0.0
        self._opened_at = 0.0
        self._join_by = 0.0
        self._offer_at: float | None = None
        self._ends_at: float | None = None
        self._newest = 0
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
        policy = self._call.config.reconnect
        self._attempt += 1
        if not loss.retryable or loss.gone or self._attempt > policy.first_retries:
            return loss
        self._call.emit(Dial(policy.delay(self._attempt)))
        return None

    def opened(self, generation: int) -> None:
        """A sideband is there."""
        call = self._call
        if generation != self._opening:
            return
        self.current, self._opening = generation, None
        call.state = State.OPEN
        if not self.was_open:
            self._begin_call()
        call.emit(Begin(generation, tuple(self._untold())))
        if self._joined:
            call.notify("resumed", {"attempt": self._attempt})
        self._joined, self._drop = True, None
        self._opened_at = call.now
        if call.responses.reopened(now=call.now, same=True):
            call.ask_response()

    def lost(self, generation: int, loss: Loss) -> Loss | None:
        """A sideband is gone, or never came. Returns the loss when it ends the call."""
        if loss.code == "session_expired":
            return self._over(loss)
        if generation == self._opening:
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
        self._attempt = 0
        limit = call.config.session_limit_s
        self._offer_at = call.now + limit * PREPARE_AT if call.config.reconnect.enabled else None
        self._ends_at = call.now + limit
        call.announce()

    def _seek(self) -> None:
        """Join for the first time."""
        self._attempt = 0
        self._join_by = self._call.now + self._call.config.join_s
        self._open(0.0)

    def _open(self, delay: float) -> None:
        self._newest += 1
        self._opening = self._newest
        self._call.emit(Open(self._opening, delay))

    def _untold(self) -> list[ClientEvent]:
        """The session, until the upstream has shown to have it, and the items that it has not shown.

        Items of the upstream's that were under way are asked for: their ends may have been missed.
        """
        call = self._call
        configure = call.config.call == "made" and not call.configured
        events: list[ClientEvent] = [SessionUpdate(session=call.config.session)] if configure else []
        events += [ItemCreate(item=body) for body in call.unshown.values()]
        if self._joined and call.face is None:  # clients of the API would be shown answers that they did not ask for
            events += [ItemRetrieve(item_id=item.id) for item in call.items.open_items() if item.type in _SPOKEN]
        return events

    def _not_opened(self, loss: Loss) -> Loss | None:
        call, policy = self._call, self._call.config.reconnect
        if self._joined:
            return self._over(loss) if loss.gone else self._try_again(loss)
        self._attempt += 1
        patient = policy.first_retries > 0 and loss.retryable and call.now < self._join_by
        if not patient:
            return loss
        self._open(policy.delay(self._attempt))
        return None

    def _dropped(self, loss: Loss) -> Loss | None:
        call = self._call
        if not call.config.reconnect.enabled:
            return loss
        if call.now - self._opened_at >= STABLE_S:
            self._attempt = 0
        if self._attempt == 0:
            self._lost_at = call.now
        self._drop = loss
        call.state = State.REOPENING
        return self._try_again(loss)

    def _try_again(self, loss: Loss) -> Loss | None:
        call, policy = self._call, self._call.config.reconnect
        given_up = self._attempt > 0 and call.now - self._lost_at > policy.give_up_s
        if not loss.retryable or given_up:
            return self._over(loss)
        self._attempt += 1
        call.notify("reconnecting", {"attempt": self._attempt})
        self._open(policy.delay(self._attempt))
        return None

    def _over(self, loss: Loss) -> Loss:
        """The call is lost. Closed in order by the upstream, and known there no longer: that is an ordinary end."""
        if loss.gone and self._drop is not None and self._drop.clean:
            return self._drop
        if self._call.config.reconnect.enabled:
            self._ask_offer()
        return loss

    def _ask_offer(self) -> None:
        self._call.notify("reconnecting", {"attempt": max(self._attempt, 1), "action": "offer"})
