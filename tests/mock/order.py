"""The order of server events, as the Realtime API documents it: a checker that sees one session from its start."""

from __future__ import annotations

from realtime.protocol.json import JsonObject

DELTAS = {
    "response.output_text.delta": "response.output_text.done",
    "response.output_audio_transcript.delta": "response.output_audio_transcript.done",
    "response.output_audio.delta": "response.output_audio.done",
    "response.function_call_arguments.delta": "response.function_call_arguments.done",
}


class OrderChecker:
    """``see`` each event in turn; a broken rule is an ``AssertionError`` that quotes the event."""

    def __init__(self) -> None:
        self.seen = 0
        self.event_ids: set[str] = set()
        self.items: list[str] = []
        self.open_items: set[str] = set()
        self.responses: dict[str, str] = {}
        self.default: str | None = None
        self.open_outputs: dict[tuple[str, int], str] = {}
        self.open_parts: set[tuple[str, int]] = set()
        self.streams: dict[tuple[str, str], str] = {}
        self.speaking: str | None = None

    def see(self, event: JsonObject) -> None:
        kind = event["type"]
        assert (kind == "session.created") == (self.seen == 0), event
        assert event["event_id"] not in self.event_ids, event
        self.event_ids.add(event["event_id"])
        self.seen += 1
        if "response_id" in event:
            assert self.responses[event["response_id"]] == "in_progress", event
        if kind in DELTAS:
            self._delta(event)
        elif kind in DELTAS.values():
            self._stream_done(event)
        elif handler := getattr(self, "_" + kind.replace(".", "_"), None):
            handler(event)

    def _session_created(self, event: JsonObject) -> None:
        assert event["session"]["id"], event

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
        assert event["item"]["status"] != "in_progress", event

    def _conversation_item_deleted(self, event: JsonObject) -> None:
        self.items.remove(event["item_id"])
        self.open_items.discard(event["item_id"])

    def _input_audio_buffer_speech_started(self, event: JsonObject) -> None:
        assert self.speaking is None, event
        self.speaking = event["item_id"]

    def _input_audio_buffer_speech_stopped(self, event: JsonObject) -> None:
        assert self.speaking == event["item_id"], event

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
        assert event["item"]["status"] == "in_progress", event
        assert not [each for each in self.open_outputs if each[0] == event["response_id"]], event
        self.open_outputs[key] = event["item"]["id"]

    def _response_output_item_done(self, event: JsonObject) -> None:
        key = (event["response_id"], event["output_index"])
        assert self.open_outputs.pop(key) == event["item"]["id"], event
        assert key not in self.open_parts, event
        assert event["item"]["id"] not in self.open_items, event

    def _response_content_part_added(self, event: JsonObject) -> None:
        key = (event["response_id"], event["output_index"])
        assert self.open_outputs[key] == event["item_id"], event
        self.open_parts.add(key)

    def _response_content_part_done(self, event: JsonObject) -> None:
        self.open_parts.remove((event["response_id"], event["output_index"]))
        unfinished = [kind for item, kind in self.streams if item == event["item_id"]]
        assert not unfinished, event

    def _response_done(self, event: JsonObject) -> None:
        response = event["response"]
        assert self.responses[response["id"]] == "in_progress", event
        assert not [key for key in self.open_outputs if key[0] == response["id"]], event
        assert response["status"] != "in_progress", event
        self.responses[response["id"]] = response["status"]
        if self.default == response["id"]:
            self.default = None

    def _delta(self, event: JsonObject) -> None:
        assert self.open_outputs[event["response_id"], event["output_index"]] == event["item_id"], event
        key = (event["item_id"], DELTAS[event["type"]])
        self.streams[key] = self.streams.get(key, "") + event["delta"]

    def _stream_done(self, event: JsonObject) -> None:
        said = self.streams.pop((event["item_id"], event["type"]), "")
        for name in ("text", "transcript", "arguments"):
            assert event.get(name, said) == said, event
