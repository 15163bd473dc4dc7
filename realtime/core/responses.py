"""The arbiter: one response at a time.

Law: a response is asked for only when none is, or may be, active; what is asked for meanwhile is
remembered as one wish, since a response begun later has seen every item. The wish is granted when the
active one ends, is refused, or is given up.

A response is *asked* from our ``response.create`` until ``response.created`` tells its id, then *active*
until its end. Voice detection may begin one of its own while ours is on its way: ours is then refused
by the upstream, which is no error, and the wish stays. Ours are told from its by the ``metadata`` that
the API echoes; while nothing was echoed, a response created after ours was sent passes for ours, until a
refusal says that it is not.

What was given up stays *doubted* until the upstream says anything at all: if the connection is found dead
instead, the upstream may never have heard of it, and it is asked for on the next one. What was active when a sideband
dropped is *stale* once that is joined again: it may have ended unseen, and the upstream's refusal says whether it has.
What is told to have ended before it is told to have begun does not begin. While the person speaks, wishes are *held*:
the voice would talk over them, and nothing would cut it off.
"""

from __future__ import annotations

from dataclasses import dataclass

from realtime.core.recent import Recent
from realtime.protocol.ids import ResponseId

METADATA_KEY = "voxgate"


@dataclass(slots=True)
class Doubts:
    """What was given up, and may never have reached the upstream, or not be over there."""

    ask: bool = False
    answer: bool = False

    def settle(self) -> None:
        """Something came of the upstream: what it was asked before has reached it."""
        self.ask = self.answer = False


class ResponseQueue:
    """``deadline`` is when a silent response is given up, or None when nothing is awaited."""

    def __init__(self, *, limit_s: float) -> None:
        self._limit_s = limit_s
        self._asked = False
        self._running = False
        self._active: ResponseId | None = None
        self._echoes = False
        self._guessed = False
        self.wanted = False
        """A wish waits; may be set where there is no connection to ask over, or the wish is forgotten."""
        self._held = False
        self.doubts = Doubts()
        self._stale = False
        self._ended_early = Recent[ResponseId, bool](64)
        """Ends of what was not known to have begun: whether they passed for the end of what was active or asked."""
        self.deadline: float | None = None

    @property
    def busy(self) -> bool:
        """True while a response is, or may be, active."""
        return self._asked or self._running

    @property
    def running(self) -> bool:
        """True while a response is known to be active."""
        return self._running

    @property
    def unheard(self) -> bool:
        """True while what was asked for last may never have reached the upstream."""
        return (self._asked or self.doubts.ask) and not self._running

    @property
    def active(self) -> ResponseId | None:
        """The id of the active response, where one is known."""
        return self._active

    def request(self, *, now: float) -> bool:
        """A response is wanted; True: send ``response.create`` now."""
        if self._held or (self.busy and not self._stale):
            self.wanted = True
            return not self.busy and self._next(now)
        return self._ask(now)

    def hold(self) -> None:
        """The person speaks: what is wished waits."""
        self._held = True

    def release(self, *, now: float) -> bool:
        """The person has ended; True: send ``response.create`` for the wish now."""
        held, self._held = self._held, False
        return held and self._next(now)

    def created(self, response_id: ResponseId | None, *, ours: bool | None, now: float) -> bool:
        """A response has begun. ``ours`` by its metadata; None when it carries none.

        True: it has ended already; send ``response.create`` for the wish now.
        """
        over = None if response_id is None else self._ended_early.pop(response_id, None)
        if over:
            return False  # and the wish was granted then
        if ours:
            self._echoes = True
        if ours or (ours is None and not self._echoes):
            self._guessed = self._asked and not ours
            self._asked = False
        if over is not None:
            return self._next(now)
        self._running = True
        self._active = response_id
        self.touched(now=now)
        return False

    def touched(self, *, now: float, patience: float = 1.0) -> None:
        """Something came of the active response: it lives, and may now be silent for ``patience`` times as long."""
        self._stale = False
        if self.busy:
            self.deadline = now + self._limit_s * patience

    def refused(self, *, now: float) -> bool:
        """Ours came while another was active: True when it is still wanted."""
        if not (self._asked or self._guessed):
            return False
        self._asked = self._guessed = False
        self.wanted = True
        if not self._running:
            self._running, self._active = True, None
        self.touched(now=now)
        return True

    def denied(self, *, now: float) -> bool:
        """Ours was refused for another reason, and is not asked for again; True: send one for a later wish now."""
        self._asked = False
        return self._next(now)

    def finished(self, response_id: ResponseId | None, *, ours: bool | None, now: float) -> bool:
        """A response has ended; True: send ``response.create`` for the wish now."""
        self._echoes = self._echoes or ours is True
        is_active = self._running and (self._active is None or response_id is None or response_id == self._active)
        is_asked = ours is True and self._asked and not self._running
        known = is_active or is_asked
        if response_id is not None and response_id != self._active:
            self._ended_early[response_id] = known
        if is_active:
            self._running, self._active = False, None
        elif is_asked:
            self._asked = False  # its beginning was lost on the way, or comes late
        return known and self._next(now)

    def expired(self, *, now: float) -> bool:
        """Past the deadline: give up what never came; True: send ``response.create`` for the wish now."""
        if self.deadline is None or now < self.deadline:
            return False
        self.doubts.ask = self.doubts.ask or self._asked
        self.doubts.answer = self.doubts.answer or self._running
        self._asked = self._running = self._held = False
        self._active = None
        return self._next(now)

    def lost(self, *, again: bool) -> bool:
        """The connection is gone, and with it what was active; ``again``: it is to be asked for anew.

        True when what was asked for, or active, is wanted still.
        """
        unanswered = self._running or self.doubts.answer
        still = self._asked or self.doubts.ask or (unanswered and again)
        self.wanted = self.wanted or still
        self._asked = self._running = self._guessed = self._held = False
        self.doubts.settle()
        self._ended_early.clear()
        self._active = None
        self._echoes = False
        self.deadline = None
        return still

    def reopened(self, *, now: float, same: bool = False) -> bool:
        """A connection is there again; True: send ``response.create`` for the wish now.

        To the ``same`` upstream session: what was asked may not have arrived, and the end of what was active may
        have been missed; so the upstream is asked, and refuses while one is active.
        """
        if not same:
            return self._next(now)
        self.wanted = self.wanted or self._asked or self.doubts.ask
        self._asked = self._guessed = False
        self.doubts.settle()
        self._stale = self._running
        self._held = False
        if self._running:
            self.deadline = now + self._limit_s  # it may have spoken meanwhile
        if self._stale and self.wanted:
            self.wanted = False
            return self._ask(now)
        return self._next(now)

    def _next(self, now: float) -> bool:
        self._settle()
        if self.busy or not self.wanted:
            return False
        if self._held:
            self.deadline = now + self._limit_s  # nobody speaks for so long: the end was lost on its way
            return False
        self.wanted = False
        return self._ask(now)

    def _ask(self, now: float) -> bool:
        self._asked, self._guessed, self._stale = True, False, False
        self.deadline = now + self._limit_s
        return True

    def _settle(self) -> None:
        if not self.busy:
            self.deadline, self._stale = None, False
