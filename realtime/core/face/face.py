"""The Realtime API towards clients, of whatever carries their events: a socket, a data channel, a sideband.

Client events come in, server events go out, by the rules of the API; beneath, the conversation has its
arbiter, its own tools, its thread, and upstreams that come and go. ``screen.py`` decides what is shown,
``configuration.py`` what a client may change, ``inquiries.py`` remembers what waits for the upstream's
answer, ``edits.py`` keeps items of earlier upstreams within a client's reach, ``endings.py`` and
``spoken_turns.py`` end what a lost upstream began.

Law: every client event has its effect or its ``error``, in the order it came, also across a lost upstream;
the client's session begins once (``session.created``) and knows of no other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from realtime.core.actions import ClientJoined, ClientSent, Loss, Relay, Send
from realtime.core.answer import Answer
from realtime.core.asks import Ask, Origin
from realtime.core.call import Call, State
from realtime.core.config import FaceConfig
from realtime.core.face.configuration import Configuration
from realtime.core.face.edits import Edits
from realtime.core.face.endings import ending
from realtime.core.face.inquiries import ASKED, PREFIX, REPEATED, Inquiries, Inquiry
from realtime.core.face.screen import Screen
from realtime.core.face.shape import can_be_shown, check, is_ask
from realtime.core.face.spoken_turns import SpokenTurns, without_words
from realtime.core.face.updates import Updates, is_about_session
from realtime.core.faults import Verdict, judge
from realtime.core.upstreams import PREAMBLE
from realtime.protocol import realtime as ev
from realtime.protocol.appserver import Shed
from realtime.protocol.complaint import Complaint, missing, wrong_type
from realtime.protocol.json import JsonObject
from realtime.protocol.passed import Passed

WAITING = 256
"""Client events that wait for an upstream."""
_OF_CODES = {
    "response_cancel": "response.cancel",
    "item_truncate": "conversation.item.truncate",
    "item_delete": "conversation.item.delete",
    "item_retrieve": "conversation.item.retrieve",
    "item_create": "conversation.item.create",
}
"""What an error is about that names no event, by how its code begins."""


class Face:
    """One for a call, however many clients look at it."""

    def __init__(self, call: Call, answer: Answer, config: FaceConfig) -> None:
        self._call = call
        self._config = config
        self.configuration = Configuration(config, call.session)
        self._apply_configuration()
        self._screen = Screen(self.configuration.is_own, self._owe)
        self._inquiries = Inquiries()
        self._edits = Edits(call, answer, self._screen)
        self._waiting: deque[ClientSent] = deque()
        self._updates = Updates()
        self._created = False
        self.opening_refused = False
        """The upstream will not have the session that was settled beforehand: then there is none."""
        self._number = 0
        self._turns = SpokenTurns(self._screen)
        self._handlers: dict[str, Callable[[Inquiry], None]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._edit,
            "conversation.item.delete": self._edit,
            "conversation.item.truncate": self._edit,
            "response.create": self._create_response,
        }

    # -- clients -----------------------------------------------------------------------------------

    def obey(self, command: ClientJoined | ClientSent) -> None:
        """One more client looks at the session, or one of them has sent an event."""
        if isinstance(command, ClientSent):
            self._sent(command)
        elif self._created:
            self._relay({"type": "session.created", "session": self.configuration.view()}, to=command.client)

    def _sent(self, command: ClientSent) -> None:
        """A client's event: done now, or when there is an upstream again."""
        ready = self._created and self._call.state is State.OPEN
        if not ready and command.event.get("type") == "response.cancel":
            self._cancel_wishes(command)
        elif not ready and len(self._waiting) >= WAITING:
            self._complain(_origin(command), Complaint("overloaded", "Too many events wait.", kind="server_error"))
        elif not ready:
            self._waiting.append(command)
        else:
            self._take(command)

    def _take(self, command: ClientSent) -> None:
        origin = _origin(command)
        try:
            check(command.event)
            item_id = command.event.get("item_id")
            if self._screen.is_hidden(item_id) or self._screen.is_hidden(command.event.get("previous_item_id")):
                raise self._edits.no_such_item(command.event)
            inquiry = Inquiry(origin, command.event, item_id)
            self._handlers.get(inquiry.kind, self._pass)(inquiry)
        except Complaint as complaint:
            self._complain(origin, complaint)

    def _cancel_wishes(self, command: ClientSent) -> None:
        """There is no upstream: what is cancelled is what would be asked of the next one."""
        kept = deque(each for each in self._waiting if not is_ask(each.event))
        wished = bool(len(self._call.wishes)) or len(kept) < len(self._waiting)
        self._waiting = kept
        self._call.wishes.forget()
        self._call.responses.wanted = False
        if not wished:
            message = "Cancellation failed: no active response found"
            self._complain(_origin(command), Complaint("response_cancel_not_active", message))

    # -- client events -----------------------------------------------------------------------------

    def _pass(self, inquiry: Inquiry) -> None:
        self._up(inquiry, inquiry.event)

    def _up(self, inquiry: Inquiry, event: JsonObject) -> str:
        """To the upstream, under an id of ours, which is returned."""
        event_id = self._inquiries.sent(inquiry)
        names = {name: self._screen.upstream_id(event[name]) for name in ("item_id",) if event.get(name)}
        self._call.emit(Send(Passed.model_validate({**event, **names, "event_id": event_id})))
        return event_id

    def _update(self, inquiry: Inquiry) -> None:
        session = inquiry.event["session"]
        kind = self.configuration.body.get("type")
        if "type" not in session:
            raise missing("session.type")
        if session["type"] != kind:
            raise Complaint("invalid_value", f"Invalid 'session.type': this session is '{kind}'.", "session.type")
        update = self.configuration.update(session)
        for path in update.refused:
            self._complain(inquiry.origin, _locked(f"session.{path}"))
        self._updates.sent(self._up(inquiry, {**inquiry.event, "session": update.upstream}), update)

    def _append(self, inquiry: Inquiry) -> None:
        """Audio that came by the slow way; it has no answer."""
        self._call.emit(Send(Passed(type=inquiry.kind, audio=inquiry.event["audio"])))

    def _create_item(self, inquiry: Inquiry) -> None:
        event = inquiry.event
        item_id = event["item"].get("id")
        if item_id is None:
            item_id = self._call.new_item_id()
        elif not isinstance(item_id, str):
            raise wrong_type("item.id", item_id, "a string")
        elif item_id.startswith(self._call.config.item_prefix):
            raise Complaint("invalid_value", f"Invalid 'item.id': '{item_id[:80]}' is reserved.", "item.id")
        item = {**event["item"], "id": item_id}
        inquiry = Inquiry(inquiry.origin, {**event, "item": item}, item_id)
        self._screen.clients[item_id] = None
        place = self._edits.place(event.get("previous_item_id"))
        self._up(inquiry, {**inquiry.event, **({"previous_item_id": place} if place else {})})

    def _edit(self, inquiry: Inquiry) -> None:
        """Retrieve, delete or truncate: by the upstream, or here where that does not know the item any more."""
        replies = self._edits.reply(inquiry.event)
        if replies is None:
            self._up(inquiry, inquiry.event)
        for reply in replies or ():
            self._relay(reply)

    def _create_response(self, inquiry: Inquiry) -> None:
        body = inquiry.event.get("response") or {}
        metadata = body.get("metadata")
        if metadata is not None and not isinstance(metadata, dict):
            raise wrong_type("response.metadata", metadata, "an object")
        for path in self.configuration.changes_in(body):
            raise _locked(f"response.{path}")
        if body.get("conversation") == "none":
            if "tools" not in body:  # ours are for the conversation
                body = {**body, "tools": self.configuration.client_tools}
            self._up(inquiry, {**inquiry.event, "response": body})
            return
        responses = self._call.responses
        if self._config.strict and responses.busy:
            active = responses.active or "one that was asked for"
            message = f"Conversation already has an active response in progress: {active}."
            wait = " Wait until the response is finished before creating a new one."
            raise Complaint("conversation_already_has_active_response", message + wait)
        self._call.want_response(Ask(body or None, inquiry.origin))

    # -- the conversation --------------------------------------------------------------------------

    def is_own_call(self, item: ev.Item) -> bool:
        """A function call of the voice that is for us; those of clients' tools go to the clients."""
        return self.configuration.is_own(item.name) and item.id not in self._screen.clients

    def hide(self, item_id: str) -> None:
        """An item of ours."""
        self._screen.hide(item_id)

    def asked(self, event_id: str, ask: Ask) -> None:
        """A response is asked for, under this id."""
        if ask.origin is not None:
            self._inquiries.keep(event_id, Inquiry(ask.origin, {"type": ASKED}))

    def receive(self, event: ev.ServerEvent) -> bool:
        """An event of the upstream that is talked over; True when it concerns clients alone."""
        if isinstance(event, ev.SessionShown):
            self._session_shown(event)
        elif isinstance(event, ev.ErrorEvent):
            self._error(event)
        elif not isinstance(event, ev.Malformed):
            values = event.model_dump(exclude_unset=True)
            if isinstance(event, ev.ResponseCancelled):
                values = self._screen.cancelled(values, event.id)
            if can_be_shown(values):
                apart = self._is_apart(values)
                self._show(event, values)
                return apart
        return False

    def _is_apart(self, values: JsonObject) -> bool:
        """An event of a response outside the conversation."""
        response = self._screen.responses.get(values.get("response_id") or "")
        return response is not None and not response.in_conversation

    def is_clients_error(self, event: ev.ErrorEvent) -> bool:
        """An error that the conversation has no part in: it answers a client's own event."""
        ends_call = judge(event.error.code, None) in (Verdict.FATAL, Verdict.REOPEN)
        return (event.error.event_id or "").startswith(PREFIX) and not ends_call

    def cut_off(self, *, again: bool) -> None:
        """The upstream is gone. ``again``: the answer that was under way will be asked for anew."""
        for response in self._screen.responses.values():
            if response.held and (again or not response.asked):
                continue
            for event in ending(response, self._screen.order):
                self._relay(self._screen.remember(event))
        self._screen.responses.clear()
        for event in self._turns.end(transcripts=not self.configuration.transcription_hidden):
            self._relay(event)
        self._updates.clear()
        for inquiry in reversed(self._inquiries.lost()):
            if inquiry.kind in REPEATED:
                self._waiting.appendleft(ClientSent(inquiry.event, inquiry.origin.client))
            elif inquiry.kind == "input_audio_buffer.commit":
                message = "The voice model's connection was lost, and with it the audio of this turn."
                self._complain(inquiry.origin, Complaint("upstream_lost", message, kind="server_error"))

    def begun(self) -> None:
        """A new upstream is being told the session and the history."""
        self._updates.begin()
        self._screen.forget_aliases()
        self._edits.begun()
        self._go_on()

    def rejoined(self) -> None:
        """The same upstream is listened to again."""
        if self._created:
            self._go_on()

    def given_up(self) -> None:
        """The response that was asked for last did not begin."""
        asked = self._call.wishes.current
        if asked is not None and asked.origin is not None:
            self._complain(asked.origin, Complaint("response_timeout", "No answer came.", kind="server_error"))

    def failed(self, loss: Loss) -> None:
        """The call ends for this reason."""
        self._relay(Complaint(loss.code, loss.message, kind="server_error").event(None))

    # -- server events -----------------------------------------------------------------------------

    def _show(self, event: ev.ServerEvent, values: JsonObject) -> None:
        if isinstance(event, ev.ResponseCreated):
            asked = self._call.wishes.current
            is_clients = bool(self._call.is_ours(event.response.metadata) and asked and asked.origin)
            if event.response.is_out_of_band:
                self._inquiries.first("response.create")
            shown = self._screen.begin(values, asked=is_clients)
        else:
            self._follow(event, values)
            seen = without_words(values) if self.configuration.transcription_hidden else values
            shown = [] if seen is None or self._edits.is_told(values) else self._screen.show(seen)
        shed = Shed.AUDIO if isinstance(event, ev.OutputAudioDelta) else Shed.NEVER
        for each in shown:
            self._call.emit(Relay(each, None, shed))

    def _follow(self, event: ev.ServerEvent, values: JsonObject) -> None:
        """What the call learns from the upstream's answers to clients, and what is to be ended for it later."""
        if isinstance(event, (ev.OutputAudioDelta, ev.OutputTextDelta)):
            return
        inquiry = self._inquiries.answered(values)
        if inquiry is not None:
            self._edits.done(inquiry)
        if isinstance(event, ev.ItemDone) and event.item.type == "function_call" and not self.is_own_call(event.item):
            self._edits.called(event.item)
        self._turns.follow(event, transcribes=self._call.transcribes)

    def _session_shown(self, event: ev.SessionShown) -> None:
        if event.type == "session.created":
            return
        answered, update = self._updates.accepted()
        if update is not None:
            self.configuration.accept(update)
            self._inquiries.refused(answered)
        self.configuration.effective(event.session)
        self._apply_configuration()
        if not self._created:
            self._begin()
        elif answered != PREAMBLE:
            self._relay({"type": "session.updated", "session": self.configuration.view()})

    def _apply_configuration(self) -> None:
        call, configuration = self._call, self.configuration
        call.session = configuration.body
        call.transcribes = configuration.transcribes
        call.bytes_per_ms = configuration.bytes_per_ms("output")
        call.heard_bytes_per_ms = configuration.bytes_per_ms("input")

    def _begin(self) -> None:
        self._created = True
        self._relay({"type": "session.created", "session": self.configuration.view()})
        self._go_on()

    def _go_on(self) -> None:
        """Do what has waited for an upstream, in order."""
        waiting, self._waiting = self._waiting, deque()
        for command in waiting:
            self._sent(command)

    def _error(self, event: ev.ErrorEvent) -> None:
        event_id = event.error.event_id
        inquiry = self._inquiries.refused(event_id) if event_id is not None else self._guess(event.error)
        if self._updates.refused(event.error, begun=self._created) == PREAMBLE and not self._created:
            if self._config.opening is not None:
                self.opening_refused = True
                values = event.model_dump(exclude_unset=True)
                self._relay({**values, "error": {**values["error"], "event_id": None}})
                return
            self._begin()  # what the upstream holds instead is not known: what was wanted is shown
        verdict = judge(event.error.code, event_id)
        if inquiry is not None:
            quiet = (Verdict.FATAL, Verdict.REOPEN, *([Verdict.RETRY] if inquiry.kind == ASKED else []))
            if verdict not in quiet:
                self._refuse(inquiry, event)
        elif event_id is None and verdict is Verdict.SURFACE:
            self._relay(event.model_dump(exclude_unset=True))

    def _guess(self, error: ev.ErrorDetail) -> Inquiry | None:
        """Whose event is refused by an error that names none."""
        if is_about_session(error):
            return self._inquiries.first("session.update")
        kind = next((kind for begins, kind in _OF_CODES.items() if (error.code or "").startswith(begins)), "")
        return self._inquiries.first(kind)

    def _refuse(self, inquiry: Inquiry, event: ev.ErrorEvent) -> None:
        values = event.model_dump(exclude_unset=True)
        error = {**values["error"], "event_id": inquiry.origin.event_id}
        self._relay({**values, "error": error}, to=inquiry.origin.client)

    # -- the ways out ------------------------------------------------------------------------------

    def _owe(self) -> None:
        current = self._call.wishes.current
        if current is not None:
            self._call.wishes.owe(current)

    def _complain(self, origin: Origin, complaint: Complaint) -> None:
        self._relay(complaint.event(origin.event_id), to=origin.client)

    def _relay(self, event: JsonObject, *, to: int | None = None) -> None:
        """An event of ours; it gets an id where it has none."""
        self._number += 1
        event_id = f"event_{self._call.config.item_prefix}{self._number}"
        self._call.emit(Relay({"event_id": event_id, **event}, to))


def _origin(command: ClientSent) -> Origin:
    event_id = command.event.get("event_id")
    return Origin(command.client, event_id if isinstance(event_id, str) else None)


def _locked(path: str) -> Complaint:
    return Complaint("locked", f"'{path}' is set by the operator of this gateway and cannot be changed.", path)
