"""What the person says: a turn takes its place when speech starts and is filled when the words come.

Law: an item of the person's is begun once and ended once: completed with its transcript, failed when the
transcription did or is long overdue, interrupted when the audio never became a turn. Transcripts may come
late (the last words still fill a turn that was given up), doubled, or never.
"""

from __future__ import annotations

from realtime.core.actions import Send
from realtime.core.answer import Answer
from realtime.core.asks import Ask
from realtime.core.call import Call, State
from realtime.protocol import realtime as ev
from realtime.protocol.appserver import Item, Shed, TextRole
from realtime.protocol.ids import ItemId
from realtime.protocol.realtime import (
    AudioCleared,
    AudioCommitted,
    InputTranscriptDelta,
    InputTranscriptDone,
    InputTranscriptFailed,
    ItemRetrieved,
    OutputTextDone,
    SpeechStarted,
    SpeechStopped,
    message_item,
)

SPOKEN = Ask(spoken=True)


class Hearing:
    """The person's side of the call."""

    def __init__(self, call: Call, answer: Answer) -> None:
        self._call = call
        self._answer = answer
        self._uncommitted: ItemId | None = None
        self._awaited: dict[ItemId, float] = {}
        """Turns whose words are awaited, oldest first, and until when."""

    @property
    def deadline(self) -> float | None:
        """When the words of a turn are given up."""
        return next(iter(self._awaited.values()), None)

    def expired(self) -> None:
        """Turns whose words are long overdue are shown without them; words that come later still fill them."""
        for item_id in [known for known, due in self._awaited.items() if due <= self._call.now]:
            del self._awaited[item_id]
            self._fail(item_id, "no transcription came")

    def speech_started(self, event: SpeechStarted) -> None:
        """The person cuts in, or begins."""
        call = self._call
        call.speaking = True
        call.notify("itemAdded", {"item": {"type": event.type, "item_id": event.item_id}})
        if call.config.barge_in:
            self._answer.cut_in()
            call.responses.hold()
        if event.item_id is not None:
            self._begin(event.item_id)
            self._uncommitted = event.item_id

    def speech_stopped(self, event: SpeechStopped) -> None:
        """The person has paused."""
        self._ended_speaking()

    def committed(self, event: AudioCommitted) -> None:
        """The audio has become an item."""
        call = self._call
        call.uncommitted = False
        self._ended_speaking()
        self._uncommitted = None
        if call.committing:
            call.committing = False
            call.want_response(SPOKEN)
        if event.item_id is None:
            return
        self._begin(event.item_id, after=event.previous_item_id)
        if event.previous_item_id is not None:
            call.items.note(event.item_id, previous_item_id=event.previous_item_id)
        if not call.transcribes:
            call.record(call.items.end(event.item_id, status="completed"))
        elif call.items.is_open(event.item_id):
            self._awaited.setdefault(event.item_id, call.now + call.config.transcription_s)

    def cleared(self, event: AudioCleared) -> None:
        """The audio is forgotten."""
        self._call.uncommitted = False
        self._ended_speaking()
        self._drop_uncommitted()

    def transcript_delta(self, event: InputTranscriptDelta) -> None:
        """Some words of the person's."""
        if event.delta is None:
            return
        call = self._call
        item_id = call.transcript.item_of(event.item_id, "user")
        shown = call.items.get(item_id)
        if shown is not None and shown.status != "inProgress":  # given up: late words come whole or not at all
            return
        if call.transcript.delta(item_id, "user", event.delta):
            params = {"role": "user", "delta": event.delta, "itemId": item_id}
            call.notify("transcript/delta", params, Shed.DELTA)

    def transcript_done(self, event: InputTranscriptDone) -> None:
        """All words of the person's turn."""
        if event.transcript is None:
            return
        call, text = self._call, event.transcript
        item_id = call.transcript.item_of(event.item_id, "user")
        self._awaited.pop(item_id, None)
        if item_id == self._uncommitted:  # that it was committed was told to nobody
            self._uncommitted = None
            self._ended_speaking()
        if not call.transcript.done(item_id, "user", text):
            return
        call.notify("transcript/done", {"role": "user", "text": text, "itemId": item_id})
        call.history.put(item_id, message_item("user", text, item_id=item_id))
        if call.items.get(item_id) is None:
            call.record(call.items.add(self._item(item_id, text)))
        else:
            known = {"text": text, "status": "completed", "error": None}
            call.record(call.items.end(item_id, **known) or call.items.amend(item_id, **known))

    def transcript_failed(self, event: InputTranscriptFailed) -> None:
        """The words are lost; the turn is not."""
        if event.item_id is None:
            return
        message = (event.error.message if event.error else None) or "the transcription failed"
        if not self._call.transcript.done(event.item_id, "user", ""):
            return
        self._awaited.pop(event.item_id, None)
        self._begin(event.item_id)
        self._fail(event.item_id, message)

    def retrieved(self, event: ItemRetrieved) -> None:
        """An item of anybody's, asked for because its end may have been missed: what it says now is its end."""
        item, call = event.item, self._call
        if item.id is None or not call.items.is_open(item.id):
            return
        if item.role == "assistant" and item.status in ("completed", "incomplete"):
            kind = OutputTextDone.types[0]
            self._answer.text_done(OutputTextDone(type=kind, item_id=item.id, transcript=item.text()))
            self._answer.finish(item.id, "interrupted" if item.status == "incomplete" else "completed", item.text())
        elif item.role == "user" and item.text():
            kind = InputTranscriptDone.types[0]
            self.transcript_done(InputTranscriptDone(type=kind, item_id=item.id, transcript=item.text()))

    def typed(self, item: ev.Item) -> None:
        """What a page wrote on its own data channel, to an upstream that answered its call: this alone tells of it."""
        call = self._call
        if call.config.call is None or item.id is None or item.role not in ("user", "system"):
            return
        is_ours = item.id.startswith(f"{call.config.item_prefix}_") or item.id in call.history
        text = item.text() if any(part.get("type") == "input_text" for part in item.content or []) else ""
        if is_ours or not text or call.items.get(item.id) is not None:
            return
        role: TextRole = "user" if item.role == "user" else "developer"
        call.record(call.items.add(Item(item.id, "userMessage", text, role=role, created_at=call.wall_ms())))
        call.transcript.done(item.id, role, text)

    def commit(self) -> None:
        """The client says that the turn is complete. A response is asked for once the upstream has made it one."""
        call = self._call
        call.uncommitted, call.committing = False, True
        call.emit(Send(ev.AudioCommit()))

    def clear(self) -> None:
        """The client has thought better of it."""
        self._call.uncommitted = False
        self._call.emit(Send(ev.AudioClear()))

    def cut_off(self) -> bool:
        """The connection is gone: what was being said will not be told any more. True where that was something."""
        call = self._call
        lost_words = call.committing or any(item.type == "userMessage" for item in call.items.open_items())
        call.speaking = call.uncommitted = call.committing = False
        self._awaited.clear()
        self._drop_uncommitted()
        for item in call.items.open_items():
            if item.type == "userMessage":
                known = call.transcript.text(item.id)
                lost = "the connection was lost before the transcription came"
                call.transcript.done(item.id, "user", known)
                call.record(call.items.end(item.id, text=known, status="failed", error=lost))
        return lost_words

    def _ended_speaking(self) -> None:
        call = self._call
        call.speaking = False
        if call.state is State.OPEN and call.responses.release(now=call.now):
            call.ask_response()

    def _fail(self, item_id: ItemId, message: str) -> None:
        if not self._call.items.is_open(item_id):
            return
        self._call.notify("transcript/failed", {"role": "user", "itemId": item_id, "message": message})
        self._call.record(self._call.items.end(item_id, status="failed", error=message))

    def _begin(self, item_id: ItemId, *, after: ItemId | None = None) -> None:
        known = self._call.items.get(item_id)
        if known is None:
            self._call.history.place(item_id, after=after)
            self._call.record(self._call.items.begin(self._item(item_id, "")))

    def _item(self, item_id: ItemId, text: str) -> Item:
        return Item(item_id, "userMessage", text, role="user", created_at=self._call.wall_ms())

    def _drop_uncommitted(self) -> None:
        item_id, self._uncommitted = self._uncommitted, None
        item = self._call.items.get(item_id) if item_id is not None else None
        if item is not None and item.type == "userMessage":
            words = self._call.transcript.text(item.id)
            self._call.transcript.done(item.id, "user", words)
            self._call.record(self._call.items.end(item.id, text=words, status="interrupted"))
