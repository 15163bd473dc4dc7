"""Responses: the order of their events, one at a time, cancelled, out of band, limited."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from realtime.mock.reply import Call, Context, Failure, Reply, Say
from tests.mock.talk import Talk, calls, function, said, server


class Fixed:
    """Always the same reply."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def reply(self, context: Context) -> Reply:
        return self._reply


SPOKEN = [
    "response.created",
    "rate_limits.updated",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]


def test_the_order_of_a_spoken_response() -> None:
    talk = Talk()
    talk.type("hi")
    before = len(talk.events)
    talk.respond()
    assert talk.kinds()[before:] == SPOKEN
    in_progress = talk.all("conversation.item.added")[-1]["item"]
    assert (in_progress["status"], in_progress["content"]) == ("in_progress", [])
    assert talk.last("response.content_part.added")["part"] == {"type": "audio", "transcript": ""}
    assert talk.last("response.content_part.done")["part"] == {"type": "audio", "transcript": "hi"}
    assert talk.last("conversation.item.done")["item"]["content"] == [{"type": "output_audio", "transcript": "hi"}]


def test_the_order_of_a_written_response() -> None:
    talk = Talk()
    talk.configure(output_modalities=["text"])
    talk.type("hi")
    before = len(talk.events)
    response = talk.respond()
    audio_free = [kind for kind in SPOKEN if "audio" not in kind]
    audio_free[5:5] = ["response.output_text.delta", "response.output_text.done"]
    assert talk.kinds()[before:] == audio_free
    assert response["output"][0]["content"] == [{"type": "output_text", "text": "hi"}]
    assert response["output_modalities"] == ["text"]
    assert talk.last("response.content_part.done")["part"] == {"type": "text", "text": "hi"}


