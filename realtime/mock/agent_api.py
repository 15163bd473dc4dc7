"""The Responses API as far as a background agent needs it: a scripted answer, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from realtime.mock.ids import Ids
from realtime.mock.reply import Call, Context, Line, Reply, Say, Script
from realtime.mock.schema import anything, by_type, flag, list_of, mapping, missing, nullable, text
from realtime.mock.tokens import text_tokens
from realtime.protocol.json import JsonObject

Step = float | JsonObject
"""An event to stream, or seconds to wait."""

_WORDS_A_DELTA = 3
_PACE_S = 0.01
_CHECKS = {
    "input": by_type({str: text, list: list_of(mapping)}, "a string or an array"),
    "instructions": nullable(text),
    "model": text,
    "stream": nullable(flag),
    "tools": nullable(list_of(mapping)),
    "metadata": nullable(mapping),
    "tool_choice": anything,
}


@dataclass(slots=True)
class AgentResponse:
    """One answer: ``stream`` is its course; ``body`` what it came to."""

    request: JsonObject
    reply: Reply
    ids: Ids
    created_at: int
    _output: list[JsonObject] = field(default_factory=list)
    _number: int = 0
    _id: str = ""

    def stream(self) -> Iterator[Step]:
        """All events in order, numbered."""
        self._id = self.ids.new("resp")
        yield self._event("response.created", response=self.body("in_progress"))
        yield self._event("response.in_progress", response=self.body("in_progress"))
        yield self.reply.after_s
        for part in self.reply.parts:
            yield from self._message(part) if isinstance(part, Say) else self._call(part)
        status = "failed" if self.reply.failure else "completed"
        yield self._event(f"response.{status}", response=self.body(status))

    def body(self, status: str) -> JsonObject:
        """The response object."""
        failure = self.reply.failure if status == "failed" else None
        given, made = self._tokens()
        return {
            "id": self._id,
            "object": "response",
            "created_at": self.created_at,
            "status": status,
            "error": {"code": failure.code, "message": failure.message} if failure else None,
            "incomplete_details": None,
            "instructions": self.request.get("instructions"),
            "metadata": self.request.get("metadata") or {},
            "model": self.request["model"],
            "output": list(self._output),
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": self.request.get("tool_choice") or "auto",
            "tools": self.request.get("tools") or [],
            "top_p": 1.0,
            "usage": None
            if status == "in_progress"
            else {
                "input_tokens": given,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": made,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": given + made,
            },
        }

    def _tokens(self) -> tuple[int, int]:
        given = sum(text_tokens(line.text) for line in _lines(self.request["input"]))
        parts = self.reply.parts
        return given, sum(text_tokens(part.text if isinstance(part, Say) else part.arguments) for part in parts)

    def _message(self, part: Say) -> Iterator[Step]:
        item: JsonObject = {
            "id": self.ids.new("msg"),
            "type": "message",
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        where = {"item_id": item["id"], "output_index": len(self._output), "content_index": 0}
        content = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        yield self._item("response.output_item.added", item)
        yield self._event("response.content_part.added", **where, part=dict(content))
        words = part.text.split(" ")
        pace = _PACE_S if part.over_s is None else part.over_s * _WORDS_A_DELTA / len(words)
        for start in range(0, len(words), _WORDS_A_DELTA):
            delta = (" " if start else "") + " ".join(words[start : start + _WORDS_A_DELTA])
            yield self._event("response.output_text.delta", **where, delta=delta, logprobs=[])
            yield pace
        content["text"] = part.text
        yield self._event("response.output_text.done", **where, text=part.text, logprobs=[])
        yield self._event("response.content_part.done", **where, part=content)
        done = {**item, "status": "completed", "content": [content]}
        yield self._item("response.output_item.done", done)
        self._output.append(done)

    def _call(self, part: Call) -> Iterator[Step]:
        item: JsonObject = {
            "id": self.ids.new("fc"),
            "type": "function_call",
            "status": "in_progress",
            "call_id": self.ids.new("call"),
            "name": part.name,
            "arguments": "",
        }
        where = {"item_id": item["id"], "output_index": len(self._output)}
        yield self._item("response.output_item.added", item)
        yield self._event("response.function_call_arguments.delta", **where, delta=part.arguments)
        done = "response.function_call_arguments.done"
        yield self._event(done, **where, name=part.name, arguments=part.arguments)
        item = {**item, "status": "completed", "arguments": part.arguments}
        yield self._item("response.output_item.done", item)
        self._output.append(item)

    def _item(self, kind: str, item: JsonObject) -> JsonObject:
        return self._event(kind, output_index=len(self._output), item=item)

    def _event(self, kind: str, **members: object) -> JsonObject:
        number, self._number = self._number, self._number + 1
        return {"type": kind, "sequence_number": number, **members}


def answer_request(request: JsonObject, script: Script, ids: Ids, created_at: int) -> AgentResponse:
    """The script's answer to the body of ``POST /v1/responses``; raises ``Refused``."""
    for name in ("model", "input"):
        if request.get(name) is None:
            raise missing(name)
    for name, check in _CHECKS.items():
        if name in request:
            check(request[name], name)
    tools = {
        tool["name"]: tool.get("parameters") or {}
        for tool in request.get("tools") or ()
        if tool.get("type") == "function" and isinstance(tool.get("name"), str)
    }
    context = Context(_lines(request["input"]), tools, request.get("instructions") or "")
    return AgentResponse(request, script.reply(context), ids, created_at)


def _lines(given: str | list[JsonObject]) -> tuple[Line, ...]:
    if isinstance(given, str):
        return (Line("user", given),)
    names = {item.get("call_id"): item.get("name") for item in given if item.get("type") == "function_call"}
    lines = [_line(item, names) for item in given]
    answered = max((index for index, line in enumerate(lines) if line.kind in ("assistant", "call")), default=-1)
    return tuple(Line(line.kind, line.text, line.name, fresh=index > answered) for index, line in enumerate(lines))


def _line(item: JsonObject, names: dict[object, object]) -> Line:
    kind = item.get("type", "message")
    if kind == "function_call":
        return Line("call", str(item.get("arguments")), str(item.get("name")))
    if kind == "function_call_output":
        return Line("output", _text(item.get("output")), str(names.get(item.get("call_id"))))
    role = item.get("role")
    if kind != "message" or role is None:
        return Line("system", "")
    return Line(role if role in ("user", "assistant") else "system", _text(item.get("content")))


def _text(content: object) -> str:
    """The text of a content: a string, or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part)
