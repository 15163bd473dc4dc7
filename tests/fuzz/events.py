"""Events of a voice model: every type with good members, then mutated and damaged."""

from __future__ import annotations

import json
from base64 import b64encode
from random import Random
from typing import Any

from realtime.protocol.realtime import SERVER_EVENT_TYPES
from tests.fuzz.oddities import JsonObject, damaged, dumps, mutated, odd_value

V1_TYPES = (
    "conversation.output_audio.delta",
    "conversation.input_transcript.delta",
    "conversation.output_transcript.delta",
    "conversation.handoff.requested",
)
TYPES = (*sorted(SERVER_EVENT_TYPES), *V1_TYPES, "no.such.event")
ITEMS = ("item_1", "item_2", "item_3", "item_4", "i" * 300, "")
RESPONSES = ("resp_1", "resp_2", "resp_3", "")
CALLS = ("call_1", "call_2", "call_3", "")
TOOLS = ("background_agent", "remain_silent", "no_such_tool", "")
ARGUMENTS = (
    '{"prompt": "what is 2+2"}',
    '{"prompt": ""}',
    "{}",
    "",
    "not json",
    '{"prompt": 5}',
    "[" * 5000,
    '{"prompt": "set a timer for 1 second"}',
    '{"a": "\\ud800"}',
)
CODES = (
    "conversation_already_has_active_response",
    "response_cancel_not_active",
    "item_truncate_invalid_item_id",
    "invalid_value",
    "rate_limit_exceeded",
    "no_such_code",
    None,
)
ENDING_CODES = ("session_expired", "invalid_api_key", "insufficient_quota", "model_not_found")
"""Errors that end a session, or its connection: rare, or nothing would live long enough to be hurt."""
AUDIO = (b64encode(bytes(960)).decode(), b64encode(bytes(9600)).decode(), "", "AAA", "\u20ac", "A" * 8)
HUGE = (2**31, 2**53, 2**63 - 1, 2**64 - 1, "9" * 30, "1" + "0" * 400, 1e300)


class Model:
    """Says what a voice model might, in no order at all."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._number = 0

    def message(self) -> tuple[str, bytes]:
        """What was done, and the message."""
        event = self.event()
        chance = self.random.random()
        if chance < 0.5:
            return event["type"], dumps(event)
        if chance < 0.85:
            return f"{event['type']}, mutated", dumps(mutated(event, self.random, self.random.randint(1, 3)))
        return damaged(dumps(event), self.random)

    def event(self) -> JsonObject:
        """A good event; identifiers come from small sets, so that events meet."""
        kind = self.random.choice(TYPES)
        event: JsonObject = {"type": kind, "event_id": self._event_id(), **self._members(kind)}
        if self.random.random() < 0.03:
            event[self.random.choice(list(event))] = odd_value(self.random)
            event["type"] = kind
        return event

    def _event_id(self) -> str:
        self._number += 1
        return "e" if self.random.random() < 0.1 else f"e{self._number}"

    def _members(self, kind: str) -> JsonObject:
        if kind.startswith("session."):
            return {"session": {"id": "sess_1", "type": "realtime"}}
        if kind == "error":
            return {"error": self._error()}
        if "output_audio_buffer" in kind or "rate_limits" in kind:
            return {"response_id": self._one(RESPONSES)}
        if kind in ("response.created", "response.done", "response.cancelled"):
            return {"response": self._response()}
        members: JsonObject = {"item_id": self._one(ITEMS), "response_id": self._one(RESPONSES)}
        if kind.endswith((".delta", ".done", ".completed", ".failed")):
            members |= self._words(kind)
        if "item." in kind or kind.startswith("response.output_item"):
            members |= {"item": self._item(), "previous_item_id": self._one((*ITEMS, None))}
        if kind.startswith(("input_audio_buffer", "conversation.handoff")):
            members |= {
                "previous_item_id": self._one(ITEMS),
                "audio_start_ms": self._one((0, 5, *HUGE)),
                "handoff_id": self._one(CALLS),
                "input_transcript": self._one(("do it", "", None)),
            }
        return members

    def _words(self, kind: str) -> JsonObject:
        if "audio.delta" in kind:
            sound: JsonObject = {"delta": self._one(AUDIO)}
            if self.random.random() < 0.3:
                sound["sample_rate"] = self._one((24_000, 8_000, 1, *HUGE))
                sound["num_channels"] = self._one((1, 2, *HUGE))
                sound["samples_per_channel"] = self._one((0, 480, *HUGE))
            return sound
        words = self._one(("hello ", "\u202eolleh", "a\x00b", "w" * 2000, ""))
        name = "delta" if kind.endswith("delta") else self._one(("transcript", "text"))
        return {name: words, "error": self._error()} if kind.endswith("failed") else {name: words}

    def _item(self) -> JsonObject:
        if self.random.random() < 0.4:
            return {
                "type": "function_call",
                "id": self._one(ITEMS),
                "call_id": f"{self._one(CALLS)}{self.random.randrange(200)}",
                "name": self._one(TOOLS),
                "arguments": self._one(ARGUMENTS),
                "status": self._one(("completed", "in_progress", "incomplete")),
            }
        part = {"type": self._one(("output_text", "output_audio", "input_text", "?")), "text": "hi", "transcript": "ho"}
        return {
            "type": self._one(("message", "message", "function_call_output", "?")),
            "id": self._one(ITEMS),
            "role": self._one(("assistant", "assistant", "user", "system", "?")),
            "status": self._one(("completed", "incomplete", "in_progress", "?")),
            "content": [part] * self.random.randrange(3),
        }

    def _response(self) -> JsonObject:
        return {
            "id": self._one(RESPONSES),
            "status": self._one(("completed", "cancelled", "failed", "incomplete", "in_progress")),
            "status_details": {"type": "failed", "error": self._one(({"code": "server_error"}, None, 5, {}))},
            "metadata": self._one((None, {"voxgate": "1"}, {}, {"voxgate": 5})),
            "conversation_id": self._one(("conv_1", "conv_1", None)),
            "output": [],
        }

    def _error(self) -> JsonObject:
        ending = self.random.random() < 0.05
        return {
            "type": "invalid_request_error",
            "code": self._one(ENDING_CODES if ending else CODES),
            "message": self._one(("that went wrong\r\nERROR forged line\x1b[31m", "", "m" * 2000)),
            "event_id": self._one((None, "create_vg_1", "cut_1", "x")),
        }

    def _one(self, values: tuple[Any, ...]) -> Any:
        return self.random.choice(values)


def good_answer(number: int) -> list[str]:
    """A whole response with words and sound, for a session that is to be kept busy."""
    response = {"id": f"resp_{number}", "status": "in_progress"}
    item = {"id": f"item_a{number}", "type": "message", "role": "assistant", "content": []}
    of_item = {"item_id": item["id"], "response_id": response["id"]}
    events: list[JsonObject] = [
        {"type": "response.created", "response": response},
        {"type": "conversation.item.added", "item": item},
        {"type": "response.output_audio.delta", "delta": AUDIO[1], **of_item},
        {"type": "response.output_audio_transcript.delta", "delta": "Hello ", **of_item},
        {"type": "response.output_audio_transcript.done", "transcript": "Hello there", **of_item},
        {"type": "conversation.item.done", "item": {**item, "status": "completed"}},
        {"type": "response.done", "response": {**response, "status": "completed"}},
    ]
    return [json.dumps(event) for event in events]