def test_the_order_of_a_function_call() -> None:
    talk = Talk()
    talk.configure(tools=[function("get_weather", "city")])
    talk.type('please call get_weather with {"city": "Oslo"}')
    before = len(talk.events)
    response = talk.respond()
    assert talk.kinds()[before:] == [
        "response.created",
        "rate_limits.updated",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    done = talk.last("response.function_call_arguments.done")
    assert (done["name"], done["arguments"]) == ("get_weather", '{"city": "Oslo"}')
    assert response["output"][0]["call_id"] == done["call_id"]


def test_a_message_may_be_followed_by_calls() -> None:
    talk = Talk(Fixed(Reply((Say("One moment."), Call("f", "{}"), Call("g", "{}")))))
    response = talk.ask("go")
    assert [item["type"] for item in response["output"]] == ["message", "function_call", "function_call"]
    assert [event["output_index"] for event in talk.all("response.output_item.done")] == [0, 1, 2]


def test_audio_is_audible_exact_and_faster_than_real_time() -> None:
    talk = Talk()
    start = talk.now
    talk.ask("a sentence of thirty-odd letters")
    pcm = b"".join(base64.b64decode(event["delta"]) for event in talk.all("response.output_audio.delta"))
    samples = np.frombuffer(pcm, dtype="<i2").astype(float)
    seconds = len(samples) / 24_000
    assert seconds == pytest.approx(32 * 0.06, abs=0.001)
    assert np.sqrt(np.mean(samples**2)) > 1000
    assert talk.now - start < seconds / 4
    transcript = "".join(event["delta"] for event in talk.all("response.output_audio_transcript.delta"))
    assert transcript == "a sentence of thirty-odd letters"


def test_the_shortest_reply_is_still_heard() -> None:
    talk = Talk()
    talk.ask("a")
    pcm = b"".join(base64.b64decode(event["delta"]) for event in talk.all("response.output_audio.delta"))
    assert len(pcm) >= 24_000 * 2 * 0.2


def test_counting_to_twenty_takes_its_time() -> None:
    for modality, delta in (("audio", "response.output_audio.delta"), ("text", "response.output_text.delta")):
        talk = Talk()
        talk.configure(output_modalities=[modality])
        start = talk.now
        talk.begin("please count to twenty slowly")
        talk.until(delta)
        assert talk.now - start < 0.5
        talk.until("response.done")
        assert talk.now - start > 4.0
        assert "twenty" in said(talk.last("response.done")["response"])


def test_only_one_response_at_a_time() -> None:
    talk = Talk()
    talk.begin("please count to twenty slowly")
    active = talk.last("response.created")["response"]["id"]
    error = talk.refused("response.create", event_id="again")
    assert error["code"] == "conversation_already_has_active_response"
    assert error["event_id"] == "again"
    assert error["message"] == (
        f"Conversation already has an active response in progress: {active}. "
        "Wait until the response is finished before creating a new one."
    )
    talk.until("response.done")
    talk.send("response.create")
    assert len(talk.all("response.created")) == 2


def test_cancel_ends_everything_that_was_open() -> None:
    talk = Talk()
    talk.begin("please count to twenty slowly", 1.0)
    before = len(talk.events)
    talk.send("response.cancel")
    assert talk.kinds()[before:] == SPOKEN[7:]
    response = talk.last("response.done")["response"]
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert response["output"][0]["status"] == "incomplete"
    assert "twenty" not in said(response)
    assert talk.wait(10.0) == []


def test_cancel_before_the_first_output_and_within_a_call() -> None:
    talk = Talk()
    talk.begin("hi")
    talk.send("response.cancel")
    assert talk.last("response.done")["response"]["output"] == []
    talk.configure(tools=[function("f")])
    talk.begin('please call f with {"long": "' + "x" * 200 + '"}')
    talk.until("response.function_call_arguments.delta")
    talk.send("response.cancel")
    (item,) = talk.last("response.done")["response"]["output"]
    assert item["status"] == "incomplete"
    assert talk.wait(10.0) == []


def test_cancel_needs_something_to_cancel() -> None:
    talk = Talk()
    error = talk.refused("response.cancel")
    assert (error["code"], error["message"]) == (
        "response_cancel_not_active",
        "Cancellation failed: no active response found",
    )
    finished = talk.ask("hi")
    assert talk.refused("response.cancel", response_id=finished["id"])["code"] == "response_cancel_not_active"


def test_cancel_by_id() -> None:
    talk = Talk()
    talk.begin("please count to twenty slowly")
    active = talk.last("response.created")["response"]["id"]
    assert talk.refused("response.cancel", response_id="resp_other")["code"] == "response_cancel_not_active"
    talk.send("response.cancel", response_id=active)
    assert talk.last("response.done")["response"]["id"] == active


def test_out_of_band_responses_run_beside_the_conversation() -> None:
    talk = Talk()
    talk.begin("please count to twenty slowly")
    content = [{"type": "input_text", "text": "classify this"}]
    given = [{"type": "message", "role": "user", "content": content}]
    talk.send(
        "response.create",
        response={"conversation": "none", "input": given, "output_modalities": ["text"], "metadata": {"topic": "side"}},
    )
    created = talk.last("response.created")["response"]
    assert created["conversation_id"] is None
    assert created["metadata"] == {"topic": "side"}
    done = talk.until("response.done")["response"]
    assert (done["id"], said(done), done["metadata"]) == (created["id"], "classify this", {"topic": "side"})
    assert len(talk.model.state()["items"]) == 2
    assert talk.model.state()["active_response"]
    talk.send("response.cancel")
    assert talk.last("response.done")["response"]["id"] != created["id"]


def test_input_may_refer_to_items() -> None:
    talk = Talk()
    first = talk.type("the first")
    talk.type("the second")
    response = talk.respond(conversation="none", input=[{"type": "item_reference", "id": first}])
    assert said(response) == "the first"
    error = talk.refused("response.create", response={"input": [{"type": "item_reference", "id": "nobody"}]})
    assert (error["code"], error["param"]) == ("invalid_value", "response.input[0].id")


def test_overrides_are_for_one_response_only() -> None:
    talk = Talk()
    talk.type("hello")
    response = talk.respond(output_modalities=["text"], metadata={"client_event_id": "7"}, max_output_tokens=100)
    assert response["output_modalities"] == ["text"]
    assert response["max_output_tokens"] == 100
    assert talk.last("response.created")["response"]["metadata"] == {"client_event_id": "7"}
    following = talk.respond()
    assert following["output_modalities"] == ["audio"]
    assert following["metadata"] is None
    assert following["max_output_tokens"] == "inf"


def test_tools_of_one_response() -> None:
    talk = Talk()
    talk.type('please call f with {"a": 1}')
    assert calls(talk.respond(tools=[function("f")])) == [("f", '{"a": 1}')]
    talk.type('please call f with {"a": 1}')
    assert calls(talk.respond()) == []
    talk.configure(tools=[function("f", "text")])
    talk.type('please call f with {"a": 1}')
    assert calls(talk.respond(tool_choice="none")) == []
    talk.type("no magic here")
    assert calls(talk.respond(tool_choice="required")) == [("f", '{"text": "no magic here"}')]
    talk.type("nor here")
    assert calls(talk.respond(tool_choice={"type": "function", "name": "f"})) == [("f", '{"text": "nor here"}')]


@pytest.mark.parametrize(
    "metadata", [{str(n): "x" for n in range(17)}, {"k" * 65: "x"}, {"k": "x" * 513}, {"k": 5}], ids=str
)
def test_metadata_has_bounds(metadata: dict[str, object]) -> None:
    talk = Talk()
    error = talk.refused("response.create", response={"metadata": metadata})
    assert (error["code"], error["param"]) == ("invalid_value", "response.metadata")


def test_a_response_ends_at_its_token_limit() -> None:
    for modality in ("audio", "text"):
        talk = Talk()
        talk.configure(output_modalities=[modality])
        talk.type("word " * 100)
        response = talk.respond(max_output_tokens=20)
        assert response["status"] == "incomplete"
        assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
        assert response["output"][0]["status"] == "incomplete"


@pytest.mark.parametrize("remote", [False, True])
def test_a_call_ends_at_the_token_limit_too(remote: bool) -> None:
    talk = Talk(Fixed(Reply((Call("echo", '{"text": "%s"}' % ("word " * 100)), Call("echo", "{}")))))
    tool = server("docs", require_approval="never") if remote else function("echo", "text")
    talk.send("session.update", session={"type": "realtime", "tools": [tool]})
    talk.wait(1.0)
    response = talk.respond(max_output_tokens=20)
    assert (response["status"], response["status_details"]["reason"]) == ("incomplete", "max_output_tokens")
    (call,) = response["output"]
    assert call.get("status") == (None if remote else "incomplete")
    (done,) = talk.all(f"response.{call['type']}_arguments.done")
    assert done["arguments"] == call["arguments"]
    assert len(call["arguments"]) < 200


def test_usage_adds_up() -> None:
    talk = Talk()
    usage = talk.ask("hello there")["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    for side in ("input", "output"):
        details = usage[f"{side}_token_details"]
        assert details["text_tokens"] + details["audio_tokens"] == usage[f"{side}_tokens"]
    assert usage["output_token_details"]["audio_tokens"] == 14  # 660 ms, 50 ms a token
    assert talk.all("response.created")[0]["response"]["usage"] is None


def test_a_script_may_fail_think_or_never_end() -> None:
    failing = Talk(Fixed(Reply(failure=Failure("rate_limit_exceeded", "Slow down."))))
    response = failing.ask("hi")
    assert response["status"] == "failed"
    assert response["status_details"]["error"] == {
        "type": "server_error",
        "code": "rate_limit_exceeded",
        "message": "Slow down.",
    }
    thinking = Talk(Fixed(Reply((Say("hm"),), after_s=2.0)))
    thinking.type("hi")
    thinking.send("response.create")
    assert not [event for event in thinking.wait(1.9) if event["type"] == "response.output_item.added"]
    assert [event for event in thinking.wait(0.2) if event["type"] == "response.output_item.added"]
    endless = Talk(Fixed(Reply((Say("hm"),), endless=True)))
    endless.type("hi")
    endless.send("response.create")
    endless.wait(100.0)
    assert not endless.all("response.done")
    endless.send("response.cancel")
    assert endless.last("response.done")["response"]["status"] == "cancelled"


def test_items_alone_start_no_response() -> None:
    talk = Talk()
    talk.type("hello")
    assert talk.wait(5.0) == []


def test_no_instructions_for_a_response_are_those_of_the_session() -> None:
    talk = Talk()
    talk.configure(instructions="a" * 400)
    talk.type("hello")
    asked = talk.respond(instructions=None)["usage"]["input_tokens"]
    assert asked > 100
    talk.type("hello")
    assert talk.respond(instructions="")["usage"]["input_tokens"] < asked
