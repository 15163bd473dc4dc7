"""Items as clients create and change them, those of earlier upstreams included.

Law: an id that a client was shown stays good. A new upstream is told the history as text: what it was not
told, or what only the recording itself would allow, is done here and looks the same to the client.
"""

from __future__ import annotations

from realtime.core.answer import Answer
from realtime.core.call import Call
from realtime.core.face.inquiries import Inquiry
from realtime.core.face.screen import Screen
from realtime.protocol import realtime as ev
from realtime.protocol.appserver import Item, ItemType, TextRole
from realtime.protocol.complaint import Complaint
from realtime.protocol.ids import CallId, ItemId
from realtime.protocol.json import JsonObject
from realtime.protocol.passed import Passed
from realtime.protocol.short_forms import light

ROOT = "root"
MAX_MS = 86_400_000
"""No answer is longer than a day."""
_TRUNCATED = "conversation.item.truncated"
_ROLES: dict[object, TextRole] = {"user": "user", "assistant": "assistant"}
_TOLD = ("conversation.item.added", "conversation.item.done", "conversation.item.created")


class Edits:
    """The items of one face."""

    def __init__(self, call: Call, answer: Answer, screen: Screen) -> None:
        self._call = call
        self._answer = answer
        self._screen = screen
        self._older: frozenset[str] = frozenset()
        self._own_deletes: set[str] = set()

    def begun(self) -> None:
        """A new upstream: what was shown before is known to it at most as text."""
        self._older = frozenset(self._screen.known)
        self._screen.order.renew(self._call.replayed)
        self._own_deletes.clear()

    # -- what clients ask for ------------------------------------------------------------------------

    def place(self, previous: str | None) -> str | None:
        """Where a new item goes, in the upstream's words: behind the nearest one before that it knows."""
        while previous in self._older and not self._is_upstream(previous):
            previous = self._call.history.before(ItemId(previous)) or self._screen.order.before(previous) or ROOT
        return self._screen.upstream_id(previous) if previous is not None else None

    def reply(self, event: JsonObject) -> list[JsonObject] | None:
        """What is answered here; None: the upstream is to be asked. Raises ``Complaint``."""
        item_id = event["item_id"]
        if item_id not in self._older or item_id not in self._screen.known:
            return None
        match event["type"]:
            case "conversation.item.retrieve":
                return [{"type": "conversation.item.retrieved", "item": self._screen.known[item_id]}]
            case "conversation.item.truncate":
                return [self._truncate(event, item_id)]
            case _ if self._is_upstream(item_id):
                return None
            case _:
                self._forget(item_id)
                return [{"type": "conversation.item.deleted", "item_id": item_id}]

    def no_such_item(self, event: JsonObject) -> Complaint:
        """The refusal of an item that clients do not know."""
        verb = {"conversation.item.create": "creat"}.get(event["type"], event["type"].rpartition(".")[2][:-1])
        name = "previous_item_id" if "previous_item_id" in event else "item_id"
        message = f"Error {verb}ing item: the item with id '{event[name]}' does not exist."
        return Complaint(f"item_{verb}e_invalid_item_id", message, name)

    # -- what upstreams answer -----------------------------------------------------------------------

    def is_told(self, event: JsonObject) -> bool:
        """True for what an upstream says about items that we told it of ourselves."""
        if event["type"] in _TOLD:
            return event["item"].get("id") in self._call.replayed
        if event["type"] == "conversation.item.deleted" and event.get("item_id") in self._own_deletes:
            self._own_deletes.discard(event["item_id"])
            return True
        return False

    def done(self, inquiry: Inquiry) -> None:
        """The upstream has done what a client asked for: the thread and the history learn of it."""
        item_id = ItemId(inquiry.item_id or "")
        match inquiry.kind:
            case "conversation.item.create":
                self._created(item_id, inquiry.event["item"], inquiry.event.get("previous_item_id"))
            case "conversation.item.delete":
                self._forget(item_id)

    def called(self, item: ev.Item) -> None:
        """The voice has called a tool of the client's: later upstreams are told so."""
        if item.id is not None and item.status != "incomplete":
            body = {
                "id": item.id,
                "type": "function_call",
                "call_id": item.call_id or CallId(item.id),
                "name": item.name or "",
                "arguments": item.arguments or "",
            }
            self._call.history.put(item.id, body)

    # -- inside --------------------------------------------------------------------------------------

    def _created(self, item_id: ItemId, body: JsonObject, previous: str | None) -> None:
        call = self._call
        if previous is not None:
            call.history.place(item_id, after=ItemId(previous))
        kept = _retold(body)
        if kept is not None:
            call.history.put(item_id, kept)
        if body.get("type") != "message":
            return
        text = ev.Item.model_validate({"content": kept["content"]}).text() if kept is not None else ""
        role = _ROLES.get(body.get("role"), "developer")
        kind: ItemType = "assistantMessage" if role == "assistant" else "userMessage"
        item = Item(item_id, kind, text, role=role, created_at=call.wall_ms())
        if text and call.items.get(item_id) is None:
            call.record(call.items.add(item))
            call.transcript.done(item_id, role, text)

    def _is_upstream(self, item_id: str | None) -> bool:
        """The upstream was told of the item when it began, and it was not deleted since."""
        return item_id in self._call.replayed and item_id is not None and ItemId(item_id) in self._call.history

    def _forget(self, item_id: str) -> None:
        self._call.history.remove(ItemId(item_id))
        self._screen.forget(item_id)
        self._older -= {item_id}

    def _truncate(self, event: JsonObject, item_id: ItemId) -> JsonObject:
        """The words that were heard stay; the upstream, which has them as text, gets the shorter text instead."""
        call, ms = self._call, event["audio_end_ms"]
        parts = self._screen.known[item_id].get("content") or [{}]
        if parts[0].get("type") not in ("output_audio", "audio"):
            message = "Only model output audio messages can be truncated"
            raise Complaint("invalid_value", message, "item_id")
        if not 0 <= ms <= MAX_MS:
            raise Complaint("invalid_value", f"Invalid 'audio_end_ms': {ms}.", "audio_end_ms")
        length = call.playback.audio_ms(item_id)
        if length is not None and ms > length:
            raise Complaint("invalid_value", f"Audio content of {length}ms is already shorter than {ms}ms")
        known = self._is_upstream(item_id)
        before = call.history.before(item_id)
        self._answer.truncated(ev.ItemTruncated(type=_TRUNCATED, item_id=item_id, audio_end_ms=ms))
        self._screen.known[item_id] = {**self._screen.known[item_id], "content": [{"type": "output_audio"}]}
        if known:
            self._replace(item_id, before)
        return {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")} | {"type": _TRUNCATED}

    def _replace(self, item_id: ItemId, before: str | None) -> None:
        call = self._call
        old = self._screen.upstream_id(item_id)
        self._own_deletes.add(old)
        call.send(Passed(type="conversation.item.delete", event_id=f"replace_{old}", item_id=old))
        body = call.history.body(item_id)
        if body is None:
            return
        new = call.new_item_id()
        self._screen.alias(item_id, new)
        call.replayed |= {new}
        place = self._screen.upstream_id(before) if before is not None and self._is_upstream(before) else ROOT
        call.send(
            Passed(
                type="conversation.item.create",
                event_id=f"replace_{new}",
                previous_item_id=place,
                item={**body, "id": new},
            )
        )


def _retold(body: JsonObject) -> JsonObject | None:
    """What a later upstream is told of a client's item: its words; None for what has none."""
    kind = body.get("type")
    if kind in ("function_call", "function_call_output"):
        return {name: value for name, value in body.items() if name not in ("status", "object")}
    if kind != "message":
        return None
    content = []
    for part in light(body).get("content") or []:
        words = part.get("text") or part.get("transcript")
        if isinstance(words, str):
            content.append({"type": "output_text" if body.get("role") == "assistant" else "input_text", "text": words})
    return {"id": body["id"], "type": "message", "role": body.get("role"), "content": content} if content else None
