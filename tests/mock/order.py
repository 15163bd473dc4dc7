"""The order of server events, as the Realtime API documents it: a checker that sees one session from its start.

It knows every kind of event that the mock sends; another kind is a fault.
"""

from __future__ import annotations

from realtime.protocol.json import JsonObject

DELTAS = {
    "response.output_text.delta": "response.output_text.done",
    "response.output_audio_transcript.delta": "response.output_audio_transcript.done",
    "response.output_audio.delta": "response.output_audio.done",
    "response.function_call_arguments.delta": "response.function_call_arguments.done",
    "response.mcp_call_arguments.delta": "response.mcp_call_arguments.done",
}
SPOKEN_ENDS = ("response.output_audio.done", "response.output_audio_transcript.done")
WRITTEN_ENDS = ("response.output_text.done",)

FOLLOWS: dict[str, tuple[str, ...]] = {
    "response.created": ("rate_limits.updated",),
    "input_audio_buffer.speech_stopped": ("input_audio_buffer.committed",),
    "input_audio_buffer.timeout_triggered": ("input_audio_buffer.committed",),
    "input_audio_buffer.committed": ("conversation.item.added",),
    "response.output_audio.done": ("response.output_audio_transcript.done",),
    "response.output_audio_transcript.done": ("response.content_part.done",),
    "response.output_text.done": ("response.content_part.done",),
    "response.content_part.done": ("conversation.item.done", "response.output_item.done"),
    "response.function_call_arguments.done": ("conversation.item.done", "response.output_item.done"),
    "response.mcp_call_arguments.done": (
        "response.mcp_call.in_progress",
        "conversation.item.done",
        "response.output_item.done",
    ),
    "response.mcp_call.completed": ("conversation.item.done", "response.output_item.done"),
    "response.mcp_call.failed": ("conversation.item.done", "response.output_item.done"),
}
"""What alone may come next, where something alone may."""
MCP_ITEMS = ("mcp_list_tools", "mcp_call", "mcp_approval_request", "mcp_approval_response")
"""Items without a status."""


