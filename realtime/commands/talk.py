"""What a caller knows of the talk from what it is told: who said what, what plays, and whether all is quiet.

A thread may have had a live call when ours was asked for: that one ends just before ours says ``started``, and the
records of its end may come later. So nothing but a failure is ours before ``started``, and no item is before the
record that opens our call. A start that fails says one ``error`` and no ``closed``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from realtime.commands.reporter import Reporter
from realtime.commands.sound import Ear
from realtime.protocol.json import JsonObject

QUIET_S = 0.4
"""All must have been quiet for so long: between two steps of an answer there are gaps."""
QUIET_AFTER_SPEECH_S = 1.0
"""The same after spoken input, whose answer begins only once the voice detection is sure."""
ANSWER_S = 8.0
"""An answer that has not begun by then does not come."""
_KINDS = {"userMessage": "user", "assistantMessage": "assistant"}
_PREFIX = "thread/realtime/"
_UPSTREAM_CODES = ("upstream_refused", "upstream_lost", "session_expired")


class Talk:
    """Fed with notifications; ``now`` is the loop's clock."""

    def __init__(self, reporter: Reporter, player: Ear, clock: Callable[[], float]) -> None:
        self._reporter = reporter
        self._player = player
        self._clock = clock
        self._changed = asyncio.Event()
        self._busy = False
        self._speaking = False
        self._call_item: str | None = None
        self._is_recorded = False
        self._is_cut_off = False
        self._unfinished: set[str] = set()
        self._expected_until = 0.0
        self._asked_at: float | None = None
        self.session_id: str | None = None
        self.closed: str | None = None
        """The reason, once the call is over; ``error`` also when it never began."""
        self.utterances = 0
        """How many times the gateway has heard the person begin and stop to speak."""
        self.answered = False
        self.first_audio_ms: int | None = None

    def notified(self, method: str, params: JsonObject) -> None:
        """Take a notification of the thread."""
        if method in ("item/started", "item/completed"):
            self._on_item(params["item"], completed=method == "item/completed")
        elif method.startswith(_PREFIX):
            name = method.removeprefix(_PREFIX)
            if self.session_id is not None or name in ("started", "error"):
                self._on_live(name, params)
        self._changed.set()

    def asked(self) -> None:
        """The person has said something: an answer is to be expected."""
        now = self._clock()
        self._asked_at = self._asked_at if self._asked_at is not None else now
        if not self._busy:
            self._expected_until = now + ANSWER_S
        self._changed.set()

    @property
    def speaking(self) -> bool:
        """True while the gateway says that the person speaks."""
        return self._speaking

    async def begun(self) -> bool:
        """Wait until the call has started; False when it did not."""
        while self.session_id is None and self.closed is None:
            await self._change()
        return self.session_id is not None

    async def over(self) -> None:
        """Wait until the call is closed."""
        while self.closed is None:
            await self._change()

    async def recorded(self) -> None:
        """Wait for the record that ends our call, which comes after the word that it is closed; none may come."""
        while not (self._is_recorded or self._is_cut_off):
            await self._change()

    def cut_off(self) -> None:
        """The connection has ended: nothing more will be told."""
        self._is_cut_off = True
        self._changed.set()

    async def quiet(self, for_s: float) -> bool:
        """Wait until nothing goes on for so long; False when the call was closed before."""
        quiet_since: float | None = None
        while self.closed is None:
            now = self._clock()
            ends_at = self._quiet_from(now)
            if ends_at is None or ends_at > now:
                quiet_since = None
            elif quiet_since is None:
                quiet_since = now
            elif now - quiet_since >= for_s:
                return True
            until = ends_at if quiet_since is None else quiet_since + for_s
            await self._change(until=until)
        return False

    def _quiet_from(self, now: float) -> float | None:
        """From when on it would be quiet if nothing more came; None while something goes on."""
        if self._busy or self._unfinished:
            return None
        return max(self._player.ends_at(), self._expected_until)

    async def _change(self, *, until: float | None = None) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout_at(until):
                await self._changed.wait()
        except TimeoutError:
            return

    def _on_item(self, item: JsonObject, *, completed: bool) -> None:
        if item["type"] == "session":
            self._on_call_item(item["id"], completed=completed)
        kind = _KINDS.get(item["type"])
        if kind is None or self._call_item is None:
            return
        if not completed:
            self._unfinished.add(item["id"])
            self._reporter.began(kind, item["id"])
            return
        self._unfinished.discard(item["id"])
        fields: JsonObject = {"itemId": item["id"], "text": item.get("text", "")}
        if kind == "assistant":
            self.answered = self.answered or bool(fields["text"])
            fields["responseId"] = item.get("responseId")
        if item.get("status") != "completed":
            fields["status"] = item.get("status")
        self._reporter.event(kind, fields)

    def _on_call_item(self, item_id: str, *, completed: bool) -> None:
        """The first that begins after ``started`` is ours; later ones are those of calls that take its place."""
        if self._call_item is None and self.session_id is not None and not completed:
            self._call_item = item_id
        elif completed and item_id == self._call_item:
            self._is_recorded = True

    def _on_live(self, name: str, params: JsonObject) -> None:
        match name:
            case "started":
                self.session_id = params["sessionId"]
                self._reporter.event("started", {"threadId": params["threadId"], "sessionId": self.session_id})
            case "state":
                self._on_state(params)
            case "transcript/delta":
                self._reporter.delta(params["role"], params["itemId"], params["delta"])
            case "outputAudio/delta":
                self._on_audio(params["audio"])
            case "outputAudio/flush":
                self._player.flush(now=self._clock())
            case "handoff":
                told: JsonObject = {key: params[key] for key in ("callId", "state", "text") if key in params}
                self._reporter.event("handoff", told)
            case "error":
                self._on_error(params)
            case "closed":
                self.closed = params["reason"]
            case "reconnecting" | "resumed":
                self._reporter.remark(f"({name})")

    def _on_state(self, state: JsonObject) -> None:
        names = ("responseActive", "responseWanted", "handoffsOpen", "speaking")
        self._busy = any(state.get(name) for name in names)
        before, self._speaking = self._speaking, bool(state.get("speaking"))
        if before and not self._speaking:
            self.utterances += 1
            self.asked()
        if self._busy:
            self._expected_until = 0.0

    def _on_audio(self, audio: JsonObject) -> None:
        now = self._clock()
        if self.first_audio_ms is None and self._asked_at is not None:
            self.first_audio_ms = max(0, int((now - self._asked_at) * 1000))
        self.answered = True
        self._player.receive(audio, now=now)

    def _on_error(self, params: JsonObject) -> None:
        self._expected_until = 0.0
        message = _plainly(params["code"], params["message"])
        self._reporter.event("error", {"code": params["code"], "message": message})
        if self.session_id is None:
            self.closed = "error"


def _plainly(code: str, message: str) -> str:
    """Whose fault it was: ``connection refused`` alone sounds as if the gateway were meant."""
    if code not in _UPSTREAM_CODES or "upstream" in message:
        return message
    return f"the gateway's upstream, the voice model: {message}"
