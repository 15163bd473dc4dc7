"""A conversation under test: events go in as the wire has them, actions come out sorted by kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from realtime.core import actions as act
from realtime.core.config import ReconnectPolicy, SessionConfig, Words
from realtime.core.conversation import Conversation
from realtime.protocol import realtime as ev
from realtime.protocol.appserver import Notification
from realtime.protocol.ids import SessionId, ThreadId
from realtime.protocol.json import JsonObject

WORDS = Words("steered", "see above", "no result", "failed:", "cancelled", "empty", "unknown tool")
CONFIG = SessionConfig(ThreadId("thread"), SessionId("session"), "vg", WORDS, {"type": "realtime"})


class Driver:
    """``now`` is the invented clock, in seconds."""

    def __init__(self, *, opened: bool = True, **changes: Any) -> None:
        self.now = 100.0
        self.conversation = Conversation(replace(CONFIG, **changes))
        self.log: list[act.Action] = list(self.conversation.start(now=self.now))
        if opened:
            self.apply(act.UpstreamOpened(1))
        self.log.clear()

    def apply(self, command: act.Command) -> list[act.Action]:
        """A command; returns what it caused."""
        return self._keep(self.conversation.apply(command, now=self.now))

    def receive(self, kind: str, **members: Any) -> list[act.Action]:
        """An event of the current upstream."""
        event = ev.decode_value({"type": kind, **members})
        return self._keep(self.conversation.receive(event, self.conversation.generation, now=self.now))

    def tick(self, after: float = 0.0) -> list[act.Action]:
        """Time passes."""
        self.now += after
        return self._keep(self.conversation.tick(now=self.now))

    def lose(self, *, clean: bool = False, retryable: bool = True) -> list[act.Action]:
        """The current connection drops."""
        loss = act.Loss("gone", clean=clean, retryable=retryable)
        return self.apply(act.UpstreamLost(self.conversation.generation, loss))

    def reopen(self) -> list[act.Action]:
        """The connection that was asked for last comes."""
        return self.apply(act.UpstreamOpened(self.opens[-1].generation))

    def ask(self, text: str) -> None:
        """Typed text that wants an answer."""
        self.apply(act.AppendText(text, respond=True))

    def speak(self, item_id: str) -> None:
        """A spoken turn of the person's, whose words are still to come."""
        self.receive("input_audio_buffer.speech_started", item_id=item_id)
        self.receive("input_audio_buffer.committed", item_id=item_id)

    def begin_answer(self, response_id: str = "r1", item_id: str = "a1") -> None:
        """The voice begins to answer."""
        self.receive("response.created", response={"id": response_id})
        self.receive("conversation.item.added", item={"id": item_id, "type": "message", "role": "assistant"})

    def call(self, name: str = "background_agent", call_id: str = "call_1", prompt: str = "list the files") -> None:
        """A complete function call of the voice."""
        item = {
            "type": "function_call",
            "id": f"item_{call_id}",
            "call_id": call_id,
            "name": name,
            "arguments": f'{{"prompt": "{prompt}"}}' if prompt else "",
        }
        self.receive("conversation.item.done", item=item)

    @property
    def opens(self) -> list[act.Open]:
        """Connections that were asked for."""
        return [action for action in self.log if isinstance(action, act.Open)]

    @property
    def sent(self) -> list[JsonObject]:
        """Events to the upstream, those that begin a connection included."""
        events: list[ev.ClientEvent] = []
        for action in self.log:
            if isinstance(action, act.Send):
                events.append(action.event)
            elif isinstance(action, act.Begin):
                events += action.events
        return [event.model_dump(exclude_none=True) for event in events]

    @property
    def sent_types(self) -> list[str]:
        """Their types."""
        return [str(event["type"]) for event in self.sent]

    def creates(self) -> int:
        """How many responses were asked for."""
        return self.sent_types.count("response.create")

    def outputs(self) -> list[tuple[str, str]]:
        """Function outputs as (call id, output)."""
        items = [event["item"] for event in self.sent if event["type"] == "conversation.item.create"]
        return [(item["call_id"], item["output"]) for item in items if item["type"] == "function_call_output"]

    def notes(self, method: str) -> list[JsonObject]:
        """Params of the live notifications of ``thread/realtime/<method>``."""
        name = f"thread/realtime/{method}"
        return [note.params for note in self._notifications() if note.method == name]

    def records(self) -> list[tuple[str, JsonObject]]:
        """Recorded items as (method, item)."""
        drafts = [action.draft for action in self.log if isinstance(action, act.Record)]
        return [(draft.method, draft.body["item"]) for draft in drafts]

    def of(self, kind: type[Any]) -> list[Any]:
        """All actions of one kind so far."""
        return [action for action in self.log if isinstance(action, kind)]

    def _notifications(self) -> list[Notification]:
        return [action.notification for action in self.log if isinstance(action, act.Notify)]

    def _keep(self, actions: list[act.Action]) -> list[act.Action]:
        self.log += actions
        return actions


NO_RECONNECT = ReconnectPolicy(enabled=False, first_retries=0)
