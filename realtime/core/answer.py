"""What the voice says: responses, their words and their audio, and being cut off.

Law: an item's audio is never played after it was flushed; its words end once; what was not heard is
marked, and the upstream is told where it was cut.
"""

from __future__ import annotations

from typing import Literal

from realtime.core.actions import Flush, Play
from realtime.core.call import BYTES_PER_MS, Call
from realtime.core.faults import OWN_CUT_PREFIX
from realtime.core.playback import Cut
from realtime.core.recent import Recent
from realtime.protocol.appserver import Item, Shed
from realtime.protocol.audio import AudioChunk, base64_length, is_base64
from realtime.protocol.ids import ItemId, ResponseId
from realtime.protocol.realtime import (
    ItemDelete,
    ItemTruncate,
    ItemTruncated,
    OutputAudioDelta,
    OutputBufferClear,
    OutputTextDelta,
    OutputTextDone,
    Response,
    ResponseCancel,
    ResponseCancelled,
    ResponseCreated,
    ResponseDone,
    message_item,
)

Outcome = Literal["completed", "interrupted", "failed"]

ENDING_S = 0.3
"""The end of a response comes at once after its last words; where it does not, a function call is being written."""


class Answer:
    """The voice's side of the call."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._cuts = Recent[ItemId, Cut](64)
        self._silenced: ResponseId | None = None
        self.finished_items = 0
        """What the active response, or the last one, has said to its end or called."""
        self._paused_at: float | None = None
        self._cut_number = 0
        self._out_of_band = Recent[ResponseId, None](64)

    # -- responses ---------------------------------------------------------------------------

    def created(self, event: ResponseCreated) -> None:
        """A response has begun, ours or one of voice detection's."""
        if event.response.is_out_of_band:
            if event.response.id is not None:
                self._out_of_band[event.response.id] = None
            return
        call, response_id = self._call, event.response.id
        if call.responses.created(response_id, ours=call.is_ours(event.response.metadata), now=call.now):
            call.ask_response()
        elif call.responses.active == response_id:
            self.finished_items = 0
            self._paused_at = None
            call.open_calls.clear()

    def is_out_of_band(self, response_id: ResponseId | None) -> bool:
        """True for a response that said so at its beginning: it is asked for by others, and none of it is said here."""
        return response_id in self._out_of_band

    def done(self, event: ResponseDone | ResponseCancelled) -> None:
        """A response has ended, however; some upstreams have an event of its own for a cancelled one."""
        if isinstance(event, ResponseDone):
            self._ended(event.response, event.response.id)
            return
        self._call.notify("itemAdded", {"item": {"type": event.type, "response_id": event.id}})
        self._ended(event.response, event.id, status="cancelled")

    def _ended(self, response: Response, response_id: ResponseId | None, status: str | None = None) -> None:
        call = self._call
        if response.is_out_of_band:
            return
        status = status or response.status
        if call.responses.active is None or response_id in (None, call.responses.active):
            for item in call.items.open_items():
                if item.type == "assistantMessage":
                    self.finish(item.id, "completed" if status in (None, "completed") else "interrupted")
            call.playback.done()
        retryable = status == "failed" and self._report_failure(response)
        ours = call.is_ours(response.metadata)
        if ours is not False and (self.finished_items or status != "cancelled"):
            silent = retryable or (status == "completed" and response.output == [])
            self._account(silent=silent and not self.finished_items)
        if ours is not False:
            call.wishes.settle()
        if call.responses.finished(response_id, ours=ours, now=call.now):
            call.ask_response()

    def _account(self, *, silent: bool) -> None:
        """One of ours that ended without a word, and ought to have told of a result, is asked for once more."""
        call = self._call
        if not silent:
            call.owed.spoke(call.asks)
        elif call.owed.again(call.asks):
            call.want_response()

    def _report_failure(self, response: Response) -> bool:
        """Tell the client; True when another try may succeed."""
        error = (response.status_details or {}).get("error")
        detail = error if isinstance(error, dict) else {}
        code = str(detail.get("code") or detail.get("type") or "response_failed")
        message = str(detail.get("message") or "the response failed")
        retryable = code in ("rate_limit_exceeded", "server_error", "response_failed")
        self._call.notify("error", {"message": message, "code": code, "retryable": retryable})
        return retryable

    # -- words and audio -----------------------------------------------------------------------

    def begin(self, item_id: ItemId, previous: ItemId | None) -> None:
        """An answer takes its place."""
        call = self._call
        if call.items.get(item_id) is not None:
            return
        call.history.place(item_id, after=previous)
        call.record(call.items.begin(self._item(item_id, "", previous)))

    def begin_call(self, item_id: ItemId) -> None:
        """A function call of the active response is on its way."""
        self._call.open_calls.add(item_id)

    def finish_call(self, item_id: ItemId | None) -> None:
        """It is complete."""
        if item_id is not None:
            self._call.open_calls.discard(item_id)
        self.finished_items += 1
        self._paused_at = None

    def text_delta(self, event: OutputTextDelta) -> None:
        """Some words of the answer."""
        if event.delta is None or self.is_out_of_band(event.response_id):
            return
        call = self._call
        item_id = call.transcript.item_of(event.item_id, "assistant")
        if not call.transcript.delta(item_id, "assistant", event.delta):
            return
        params = {"role": "assistant", "delta": event.delta, "itemId": item_id}
        if event.response_id is not None:
            params["responseId"] = event.response_id
        call.notify("transcript/delta", params, Shed.DELTA)
        call.responses.touched(now=call.now)

    def text_done(self, event: OutputTextDone) -> None:
        """All words of the answer."""
        words = event.words
        if words is None or self.is_out_of_band(event.response_id):
            return
        call = self._call
        item_id = call.transcript.item_of(event.item_id, "assistant")
        if not call.transcript.done(item_id, "assistant", words):
            return
        params = {"role": "assistant", "text": words, "itemId": item_id}
        if event.response_id is not None:
            params["responseId"] = event.response_id
        call.notify("transcript/done", params)
        if event.item_id is None:
            call.record(call.items.add(self._item(item_id, words, None)))
            call.history.put(item_id, message_item("assistant", words, item_id=item_id))
        elif call.items.get(item_id) is None:
            self.begin(item_id, None)
            if not call.responses.running:  # its response is over, and with it whatever else would end the item
                self.finish(item_id, "completed")

    def audio_delta(self, event: OutputAudioDelta) -> None:
        """A chunk for the person's ear."""
        call = self._call
        if event.delta is None or call.config.modality == "text" or not is_base64(event.delta):
            return
        if event.item_id in self._cuts or call.playback.is_over(event.item_id):
            return
        if event.response_id is not None and event.response_id == self._silenced:
            return
        if self.is_out_of_band(event.response_id):
            return
        chunk = self._chunk(event, event.delta)
        if event.item_id is not None:
            call.playback.received(event.item_id, chunk, now=call.now)
        if call.bytes_per_ms == BYTES_PER_MS:  # clients of the Realtime API may have it in other formats
            call.emit(Play(chunk))
        call.responses.touched(now=call.now)

    def _chunk(self, event: OutputAudioDelta, data: str) -> AudioChunk:
        per_ms = self._call.bytes_per_ms
        if per_ms != BYTES_PER_MS:  # a byte a sample
            return AudioChunk(data, per_ms * 1000, 1, base64_length(data), event.item_id)
        channels = event.channels or event.num_channels or 1
        return AudioChunk(data, event.sample_rate, channels, event.samples_per_channel, event.item_id)

    def finish(self, item_id: ItemId, outcome: Outcome, text: str = "") -> None:
        """An answer's item is over; its final ``text`` where the upstream gave it."""
        call = self._call
        if not call.items.is_open(item_id):
            return
        text = text or call.transcript.text(item_id)
        call.transcript.done(item_id, "assistant", text)
        self.finished_items += outcome == "completed"
        self._paused_at = call.now
        cut = self._cuts.get(item_id)
        audio_ms = call.playback.audio_ms(item_id)
        if cut is not None:
            draft = call.items.end(
                item_id, text=text, status="interrupted", audio_ms=cut.audio_ms, heard_ms=cut.heard_ms
            )
        else:
            draft = call.items.end(item_id, text=text, status=outcome, audio_ms=audio_ms)
        call.record(draft)
        self._remember(item_id, text)

    # -- being cut off -------------------------------------------------------------------------

    def cut_in(self) -> None:
        """The person speaks: what is not played is dropped, and the upstream is told what was heard.

        In a WebRTC call the upstream plays, and so cuts by itself: ``truncated`` says where.
        """
        call = self._call
        may_sound = call.playback.may_sound()
        cuts = call.playback.interrupted(now=call.now)
        if call.responses.active is not None:
            self._silenced = call.responses.active
        if cuts or may_sound:
            call.emit(Flush(cuts[-1].item_id if cuts else None))
        if call.config.call is None:
            for cut in cuts:
                self._apply(cut)

    def interrupt(self) -> None:
        """The client wants silence."""
        call = self._call
        if call.responses.busy:
            call.send(ResponseCancel(response_id=call.responses.active))
        if call.config.call is not None:
            call.send(OutputBufferClear())
        if call.cut_short:  # nor is what the lost connection cut short to be given again
            call.cut_short = False
            call.wishes.forget()
            call.responses.wanted = False
        self.cut_in()

    def truncated(self, event: ItemTruncated) -> None:
        """In a WebRTC call, or by a client of the Realtime API: so much of the item was heard, the rest is gone."""
        call, item_id, heard = self._call, event.item_id, event.audio_end_ms
        if (call.config.call is None and call.face is None) or item_id is None or heard is None:
            return
        known, cut, audio_ms = call.items.get(item_id), self._cuts.get(item_id), call.playback.audio_ms(item_id)
        if known is None or known.type != "assistantMessage" or (cut is not None and cut.heard_ms <= heard):
            return
        if audio_ms is None or heard < audio_ms:
            self._keep(Cut(item_id, heard, audio_ms))

    def played(self, item_id: ItemId, ms: int) -> None:
        """The client's clock."""
        cut = self._call.playback.heard(item_id, ms)
        if cut is not None:
            self._apply(cut)

    def cut_off(self) -> bool:
        """The connection is gone. True when an answer was cut short, or did not begin, that ought to be given again."""
        call = self._call
        silenced = self._silenced is not None and self._silenced == call.responses.active
        cut_short = bool(call.open_calls) or self._has_paused()
        self._call.open_calls.clear()
        for item in call.items.open_items():
            if item.type == "assistantMessage":
                self.finish(item.id, "interrupted")
                cut_short = True
        call.playback.retire()
        self._silenced = None
        # Nothing to answer: what voice detection had begun to answer was lost before its words came.
        return not silenced and (cut_short or (self.finished_items == 0 and call.history.unanswered))

    def _has_paused(self) -> bool:
        """True when the active response had said a sentence to its end, and went on."""
        call = self._call
        return self._paused_at is not None and call.responses.running and call.now - self._paused_at > ENDING_S

    def _apply(self, cut: Cut) -> None:
        call = self._call
        self._cut_number += 1
        event_id = f"{OWN_CUT_PREFIX}{self._cut_number}"
        if cut.heard_ms > 0:
            call.send(ItemTruncate(event_id=event_id, item_id=cut.item_id, audio_end_ms=cut.heard_ms))
        else:
            call.send(ItemDelete(event_id=event_id, item_id=cut.item_id))
        self._keep(cut)

    def _keep(self, cut: Cut) -> None:
        """Mark the item: it was not heard to its end."""
        call = self._call
        self._cuts[cut.item_id] = cut
        known = {"status": "interrupted", "audio_ms": cut.audio_ms, "heard_ms": cut.heard_ms}
        if not call.items.is_open(cut.item_id):
            call.record(call.items.amend(cut.item_id, **known))
            self._remember(cut.item_id, call.transcript.text(cut.item_id))

    def _remember(self, item_id: ItemId, text: str) -> None:
        """Keep for later upstreams what was heard of the answer."""
        cut = self._cuts.get(item_id)
        if cut is not None and cut.audio_ms:
            text = text[: len(text) * cut.heard_ms // cut.audio_ms]
        if text.strip():
            self._call.history.put(item_id, message_item("assistant", text, item_id=item_id))
        else:
            self._call.history.remove(item_id)

    def _item(self, item_id: ItemId, text: str, previous: ItemId | None) -> Item:
        return Item(
            item_id,
            "assistantMessage",
            text,
            role="assistant",
            previous_item_id=previous,
            response_id=self._call.responses.active,
            created_at=self._call.wall_ms(),
        )
