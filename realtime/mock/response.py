"""One response: its events in their order, its output, and its end."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from realtime.mock.conversation import Conversation
from realtime.mock.hearings import Hearing
from realtime.mock.ids import Ids
from realtime.mock.item import UNKNOWN, Item, identity
from realtime.mock.loudspeaker import Loudspeaker
from realtime.mock.mouth import Mouth, Piece, Utterance
from realtime.mock.plan import Plan
from realtime.mock.remote_tools import RemoteTool
from realtime.mock.reply import Call, Reply, Say
from realtime.mock.timeline import Performance
from realtime.mock.tokens import Bill, Tokens, spoken_tokens, text_tokens
from realtime.protocol.json import JsonObject

_CHUNK_MS = 200
_WORDS_A_DELTA = 3
_MOST_TEXT_DELTAS = 50
_ARGUMENTS_A_DELTA = 24


@dataclass(frozen=True, slots=True)
class Stage:
    """What a response is performed with: ``think_s`` pass before the first output, ``pace_s`` between two deltas.

    ``loudspeaker``: where sound goes in a call; elsewhere the client is sent it.
    """

    ids: Ids
    conversation: Conversation
    conversation_id: str
    mouth: Mouth
    loudspeaker: Loudspeaker | None
    think_s: float
    pace_s: float


@dataclass(frozen=True, slots=True)
class Question:
    """A reply that is asked for once all is understood that was said."""

    hearings: Sequence[Hearing]
    ask: Callable[[], Reply]


class Response:
    """Speaks a reply. ``perform`` is its course; ``cancel`` ends it at any moment, with all the ``done`` events.

    Law: exactly one ``response.done``; each part and item that was added is done before it.
    """

    def __init__(self, plan: Plan, reply: Reply | Question, stage: Stage, bill: Bill, limits: JsonObject) -> None:
        self.id = stage.ids.new("resp")
        self.plan = plan
        self.status = "in_progress"
        self._reply = reply
        self._stage = stage
        self._bill = bill
        self._limits = limits
        self._output: list[Item] = []
        self._details: JsonObject | None = None
        self._open: Item | None = None
        self._utterance: Utterance | None = None
        self.audio_ms = 0.0
        self._text_tokens = 0
        self._words = ""
        self._calling = False

    @property
    def active(self) -> bool:
        """True until ``response.done``."""
        return self.status == "in_progress"

    @property
    def usage(self) -> JsonObject:
        """The bill so far."""
        return self._bill.usage(self._made())

    def perform(self) -> Performance:
        """All events, with the waits between them."""
        yield {"type": "response.created", "response": self._body()}
        yield self._limits
        reply = self._reply
        if isinstance(reply, Question):
            yield from reply.hearings
            if not self.active:
                return
            reply = reply.ask()
        yield self._stage.think_s + reply.after_s
        for part in reply.parts:
            if not self.active:
                return
            yield from self._part_of(part)
        if not self.active or reply.endless:
            return
        failure = reply.failure
        if failure is None:
            yield from self._finish("completed", None)
        else:
            error = {"type": "server_error", "code": failure.code, "message": failure.message}
            yield from self._finish("failed", {"type": "failed", "error": error})

    def cancel(self, reason: str) -> Iterator[JsonObject]:
        """End it now; ``reason`` is ``client_cancelled`` or ``turn_detected``."""
        return self._end("cancelled", reason)

    def _end(self, status: str, reason: str) -> Iterator[JsonObject]:
        if self._utterance is not None:
            self._stage.mouth.hush(self._utterance)
        if self._open is not None:
            yield from self._close(self._open, "incomplete")
        yield from self._finish(status, {"type": status, "reason": reason})

    def _part_of(self, part: Say | Call) -> Performance:
        if isinstance(part, Say):
            return self._say(part)
        remote = self.plan.remote.get(part.name)
        if remote is None:
            return self._call(part)
        if remote.asks and part.approval_request_id is None:
            return self._ask(part, remote)
        return self._call_remote(part, remote)

    def _say(self, part: Say) -> Performance:
        item = self._begin({"type": "message", "role": "assistant", "content": []})
        yield from self._item_added(item)
        self._words = ""
        name = "transcript" if self._spoken else "text"
        item.body["content"].append({"type": f"output_{self.plan.modality}", name: ""})
        yield self._at(item, "response.content_part.added", content_index=0, part=self._part())
        if self._spoken:
            yield from self._say_aloud(item, part)
        else:
            yield from self._tell(item, list(self._write(part.text)), part.over_s)
        if self.active:
            yield from self._close(item, "completed")

    def _say_aloud(self, item: Item, part: Say) -> Performance:
        """Piece by piece, as the voice has them ready."""
        text = part.text[: self.plan.token_limit + 1]
        utterance = self._stage.mouth.speak(item.id, text, voice=self.plan.voice_name, speed=self.plan.speed)
        self._utterance = utterance
        while True:
            yield utterance
            piece = utterance.take()
            if piece is None or not self.active:
                return
            over_s = None if part.over_s is None else part.over_s * utterance.share(piece[0])
            yield from self._tell(item, list(self._steps(piece)), over_s)

    def _tell(self, item: Item, deltas: list[tuple[str, bytes]], over_s: float | None) -> Performance:
        pace = self._stage.pace_s if over_s is None else over_s / len(deltas)
        for words, sound in deltas:
            yield from self._delta(item, words, sound)
            if self.active and self._over_limit():
                yield from self._end("incomplete", "max_output_tokens")
                return
            yield pace
            if not self.active:
                return

    def _call(self, part: Call) -> Performance:
        call_id = self._stage.ids.new("call")
        item = self._begin({"type": "function_call", "name": part.name, "call_id": call_id, "arguments": ""})
        yield from self._item_added(item)
        yield from self._write_arguments(item, part.arguments)
        if self.active:
            yield from self._close(item, "completed")

    def _ask(self, part: Call, remote: RemoteTool) -> Performance:
        """Nothing is called before the client approves it."""
        self._text_tokens += text_tokens(part.arguments)
        item = self._begin(remote.item("mcp_approval_request", part.arguments))
        yield from self._item_added(item)
        yield from self._close(item, "completed")

    def _call_remote(self, part: Call, remote: RemoteTool) -> Performance:
        request = part.approval_request_id
        rest = {"output": UNKNOWN} | ({} if request is None else {"approval_request_id": request})
        item = self._begin(remote.item("mcp_call", "") | rest)
        yield from self._item_added(item)
        yield from self._write_arguments(item, part.arguments)
        if not self.active:
            return
        yield self._at(item, "response.mcp_call_arguments.done", arguments=item.body["arguments"])
        self._calling = True
        yield self._about_call(item, "in_progress")
        yield self._stage.pace_s
        if not self.active:
            return
        item.body.update(remote.tool.call(part.arguments))
        item.fresh = True
        yield from self._close(item, "completed")

    def _write_arguments(self, item: Item, arguments: str) -> Performance:
        kind = f"response.{item.kind}_arguments.delta"
        names = {"call_id": item.body["call_id"]} if item.kind == "function_call" else {}
        for start in range(0, len(arguments), _ARGUMENTS_A_DELTA):
            delta = arguments[start : start + _ARGUMENTS_A_DELTA]
            if item.kind == "mcp_call":  # of all deltas the only one whose type has it
                names = {"obfuscation": "x" * (_ARGUMENTS_A_DELTA - len(delta))}
            item.body["arguments"] += delta
            self._text_tokens += text_tokens(delta)
            yield self._at(item, kind, **names, delta=delta)
            if self._over_limit():
                yield from self._end("incomplete", "max_output_tokens")
                return
            yield self._stage.pace_s
            if not self.active:
                return

    def _steps(self, piece: Piece) -> Iterator[tuple[str, bytes]]:
        """Words and sound in steps of 200 ms."""
        text, pcm = piece
        sound = self.plan.sound_format.from_pcm(pcm)
        size = _CHUNK_MS * self.plan.sound_format.bytes_per_ms
        count = -(-len(sound) // size)
        words = _shares(text, count)
        return ((words[index], sound[index * size : (index + 1) * size]) for index in range(count))

    def _write(self, text: str) -> Iterator[tuple[str, bytes]]:
        count = min(_MOST_TEXT_DELTAS, max(1, -(-len(text.split()) // _WORDS_A_DELTA)))
        return ((words, b"") for words in _shares(text, count))

    def _delta(self, item: Item, words: str, sound: bytes) -> Iterator[JsonObject]:
        self._text_tokens += text_tokens(words)
        self._words += words
        if not item.truncated:
            if sound:
                item.sounds.setdefault(0, bytearray()).extend(sound)
            item.body["content"][0]["transcript" if sound else "text"] = self._words
        if words:
            kind = "response.output_audio_transcript.delta" if sound else "response.output_text.delta"
            yield self._at(item, kind, content_index=0, delta=words)
        if sound:
            self.audio_ms += len(sound) / self.plan.sound_format.bytes_per_ms
            yield from self._sound(item, sound)

    def _sound(self, item: Item, sound: bytes) -> Iterator[JsonObject]:
        loudspeaker = self._stage.loudspeaker
        if loudspeaker is not None:
            return loudspeaker.play(self.id, item.id, item.format.to_pcm(sound))
        audio = base64.b64encode(sound).decode()
        return iter([self._at(item, "response.output_audio.delta", content_index=0, delta=audio)])

    def _over_limit(self) -> bool:
        return self._made().total > self.plan.token_limit

    def _made(self) -> Tokens:
        return Tokens(self._text_tokens, spoken_tokens(self.audio_ms))

    def _begin(self, body: JsonObject) -> Item:
        beginning = identity(body["type"], "in_progress", self._stage.ids.new)
        item = Item({**beginning, **body}, format=self.plan.sound_format, fresh=False)
        self._output.append(item)
        self._open = item
        self._calling = False
        if self.plan.conversation:
            self._stage.conversation.add(item)
        return item

    def _item_added(self, item: Item) -> Iterator[JsonObject]:
        yield self._output_item("response.output_item.added", item)
        if self.plan.conversation:
            yield self._stage.conversation.added(item)

    def _close(self, item: Item, status: str) -> Iterator[JsonObject]:
        self._open = None
        if "status" in item.body:
            item.body["status"] = status
        if item.kind == "mcp_call":
            yield self._call_over(item)
        elif item.kind == "function_call":
            name, arguments = item.body["name"], item.body["arguments"]
            done = "response.function_call_arguments.done"
            yield self._at(item, done, call_id=item.body["call_id"], name=name, arguments=arguments)
        elif item.body.get("content"):
            yield from self._close_part(item)
        # A client may have deleted the item meanwhile: then the conversation has nothing to say about it.
        if item in self._stage.conversation:
            yield self._stage.conversation.done(item)
        yield self._output_item("response.output_item.done", item)

    def _call_over(self, item: Item) -> JsonObject:
        """The end of an MCP call: of its arguments, where it was cut short before the call itself."""
        body = item.body
        if not self._calling:
            return self._at(item, "response.mcp_call_arguments.done", arguments=body["arguments"])
        if not item.fresh:  # nothing came of it
            body["error"] = {"type": "tool_execution_error", "message": "The response was cancelled."}
        return self._about_call(item, "failed" if "error" in body else "completed")

    def _about_call(self, item: Item, state: str) -> JsonObject:
        index = self._output.index(item)
        return {"type": f"response.mcp_call.{state}", "item_id": item.id, "output_index": index}

    def _close_part(self, item: Item) -> Iterator[JsonObject]:
        words = self._words
        if self._spoken:
            yield self._at(item, "response.output_audio.done", content_index=0)
            yield self._at(item, "response.output_audio_transcript.done", content_index=0, transcript=words)
        else:
            yield self._at(item, "response.output_text.done", content_index=0, text=words)
        yield self._at(item, "response.content_part.done", content_index=0, part=self._part())

    def _part(self) -> JsonObject:
        """The content part that is open, as the events about parts show it."""
        return {"type": self.plan.modality, "transcript" if self._spoken else "text": self._words}

    @property
    def _spoken(self) -> bool:
        return self.plan.modality == "audio"

    def _finish(self, status: str, details: JsonObject | None) -> Iterator[JsonObject]:
        self.status = status
        self._details = details
        yield {"type": "response.done", "response": self._body()}
        if self._stage.loudspeaker is not None:
            yield from self._stage.loudspeaker.said(self.id)

    def _at(self, item: Item, kind: str, **members: object) -> JsonObject:
        index = self._output.index(item)
        return {"type": kind, "response_id": self.id, "item_id": item.id, "output_index": index, **members}

    def _output_item(self, kind: str, item: Item) -> JsonObject:
        index = self._output.index(item)
        return {"type": kind, "response_id": self.id, "output_index": index, "item": item.wire()}

    def _body(self) -> JsonObject:
        plan = self.plan
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": self.status,
            "status_details": self._details,
            "output": [item.wire() for item in self._output],
            "conversation_id": self._stage.conversation_id if plan.conversation else None,
            "output_modalities": [plan.modality],
            "max_output_tokens": plan.max_output_tokens,
            "audio": {"output": {"format": plan.format, "voice": plan.voice_name}},
            "metadata": plan.metadata,
            "usage": None if self.active else self.usage,
        }


def _shares(text: str, count: int) -> list[str]:
    """The text in ``count`` pieces, cut between words, none lost; pieces may be empty."""
    words = [word + " " for word in text.split(" ")]
    words[-1] = words[-1][:-1]
    shares = [""] * count
    for index, word in enumerate(words):
        shares[index * count // len(words)] += word
    return shares
