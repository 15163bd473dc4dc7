"""Spoken turns whose words come from outside, in their own time."""

from __future__ import annotations

from realtime.mock.speech.contracts import Forget, Hear, Heard, Order, Unheard


class Hearing:
    """One turn: what has been understood of it so far, and in the end. It is ``ready`` at the end."""

    def __init__(self) -> None:
        self.told = ""
        """The words that the client has by now."""
        self.text = ""
        self.failure: str | None = None
        self.ready = False

    def more(self, text: str) -> str:
        """What ``text`` adds to what was told; nothing where it says something else."""
        if not text.startswith(self.told):
            return ""
        added = text[len(self.told) :]
        self.told = text
        return added


class Hearings:
    """All turns of a session that are not understood to the end."""

    def __init__(self, orders: list[Order]) -> None:
        self._orders = orders
        self._open: dict[str, Hearing] = {}

    def hear(self, turn: str, pcm: bytes, *, last: bool) -> Hearing:
        """Have the next sound of a turn listened to."""
        hearing = self._open.setdefault(turn, Hearing())
        self._orders.append(Hear(turn, pcm, last))
        return hearing

    def forget(self, turn: str) -> None:
        """The turn is none."""
        if self._open.pop(turn, None) is not None:
            self._orders.append(Forget(turn))

    def told(self, report: Heard | Unheard) -> str:
        """Take what was understood; returns the words that are new, if any are to be told at once."""
        hearing = self._open.get(report.turn)
        if hearing is None:
            return ""
        if isinstance(report, Heard) and not report.last:
            return hearing.more(report.text)
        del self._open[report.turn]
        if isinstance(report, Heard):
            hearing.text = report.text
        else:
            hearing.failure = report.reason
        hearing.ready = True
        return ""
