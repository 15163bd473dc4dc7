"""Every wish for a response, what was asked for its sake, and what came of that."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.core.responses import METADATA_KEY
from realtime.protocol import realtime as ev


class Violated(AssertionError):
    """An invariant does not hold."""


def hold(truth: bool, otherwise: str) -> None:
    """Raises ``Violated`` unless it is so."""
    if not truth:
        raise Violated(otherwise)


@dataclass(slots=True)
class _Ask:
    """A ``response.create``. ``settled`` means that the wishes before it need no other."""

    order: int
    event_id: str
    asked_at: float
    refused: bool = False
    settled: bool = False
    answered: bool = False
    """The call has been told what became of it."""
    doubted: bool = False
    """Given up, and nothing was heard of the upstream since."""


class Wishes:
    """A wish is granted by a later ``response.create`` that was accepted, denied or given up by the deadline.

    It is not by one that was refused since another response was active, nor by one that went down with its
    connection before the call heard of it, nor by one given up on a connection that never said anything again.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._order = 0
        self._last_wish: int | None = None
        self._last_spoken: int | None = None
        """That for words that were said, and may be lost."""
        self._asks: list[_Ask] = []
        self._active: str | None = None
        self._ended: set[str | None] = set()
        self._echoed = False
        self._heard_at = 0.0
        self.given_up = 0

    def moment(self) -> int:
        """Now, as a place in the order of wishes and of what was asked."""
        self._order += 1
        return self._order

    def wish(self, now: float, *, since: int | None = None, spoken: bool = False) -> None:
        """A response is wanted that was asked for from here on, or since an earlier moment."""
        del now
        moment = self.moment() if since is None else since
        if spoken:
            self._last_spoken = moment
        else:
            self._last_wish = max(self._last_wish or 0, moment)

    def forget(self) -> None:
        """The words are lost."""
        self._last_spoken = None

    def asks(self, event_id: str, generation: int, now: float) -> None:
        """The call sends ``response.create``: never while it knows that another is, or may be, active."""
        del generation
        pending = self._asks[-1] if self._asks else None
        hold(pending is None or pending.answered, "asked for a response while another was asked for")
        hold(self._active is None, "asked for a response while one was active")
        self._order += 1
        self._asks.append(_Ask(self._order, event_id, now))

    def hears(self, event: ev.ServerEvent) -> None:
        """The call is told something."""
        for ask in self._asks:
            ask.settled |= ask.doubted
        match event:
            case ev.ResponseCreated():
                if not event.response.is_out_of_band:
                    self._created(event.response)
            case ev.ResponseDone():
                self._settle(event.response)
                self._ended.add(event.response.id)
                if self._active is None or event.response.id == self._active:
                    self._active = None
            case ev.ErrorEvent():
                if event.error.code == "conversation_already_has_active_response":
                    self._answer_last()
                elif (event.error.event_id or "").startswith("create_"):
                    self._answer_last(settled=True)
            case _:
                pass

    def lost(self, event: ev.ServerEvent) -> None:
        """The call is never told this."""
        if isinstance(event, ev.ErrorEvent):
            for ask in self._asks:
                ask.settled |= ask.event_id == event.error.event_id
        elif isinstance(event, (ev.ResponseCreated, ev.ResponseDone)):
            self._settle(event.response, answered=False)

    def expires(self) -> None:
        """The deadline has passed: what was not answered is given up."""
        self.given_up += 1
        self._active = None
        if self._asks and not self._asks[-1].answered:
            self._asks[-1].answered = self._asks[-1].doubted = True

    def begins(self) -> None:
        """A new connection: what was asked on the old one is gone with it."""
        self._active, self._echoed = None, False
        for ask in self._asks:
            ask.doubted = False
        self._answer_last()

    def rests(self) -> None:
        """No wish is left."""
        granted = max((ask.order for ask in self._asks if ask.settled or ask.doubted), default=0)
        for wish in (self._last_wish, self._last_spoken):
            hold(wish is None or granted > wish, "a wish for a response was lost")

    def _created(self, response: ev.Response) -> None:
        if response.id not in self._ended:  # an end may overtake its beginning
            self._active = response.id
        self._settle(response)
        if response.metadata is None and not self._echoed:
            self._answer_last()

    def _settle(self, response: ev.Response, *, answered: bool = True) -> None:
        number = (response.metadata or {}).get(METADATA_KEY)
        if number is None:
            return
        self._echoed |= answered
        for ask in self._asks:
            if ask.event_id.endswith(f"_{number}"):
                ask.settled = True
                ask.answered |= answered

    def _answer_last(self, *, settled: bool = False) -> None:
        if self._asks:
            self._asks[-1].answered = True
            self._asks[-1].settled |= settled
