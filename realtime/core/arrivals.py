"""Items as the upstream shows them: each is taken once, however many events tell of it."""

from __future__ import annotations

from realtime.core.answer import Answer
from realtime.core.call import Call
from realtime.core.delegation import OWN_TOOLS, Delegation, calls_of
from realtime.core.face.face import Face
from realtime.core.hearing import Hearing
from realtime.protocol import realtime as ev
from realtime.protocol.ids import ItemId

REMOTE = 10.0
"""How much longer than a response itself a tool that the upstream calls may be silent."""


class Arrivals:
    """Hands items on to the part of the call that they concern."""

    def __init__(self, call: Call, answer: Answer, hearing: Hearing, delegation: Delegation, face: Face | None) -> None:
        self._call = call
        self._answer = answer
        self._hearing = hearing
        self._delegation = delegation
        self._face = face

    def added(self, event: ev.ItemAdded) -> None:
        """An item has its place: of the person's, of ours, or one that the voice begins."""
        item, call = event.item, self._call
        self._look_for(event.previous_item_id)
        if item.id is not None:
            call.unshown.pop(item.id, None)
        if item.id in call.replayed:
            return
        if not self._is_of_own_tool(item):
            call.notify("itemAdded", {"item": item.model_dump(mode="json", exclude_unset=True)})
        if item.type == "mcp_call" and call.responses.running:
            call.responses.touched(now=call.now, patience=REMOTE)
        if item.type == "function_call" and item.id is not None and call.responses.running:
            self._answer.begin_call(item.id)
        elif item.type == "message" and item.id is not None:
            if item.role == "assistant" and call.responses.running:
                self._answer.begin(item.id, event.previous_item_id)
            elif event.previous_item_id is not None:
                call.items.note(item.id, previous_item_id=event.previous_item_id)
            self._hearing.typed(item)

    def done(self, event: ev.ItemDone) -> None:
        """It is complete."""
        item = event.item
        if item.id in self._call.replayed:
            return
        if item.type == "mcp_call":
            self._call.responses.touched(now=self._call.now)
        if item.type == "function_call":
            self._called(item)
        elif item.type == "message" and item.role == "assistant" and item.id is not None:
            self._answer.finish(item.id, "interrupted" if item.status == "incomplete" else "completed", item.text())

    def retrieved(self, event: ev.ItemRetrieved) -> None:
        """It was asked for, since events of it may have been missed."""
        item = event.item
        if item.type != "function_call":
            self._hearing.retrieved(event)
        elif self._call.rejoined and item.status in ("completed", "incomplete"):
            self._called(item)

    def output(self, event: ev.OutputItem) -> None:
        """It says once more what the items of the conversation say: a call that was lost there is taken here."""
        over = event.type == "response.output_item.done" and event.item.type == "function_call"
        if over and not self._answer.is_out_of_band(event.response_id):
            self._called(event.item)

    def response_done(self, event: ev.ResponseDone) -> None:
        """The response has ended; calls that were lost before are taken from what it shows of its output."""
        if not event.response.is_out_of_band:
            for item in calls_of(event.response):
                self._called(item)
        self._answer.done(event)

    def _look_for(self, item_id: ItemId | None) -> None:
        """What an item stands behind was made while nobody listened, where it is not known: it may be a call."""
        call = self._call
        if not call.rejoined or self._face is not None or item_id is None:
            return
        if item_id not in call.history and call.items.get(item_id) is None:
            call.send(ev.ItemRetrieve(item_id=item_id))

    def _called(self, item: ev.Item) -> None:
        self._answer.finish_call(item.id)
        if self._face is None or self._face.is_own_call(item):
            self._delegation.called(item)

    def _is_of_own_tool(self, item: ev.Item) -> bool:
        if item.type == "function_call":
            return item.name in OWN_TOOLS
        return item.type == "function_call_output" and item.id is not None and item.id in self._call.history
