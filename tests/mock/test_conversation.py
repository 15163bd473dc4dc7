"""Items: their chain, their ids, and what is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.mock.talk import RATE, Talk, base64_of, function, tone


def ids(talk: Talk) -> list[str]:
    return [item["id"] for item in talk.model.state()["items"]]


def test_items_stand_in_a_chain() -> None:
    talk = Talk()
    first, second = talk.type("one"), talk.type("two")
    assert [event["previous_item_id"] for event in talk.all("conversation.item.added")] == [None, first]
    inserted = talk.type("between", previous_item_id=first)
    at_front = talk.type("front", previous_item_id="root")
    assert ids(talk) == [at_front, first, inserted, second]
    assert talk.last("conversation.item.done")["previous_item_id"] is None


def test_a_client_may_choose_the_id_once() -> None:
    talk = Talk()
    item = {"id": "mine", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    talk.send("conversation.item.create", item=item)
    assert ids(talk) == ["mine"]
    added = talk.last("conversation.item.added")["item"]
    assert added["object"] == "realtime.item"
    assert added["status"] == "completed"
    error = talk.refused("conversation.item.create", item=item, event_id="e1")
    assert (error["code"], error["event_id"]) == ("item_create_duplicate_item_id", "e1")
    assert ids(talk) == ["mine"]


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ({"type": "poem"}, "invalid_value", "item.type"),
        ({"role": "user", "content": []}, "missing_required_parameter", "item.type"),
        ({"type": "message", "role": "user"}, "missing_required_parameter", "item.content"),
        (
            {"type": "message", "role": "user", "content": [{"type": "output_text", "text": ""}]},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "audio": ""}]},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "?"}]},
            "invalid_value",
            "item.content[0].audio",
        ),
        ({"type": "function_call_output", "call_id": "call_x", "output": ""}, "invalid_tool_call_id", "item.call_id"),
        ({"type": "function_call_output", "call_id": "x", "output": {}}, "invalid_type", "item.output"),
        ({"type": "message", "role": "robot", "content": []}, "invalid_value", "item.role"),
        (
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "hi"}]},
            "invalid_value",
            "item.role",
        ),
        ({"type": "message", "role": 5, "content": []}, "invalid_type", "item.role"),
        ({"type": "message", "content": []}, "missing_required_parameter", "item.role"),
        (
            {"type": "message", "role": "system", "content": [{"type": "input_audio", "audio": ""}]},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {"type": "message", "role": "assistant", "content": [{"type": "input_text", "text": ""}]},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_image", "image_url": "https://example.org/x.png"}],
            },
            "invalid_value",
            "item.content[0].image_url",
        ),
        ({"type": "function_call", "name": "f"}, "missing_required_parameter", "item.arguments"),
    ],
)
def test_a_wrong_item_is_refused(item: dict[str, Any], code: str, param: str) -> None:
    talk = Talk()
    error = talk.refused("conversation.item.create", item=item)
    assert (error["code"], error["param"]) == (code, param)
    assert ids(talk) == []


def test_an_unknown_predecessor_is_refused() -> None:
    talk = Talk()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    error = talk.refused("conversation.item.create", item=item, previous_item_id="nobody")
    assert (error["code"], error["param"]) == ("invalid_value", "previous_item_id")


def test_history_may_be_brought_back() -> None:
    talk = Talk()
    call = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello"}]}
    for item in (said, call, {"type": "function_call_output", "call_id": "call_1", "output": "done"}):
        talk.send("conversation.item.create", item=item)
    assert [event["item"]["type"] for event in talk.all("conversation.item.done")] == [
        "message",
        "function_call",
        "function_call_output",
    ]


def test_delete_and_retrieve() -> None:
    talk = Talk()
    first, second = talk.type("one"), talk.type("two")
    (deleted,) = talk.send("conversation.item.delete", item_id=first)
    assert (deleted["type"], deleted["item_id"]) == ("conversation.item.deleted", first)
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=second)
    assert retrieved["item"]["content"] == [{"type": "input_text", "text": "two"}]
    for action, verb in (("delete", "deleting"), ("retrieve", "retrieving")):
        error = talk.refused(f"conversation.item.{action}", item_id=first)
        assert error["code"] == f"item_{action}_invalid_item_id"
        assert error["message"] == f"Error {verb} item: the item with id '{first}' does not exist."


def test_audio_is_shown_only_where_it_is_retrieved() -> None:
    talk = Talk()
    pcm = tone(300)
    content = [{"type": "input_audio", "audio": base64_of(pcm), "transcript": "a tone"}]
    item = {"type": "message", "role": "user", "content": content}
    added, _ = talk.send("conversation.item.create", item=item)
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": "a tone"}]
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=added["item"]["id"])
    assert base64.b64decode(retrieved["item"]["content"][0]["audio"]) == pcm


def test_truncate_keeps_what_was_heard() -> None:
    talk = Talk()
    response = talk.ask("something to say")
    item_id = response["output"][0]["id"]
    (truncated,) = talk.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=150)
    assert (truncated["item_id"], truncated["content_index"], truncated["audio_end_ms"]) == (item_id, 0, 150)
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=item_id)
    (part,) = retrieved["item"]["content"]
    assert "transcript" not in part
    assert len(base64.b64decode(part["audio"])) == 150 * RATE * 2 // 1000


def test_truncate_knows_its_bounds() -> None:
    talk = Talk()
    item_id = talk.ask("0123456789")["output"][0]["id"]
    typed = talk.last("conversation.item.done")["previous_item_id"]

    def refused(item: str, index: int, end_ms: int) -> tuple[str, str]:
        error = talk.refused("conversation.item.truncate", item_id=item, content_index=index, audio_end_ms=end_ms)
        return error["code"], error["message"]

    assert refused(item_id, 0, 601) == ("invalid_value", "Audio content of 600ms is already shorter than 601ms")
    assert refused(item_id, 1, 100)[0] == "invalid_value"
    assert refused(typed, 0, 0) == ("invalid_value", "Only model output audio messages can be truncated.")
    assert refused("nobody", 0, 0)[0] == "item_truncate_invalid_item_id"
    talk.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=600)
    talk.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100)
    assert refused(item_id, 0, 101)[1] == "Audio content of 100ms is already shorter than 101ms"


def test_an_item_that_is_being_said_may_be_truncated_or_deleted() -> None:
    talk = Talk()
    talk.begin("please count to twenty slowly")
    item_id = talk.until("response.output_audio.delta")["item_id"]
    talk.wait(1.0)
    talk.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100)
    talk.wait(1.0)
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=item_id)
    assert len(base64.b64decode(retrieved["item"]["content"][0]["audio"])) == 100 * RATE * 2 // 1000
    talk.send("conversation.item.delete", item_id=item_id)
    talk.send("response.cancel")
    assert talk.last("response.done")["response"]["status"] == "cancelled"
    assert item_id not in ids(talk)
    assert item_id not in [event["item"]["id"] for event in talk.all("conversation.item.done")]


def test_a_tool_output_needs_its_call() -> None:
    talk = Talk()
    talk.configure(tools=[function("f")])
    (call,) = talk.ask("please call f with {}")["output"]
    talk.output(call["call_id"], "42")
    assert talk.last("conversation.item.done")["item"]["output"] == "42"


def test_a_call_without_an_id_is_given_one() -> None:
    talk = Talk()
    talk.send("conversation.item.create", item={"type": "function_call", "name": "f", "arguments": "{}"})
    call_id = talk.last("conversation.item.done")["item"]["call_id"]
    talk.output(call_id, "over")
    assert talk.ask("hello")["status"] == "completed"


def test_pictures_and_several_sounds_are_taken() -> None:
    talk = Talk()
    sounds = [tone(100), tone(250, pitch=300.0)]
    content: list[dict[str, Any]] = [{"type": "input_audio", "audio": base64_of(sound)} for sound in sounds]
    content.insert(1, {"type": "input_image", "image_url": "data:image/jpeg;base64,/9j/AA=="})
    added, _ = talk.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=added["item"]["id"])
    told = [{"transcript": "", **part} if part["type"] == "input_audio" else part for part in content]
    assert retrieved["item"]["content"] == told


def test_the_voice_of_a_response_stays_too() -> None:
    talk = Talk()
    talk.ask("hello")
    error = talk.refused("response.create", response={"audio": {"output": {"voice": "ash"}}})
    assert (error["code"], error["param"]) == ("cannot_update_voice", "response.audio.output.voice")
    beside = {"conversation": "none", "audio": {"output": {"voice": "ash"}}}
    assert talk.respond(**beside)["audio"]["output"]["voice"] == "ash"
