"""A small model of the agent's side: one turn at a time, and who listens to it."""

from __future__ import annotations

from realtime.core import actions as act
from realtime.protocol.ids import CallId, TurnId


class AgentTurns:
    """Begins turns, lets them be joined, and ends them. A turn outlives the call that began it."""

    def __init__(self) -> None:
        self.running: TurnId | None = None
        self.heard = False
        """Whether the call that is up hears what is said in it."""
        self.refusing = False
        self._number = 0

    def hand_over(self, call_id: CallId) -> act.TurnStarted | act.TurnJoined | act.TurnRefused:
        """A hand-off comes in: it begins a turn, or steers the one that runs, or is refused."""
        if self.refusing:
            self.refusing = False
            return act.TurnRefused(call_id, "too much to do")
        self.heard = True
        if self.running is not None:
            return act.TurnJoined(call_id, self.running)
        return act.TurnStarted(call_id, self._begin())

    def typed(self) -> act.TurnFollowed:
        """A turn is begun from a keyboard."""
        self.heard = True
        return act.TurnFollowed(self._begin())

    def said(self, turn_id: TurnId, *, final: bool) -> act.AgentSaid:
        """The agent finished a message."""
        return act.AgentSaid(turn_id, "the agent found something", final)

    def ended(self, turn_id: TurnId, how: str) -> act.TurnEnded:
        """The turn is over: ``completed``, ``failed`` or ``interrupted``."""
        self.running = None
        if how == "failed":
            return act.TurnEnded(turn_id, "failed", error="it broke")
        return act.TurnEnded(turn_id, "completed" if how == "completed" else "interrupted")

    def hang_up(self) -> None:
        """The call is over: nobody listens any more."""
        self.heard = False

    def _begin(self) -> TurnId:
        self._number += 1
        self.running = TurnId(f"turn_{self._number}")
        return self.running
