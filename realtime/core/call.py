"""The state that the parts of a conversation share, and the few ways in which any of them acts."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from realtime.core.actions import Action, Notify, Record, Send
from realtime.core.asks import Ask, Asks
from realtime.core.config import SessionConfig
from realtime.core.handoffs import Handoffs
from realtime.core.history import History
from realtime.core.items import ThreadItems
from realtime.core.owed import Owed
from realtime.core.playback import Playback
from realtime.core.recent import Recent
from realtime.core.responses import METADATA_KEY, ResponseQueue
from realtime.core.transcript import Transcript
from realtime.protocol.appserver import Draft, Item, Notification, Shed
from realtime.protocol.ids import CallId, ItemId
from realtime.protocol.json import JsonObject
from realtime.protocol.realtime import ClientEvent, ItemCreate, ResponseCreate, message_item, output_item

BYTES_PER_MS = 48
"""Of PCM16 at 24 kHz."""
METADATA_PAIRS = 16
"""A response's metadata holds no more."""
PLAIN = Ask()


class ClientFace(Protocol):
    """What the parts of a conversation tell its clients' side: see ``core/face/face.py``."""

    def hide(self, item_id: str) -> None: ...
    def asked(self, event_id: str, ask: Ask) -> None: ...
    def cut_off(self, *, again: bool) -> None: ...
    def begun(self) -> None: ...
    def rejoined(self) -> None: ...


class State(Enum):
    """Of a conversation; see ``core/conversation.py``."""

    CONNECTING = "connecting"
    OPEN = "open"
    REOPENING = "reopening"
    CLOSED = "closed"


class Call:
    """One conversation's machines.

    ``now`` is the time of the input that is being handled; ``speaking`` is whether the person speaks,
    ``uncommitted`` whether there is sound of a turn that only a client ends, ``committing`` whether a client has
    ended it and the upstream has not made it a turn yet; ``cut_short`` whether the lost connection broke an answer off
    that is to be given again;
    ``replayed`` are the items that this upstream was told at its beginning, and shows once more. In a WebRTC
    call of the upstream's, ``unshown`` are the items of ours that it has not shown to have, the newest of them,
    ``configured`` is whether it has shown the session, and ``rejoined`` whether it may have told of items while
    nobody listened. ``open_calls`` are function calls of the active response that are on their way; ``asks`` counts
    the responses that were asked for, ``wishes`` are those that wait. ``session`` is what the upstream is told of the
    session; ``transcribes``, ``bytes_per_ms`` (of the answer's audio) and ``heard_bytes_per_ms`` (of the microphone's)
    follow from it.
    """

    def __init__(self, config: SessionConfig) -> None:
        self.config = config
        self.state = State.CONNECTING
        self.now = 0.0
        self.out: list[Action] = []
        self.responses = ResponseQueue(limit_s=config.response_s)
        self.handoffs = Handoffs()
        self.playback = Playback()
        self.items = ThreadItems()
        self.history = History(items=config.history_items, chars=config.history_chars)
        self.transcript = Transcript(self.new_item_id)
        self.wishes = Asks()
        self.session = config.session
        self.transcribes = config.transcribes
        self.bytes_per_ms = self.heard_bytes_per_ms = BYTES_PER_MS
        self.face: ClientFace | None = None
        self.speaking = False
        self.uncommitted = False
        self.committing = False
        self.cut_short = False
        self.replayed: frozenset[ItemId] = frozenset()
        self.unshown = Recent[ItemId, JsonObject](config.history_items)
        self.configured = False
        self.rejoined = False
        self.open_calls: set[ItemId] = set()
        self.asks = 0
        self.owed = Owed()
        self._number = 0
        self._asked: JsonObject = {}

    def new_item_id(self) -> ItemId:
        """An id of ours, unique in the thread."""
        self._number += 1
        return ItemId(f"{self.config.item_prefix}_{self._number}")

    def emit(self, action: Action) -> None:
        """One more thing to be done."""
        self.out.append(action)

    def send(self, event: ClientEvent) -> None:
        """To the upstream, if there is one: what must survive a reconnect stands in the history."""
        if self.state is State.OPEN:
            self.emit(Send(event))

    def notify(self, method: str, params: JsonObject, shed: Shed = Shed.NEVER) -> None:
        """A live notification of ``thread/realtime/``."""
        body: JsonObject = {"threadId": self.config.thread_id, **params}
        self.emit(Notify(Notification(f"thread/realtime/{method}", body), shed))

    def announce(self) -> None:
        """The call has begun."""
        config = self.config
        named = {"sessionId": config.session_id, "realtimeSessionId": config.session_id, "version": config.version}
        self.notify("started", named)
        session = Item(ItemId(f"{config.item_prefix}_session"), "session", created_at=self.wall_ms())
        self.record(self.items.begin(session))

    def record(self, draft: Draft | None) -> None:
        """Into the log; None records nothing."""
        if draft is not None:
            self.emit(Record(draft))

    def create_item(self, body: JsonObject, *, shown: bool = False) -> ItemId:
        """A new item of ours in the conversation, told to this upstream and to any later one.

        Clients of the Realtime API see it where it is to be ``shown``.
        """
        item_id = ItemId(body.get("id") or self.new_item_id())
        body = {"id": item_id, **body}
        self.history.put(item_id, body)
        if self.config.call is not None:
            self.unshown[item_id] = body
        if self.face is not None and not shown:
            self.face.hide(item_id)
        self.send(ItemCreate(item=body))
        return item_id

    def tell_backend(self, text: str) -> None:
        """What the agent said, as an item that the voice may speak about."""
        self.create_item(message_item("user", f"[BACKEND] {text}"))

    def answer(self, call_id: CallId, output: str) -> None:
        """The one answer to a function call."""
        if self.handoffs.answer(call_id):
            self.create_item(output_item(call_id, output))

    def want_response(self, ask: Ask = PLAIN) -> None:
        """A response is wanted: now, or as soon as it may be."""
        if self.config.version == "v1":  # which has no ``response.create``: the voice speaks by itself
            return
        self.cut_short = False
        self.wishes.add(ask)
        if self.state is not State.OPEN:
            self.responses.wanted = True
        elif self.responses.request(now=self.now):
            self.ask_response()

    def ask_response(self) -> None:
        """The arbiter said yes."""
        self.asks += 1
        ask = self.wishes.take()
        if len(self.wishes):
            self.responses.wanted = True
        self._number += 1
        body = ask.body or {}
        metadata: JsonObject = body.get("metadata") or {}
        if len(metadata) < METADATA_PAIRS:
            metadata = {**metadata, METADATA_KEY: str(self._number)}
        self._asked = metadata
        event_id = f"create_{self.config.item_prefix}_{self._number}"
        if self.face is not None:
            self.face.asked(event_id, ask)
        self.send(ResponseCreate(event_id=event_id, response={**body, "metadata": metadata}))

    def is_ours(self, metadata: JsonObject | None) -> bool | None:
        """Whether a response is the one that was asked for last, by its echoed metadata; None when it has none."""
        if metadata is None:
            return None
        if METADATA_KEY not in self._asked:
            return bool(self._asked) and metadata == self._asked
        return bool(metadata.get(METADATA_KEY) == self._asked[METADATA_KEY])

    def wall_ms(self) -> int:
        """Unix milliseconds of the input that is being handled."""
        return self.config.clock_offset_ms + int(self.now * 1000)