class OrderChecker:
    """``see`` each event in turn; a broken rule is an ``AssertionError`` that quotes the event.

    ``live_words``: a recogniser tells words while the person speaks, and may find in the end that it was
    something else, or nothing.
    """

    def __init__(self, *, live_words: bool = False) -> None:
        self.live_words = live_words
        self.seen = 0
        self.event_ids: set[str] = set()
        self.items: list[str] = []
        self.open_items: set[str] = set()
        self.responses: dict[str, str] = {}
        self.default: str | None = None
        self.outputs: dict[str, list[str]] = {}
        self.open_outputs: dict[tuple[str, int], str] = {}
        self.parts: set[str] = set()
        self.ended: set[tuple[str, str]] = set()
        self.open_parts: set[tuple[str, int]] = set()
        self.streams: dict[tuple[str, str], str] = {}
        self.speaking: str | None = None
        self.heard_ms = 0
        self.transcripts: dict[str, str] = {}
        self.transcribed: set[str] = set()
        self.expected: tuple[str, ...] | None = None
        self.listings: dict[str, str] = {}
        self.mcp_calls: dict[str, str] = {}
        self.played: dict[str, str] = {}

    def see(self, event: JsonObject) -> None:
        kind = event["type"]
        assert (kind == "session.created") == (self.seen == 0), event
        assert event["event_id"] not in self.event_ids, event
        self.event_ids.add(event["event_id"])
        self.seen += 1
        if "response_id" in event and not kind.startswith("output_audio_buffer."):
            assert self.responses[event["response_id"]] == "in_progress", event
        if kind in DELTAS:
            self._delta(event)
        elif kind in DELTAS.values():
            self._stream_done(event)
        else:
            handler = getattr(self, "_" + kind.replace(".", "_"), None)
            assert handler is not None, event
            handler(event)
        if self.expected is not None and kind not in self.expected:
            raise AssertionError(f"expected one of {self.expected}: {event}")
        self.expected = FOLLOWS.get(kind)

    def _session_created(self, event: JsonObject) -> None:
        assert event["session"]["id"], event

    def _session_updated(self, event: JsonObject) -> None:
        assert event["session"]["id"], event

    def _error(self, event: JsonObject) -> None:
        assert event["error"]["type"] in ("invalid_request_error", "server_error"), event
        assert event["error"]["message"], event
        assert {"code", "param", "event_id"} <= event["error"].keys(), event

    def _rate_limits_updated(self, event: JsonObject) -> None:
        assert [limit["name"] for limit in event["rate_limits"]] == ["requests", "tokens"], event
        assert all(0 <= limit["remaining"] <= limit["limit"] for limit in event["rate_limits"]), event

    def _conversation_item_retrieved(self, event: JsonObject) -> None:
        assert event["item"]["id"] in self.items, event

    def _output_audio_buffer_started(self, event: JsonObject) -> None:
        response_id = event["response_id"]
        assert self.responses[response_id] == "in_progress", event
        assert [part for part in self.open_parts if part[0] == response_id], event
        assert response_id not in self.played, event
        self.played[response_id] = "started"

    def _output_audio_buffer_stopped(self, event: JsonObject) -> None:
        assert self.responses[event["response_id"]] != "in_progress", event
        assert self.played[event["response_id"]] == "started", event
        self.played[event["response_id"]] = "stopped"

    def _output_audio_buffer_cleared(self, event: JsonObject) -> None:
        assert self.played[event["response_id"]] == "started", event
        self.played[event["response_id"]] = "cleared"

    def _conversation_item_truncated(self, event: JsonObject) -> None:
        assert event["item_id"] in self.items, event

    def _conversation_item_input_audio_transcription_delta(self, event: JsonObject) -> None:
        assert event["item_id"] in self.items or (self.live_words and event["item_id"] == self.speaking), event
        assert event["item_id"] not in self.transcribed, event
        self.transcripts[event["item_id"]] = self.transcripts.get(event["item_id"], "") + event["delta"]

    def _conversation_item_input_audio_transcription_completed(self, event: JsonObject) -> None:
        assert self.live_words or self.transcripts.get(event["item_id"], "") == event["transcript"], event
        self._transcription_over(event)

    def _conversation_item_input_audio_transcription_failed(self, event: JsonObject) -> None:
        assert self.live_words or event["item_id"] not in self.transcripts, event
        self._transcription_over(event)

    def _transcription_over(self, event: JsonObject) -> None:
        assert event["item_id"] in self.items, event
        assert event["item_id"] not in self.transcribed, event
        self.transcribed.add(event["item_id"])

    def _input_audio_buffer_timeout_triggered(self, event: JsonObject) -> None:
        assert (self.default, self.speaking) == (None, None), event
        assert 0 <= event["audio_start_ms"] <= event["audio_end_ms"], event

    def _conversation_item_added(self, event: JsonObject) -> None:
        item_id = event["item"]["id"]
        assert item_id not in self.items, event
        previous = event["previous_item_id"]
        position = 0 if previous is None else self.items.index(previous) + 1
        self.items.insert(position, item_id)
        self.open_items.add(item_id)

    def _conversation_item_done(self, event: JsonObject) -> None:
        item_id = event["item"]["id"]
        assert item_id in self.open_items, event
        self.open_items.remove(item_id)
        position = self.items.index(item_id)
        assert event["previous_item_id"] == (self.items[position - 1] if position else None), event
        assert event["item"].get("status") != "in_progress", event
        if event["item"]["type"] == "mcp_list_tools":
            assert self.listings[item_id] == "in_progress", event
            self.listings[item_id] = "listed"

    def _mcp_list_tools_in_progress(self, event: JsonObject) -> None:
        assert event["item_id"] in self.open_items, event
        assert event["item_id"] not in self.listings, event
        self.listings[event["item_id"]] = "in_progress"

    def _mcp_list_tools_completed(self, event: JsonObject) -> None:
        # Unless the client has taken the item out, it was done before.
        expected = "listed" if event["item_id"] in self.items else "in_progress"
        assert self.listings[event["item_id"]] == expected, event
        self.listings[event["item_id"]] = "over"

    _mcp_list_tools_failed = _mcp_list_tools_completed

    def _response_mcp_call_in_progress(self, event: JsonObject) -> None:
        assert event["item_id"] in self.open_outputs.values(), event
        assert (event["item_id"], "response.mcp_call_arguments.done") in self.ended, event
        assert event["item_id"] not in self.mcp_calls, event
        self.mcp_calls[event["item_id"]] = "in_progress"

    def _response_mcp_call_completed(self, event: JsonObject) -> None:
        assert self.mcp_calls[event["item_id"]] == "in_progress", event
        self.mcp_calls[event["item_id"]] = event["type"].removeprefix("response.mcp_call.")

    _response_mcp_call_failed = _response_mcp_call_completed

    def _mcp_call_over(self, event: JsonObject) -> None:
        item = event["item"]
        assert (item["id"], "response.mcp_call_arguments.done") in self.ended, event
        outcome = self.mcp_calls.get(item["id"])
        assert outcome != "in_progress", event
        assert ("error" in item) == (outcome == "failed"), event
        assert not item["output"] or outcome == "completed", event

    def _conversation_item_deleted(self, event: JsonObject) -> None:
        self.items.remove(event["item_id"])
        self.open_items.discard(event["item_id"])

    def _input_audio_buffer_speech_started(self, event: JsonObject) -> None:
        assert self.speaking is None, event
        assert event["item_id"] not in self.items, event
        assert event["audio_start_ms"] >= 0, event
        self.heard_ms = event["audio_start_ms"]
        self.speaking = event["item_id"]

    def _input_audio_buffer_speech_stopped(self, event: JsonObject) -> None:
        assert self.speaking == event["item_id"], event
        assert event["audio_end_ms"] >= self.heard_ms, event

    def _input_audio_buffer_committed(self, event: JsonObject) -> None:
        assert self.speaking in (None, event["item_id"]), event
        assert event["previous_item_id"] == (self.items[-1] if self.items else None), event
        self.speaking = None

    def _input_audio_buffer_cleared(self, event: JsonObject) -> None:
        self.speaking = None

    def _response_created(self, event: JsonObject) -> None:
        response = event["response"]
        assert response["status"] == "in_progress", event
        assert response["id"] not in self.responses, event
        if response["conversation_id"] is not None:
            assert self.default is None, event
            self.default = response["id"]
        self.responses[response["id"]] = "in_progress"

    def _response_output_item_added(self, event: JsonObject) -> None:
        key = (event["response_id"], event["output_index"])
        item = event["item"]
        assert (item["type"] in MCP_ITEMS) == ("status" not in item), event
        assert item.get("status", "in_progress") == "in_progress", event
        assert not [each for each in self.open_outputs if each[0] == event["response_id"]], event
        outputs = self.outputs.setdefault(event["response_id"], [])
        assert event["output_index"] == len(outputs), event
        outputs.append(event["item"]["id"])
        self.open_outputs[key] = event["item"]["id"]

    def _response_output_item_done(self, event: JsonObject) -> None:
        key = (event["response_id"], event["output_index"])
        assert self.open_outputs.pop(key) == event["item"]["id"], event
        assert key not in self.open_parts, event
        if event["item"]["type"] == "function_call":
            assert (event["item"]["id"], "response.function_call_arguments.done") in self.ended, event
        elif event["item"]["type"] == "mcp_call":
            self._mcp_call_over(event)
        elif event["item"]["type"] == "message":
            assert event["item"]["id"] in self.parts, event
        assert event["item"]["id"] not in self.open_items, event

    def _response_content_part_added(self, event: JsonObject) -> None:
        key = (event["response_id"], event["output_index"])
        assert self.open_outputs[key] == event["item_id"], event
        assert event["item_id"] not in self.parts, event
        self.parts.add(event["item_id"])
        self.open_parts.add(key)

    def _response_content_part_done(self, event: JsonObject) -> None:
        self.open_parts.remove((event["response_id"], event["output_index"]))
        unfinished = [kind for item, kind in self.streams if item == event["item_id"]]
        assert not unfinished, event
        ends = {"audio": SPOKEN_ENDS, "text": WRITTEN_ENDS}[event["part"]["type"]]
        assert {(event["item_id"], end) for end in ends} <= self.ended, event

    def _response_done(self, event: JsonObject) -> None:
        response = event["response"]
        assert self.responses[response["id"]] == "in_progress", event
        assert not [key for key in self.open_outputs if key[0] == response["id"]], event
        assert response["status"] != "in_progress", event
        details = response["status_details"]
        assert (details is None) == (response["status"] == "completed"), event
        assert details is None or details["type"] == response["status"], event
        if response["status"] == "completed":
            calls = [item for item in response["output"] if item["type"] == "mcp_call"]
            assert all(self.mcp_calls[call["id"]] in ("completed", "failed") for call in calls), event
        usage = response["usage"]
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"], event
        assert not any("audio" in part for item in response["output"] for part in item.get("content", [])), event
        assert [item["id"] for item in response["output"]] == self.outputs.get(response["id"], []), event
        self.responses[response["id"]] = response["status"]
        if self.default == response["id"]:
            self.default = None

    def _delta(self, event: JsonObject) -> None:
        assert event["type"] != "response.output_audio.delta" or not self.played, event
        assert self.open_outputs[event["response_id"], event["output_index"]] == event["item_id"], event
        assert (event["item_id"], DELTAS[event["type"]]) not in self.ended, event
        key = (event["item_id"], DELTAS[event["type"]])
        self.streams[key] = self.streams.get(key, "") + event["delta"]

    def _stream_done(self, event: JsonObject) -> None:
        key = (event["item_id"], event["type"])
        assert key not in self.ended, event
        self.ended.add(key)
        said = self.streams.pop(key, "")
        for name in ("text", "transcript", "arguments"):
            assert event.get(name, said) == said, event
