"""Function calls of the voice, turns of the agent, and what each is told of the other.

Law: the voice is asked to speak of a turn's end, not of words on the way. Whoever steers a turn expects an answer,
though: when the agent speaks after that and the turn goes on, the voice is asked once, and not again at the end
unless something new came.
"""

from __future__ import annotations

from dataclasses import dataclass

from realtime.core.actions import AgentSaid, Line, StartOrJoinTurn, TurnEnded, TurnJoined, TurnRefused, TurnStarted
from realtime.core.call import Call
from realtime.core.handoffs import BACKGROUND_AGENT, REMAIN_SILENT, Delegated, Silent, UnknownTool
from realtime.protocol.ids import ItemId, TurnId
from realtime.protocol.realtime import Item, Response

OWN_TOOLS = (BACKGROUND_AGENT, REMAIN_SILENT)

GOES_ON_S = 1.5
"""A turn that goes on for so long after the agent spoke is not about to end with it."""


@dataclass(slots=True)
class _Steered:
    """A turn that was steered: ``due`` is when the voice is asked, ``asks`` how often it was as the agent spoke."""

    expected: bool = True
    due: float | None = None
    asks: int = 0
    told: bool = False
    """The voice was asked since the agent spoke last."""


class Delegation:
    """Hands work over, steers it, and brings results back."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._steered: dict[TurnId, _Steered] = {}

    @property
    def deadline(self) -> float | None:
        """When ``tick`` is wanted."""
        return min((steered.due for steered in self._steered.values() if steered.due is not None), default=None)

    def tick(self) -> None:
        """A turn that was steered goes on: the voice is asked to speak of what the agent said since."""
        for steered in self._steered.values():
            if steered.due is not None and self._call.now >= steered.due:
                steered.due, steered.expected, steered.told = None, False, True
                if self._call.asks == steered.asks:
                    self._call.want_response()

    def called(self, item: Item) -> None:
        """A function call of the voice is complete."""
        call = self._call
        wish = call.handoffs.requested(item)
        if wish is None:
            return
        if item.status == "incomplete":  # it was cut off: half a wish is none, and later upstreams are not told
            call.answer(wish.call_id, call.config.words.cancelled)
            return
        body = {
            "id": item.id or call.new_item_id(),
            "type": "function_call",
            "call_id": wish.call_id,
            "name": item.name or "",
            "arguments": item.arguments or "",
        }
        call.history.put(ItemId(body["id"]), body)
        match wish:
            case Delegated():
                self._delegate(wish)
            case Silent():
                call.answer(wish.call_id, "")
            case UnknownTool():
                call.answer(wish.call_id, call.config.words.unknown_tool)
                self._want_speech()

    def started(self, command: TurnStarted) -> None:
        """A turn was begun for the call."""
        self._call.handoffs.started(command.call_id, command.turn_id)

    def joined(self, command: TurnJoined) -> None:
        """The call steers a running turn: it is acknowledged at once."""
        self._call.handoffs.follow(command.turn_id)
        self._steered.setdefault(command.turn_id, _Steered()).expected = True
        self._call.answer(command.call_id, self._call.config.words.steered)
        self._want_speech()

    def refused(self, command: TurnRefused) -> None:
        """Nobody took the work."""
        words = f"{self._call.config.words.failed} {command.message}"
        self._call.answer(command.call_id, words)
        self._want_speech()

    def said(self, command: AgentSaid) -> None:
        """The agent said something worth telling."""
        if not self._call.handoffs.said(command.turn_id):
            return
        self._call.tell_backend(command.text)
        if self._call.config.speak_progress and not command.final:
            self._call.want_response()
        steered = self._steered.get(command.turn_id)
        if steered is not None:
            steered.asks, steered.told = self._call.asks, False
            if steered.expected and steered.due is None:
                steered.due = self._call.now + GOES_ON_S

    def ended(self, command: TurnEnded) -> None:
        """The turn is over: the call that began it is answered, and the voice speaks of it."""
        call = self._call
        steered = self._steered.pop(command.turn_id, None)
        known = call.handoffs.ended(command.turn_id)
        if known is None:
            return
        call_id, said = known
        if call_id is not None:
            call.answer(call_id, self._outcome(command, said))
        elif command.status != "completed":
            call.tell_backend(self._outcome(command, said))
        elif not said:
            return
        if command.status != "completed" or steered is None or not steered.told:
            self._want_speech()

    def _delegate(self, wish: Delegated) -> None:
        call = self._call
        lines = call.transcript.untold()
        if wish.request:
            lines.append(Line("user", wish.request))
        call.notify(
            "itemAdded",
            {
                "item": {
                    "type": "handoff_request",
                    "handoff_id": wish.call_id,
                    "item_id": wish.item_id,
                    "input_transcript": wish.request,
                    "active_transcript": [{"role": line.role, "text": line.text} for line in lines],
                }
            },
        )
        if lines:
            call.emit(StartOrJoinTurn(wish.call_id, wish.item_id, wish.request, tuple(lines)))
        else:
            call.answer(wish.call_id, call.config.words.empty_request)
            self._want_speech()

    def _want_speech(self) -> None:
        """The voice is to speak of what it was just told."""
        self._call.owed.tell(self._call.asks)
        self._call.want_response()

    def _outcome(self, command: TurnEnded, said: bool) -> str:
        words = self._call.config.words
        if command.status == "failed":
            return f"{words.failed} {command.error or ''}".strip()
        if command.status == "interrupted":
            return words.cancelled
        return words.result_pointer if said else words.no_result


def calls_of(response: Response) -> list[Item]:
    """The function calls that a response shows as over, those cut short included."""
    members = ("type", "id", "status", "name", "call_id", "arguments")
    shown = [{name: body.get(name) for name in members} for body in response.output or ()]
    sound = [known for known in shown if all(value is None or isinstance(value, str) for value in known.values())]
    calls = [Item.model_validate(known) for known in sound if known["type"] == "function_call"]
    return [item for item in calls if item.status in ("completed", "incomplete")]
