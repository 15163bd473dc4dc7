"""Bounds: of the context, of rates, of silence, of the buffer; and the bill."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from realtime.mock import buffer
from tests.mock.talk import Talk, base64_of, said, silence, tone


def usage(response: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = response["usage"]
    return found


class TestContext:
    def test_the_oldest_items_are_dropped_from_the_context_and_kept_in_the_conversation(self) -> None:
        talk = Talk(context_tokens=100)
        talk.configure(output_modalities=["text"], instructions="x")
        first = talk.type("a" * 200)
        talk.type("b" * 200)
        assert usage(talk.respond())["input_tokens"] == 1 + 50
        assert talk.send("conversation.item.retrieve", item_id=first)[0]["type"] == "conversation.item.retrieved"

    def test_a_retention_ratio_drops_more_at_once(self) -> None:
        talk = Talk(context_tokens=101)
        ratio = {"type": "retention_ratio", "retention_ratio": 0.5}
        talk.configure(output_modalities=["text"], instructions="x", truncation=ratio, max_output_tokens=1)
        for _ in range(11):
            talk.type("a" * 40)
        assert usage(talk.respond())["input_tokens"] == 1 + 50
        talk.type("a" * 40)
        assert usage(talk.respond())["input_tokens"] > 51

    def test_a_limit_of_ones_own_after_the_instructions(self) -> None:
        talk = Talk()
        limits = {"type": "retention_ratio", "retention_ratio": 1.0, "token_limits": {"post_instructions": 25}}
        talk.configure(output_modalities=["text"], instructions="x", truncation=limits)
        for _ in range(4):
            talk.type("a" * 40)
        assert usage(talk.respond())["input_tokens"] == 1 + 20

    def test_where_truncation_is_disabled_a_long_conversation_is_refused(self) -> None:
        talk = Talk(context_tokens=40)
        talk.configure(truncation="disabled", instructions="x")
        talk.type("a" * 200)
        error = talk.refused("response.create")
        assert (error["code"], error["param"]) == ("context_length_exceeded", "session.truncation")
        talk.hear(tone(400), silence(700))
        assert talk.last("error")["error"]["code"] == "context_length_exceeded"
        assert not talk.all("response.created")

    def test_the_output_of_a_dropped_call_goes_with_it(self) -> None:
        talk = Talk(context_tokens=30)
        talk.configure(output_modalities=["text"], instructions="x")
        call = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "x" * 100}
        talk.send("conversation.item.create", item=call)
        talk.output("call_1", "short")
        talk.type("hello, this is a message")
        assert usage(talk.respond())["input_tokens"] == 1 + 6

    @pytest.mark.parametrize(
        ("truncation", "code", "param"),
        [
            ("later", "invalid_value", ""),
            ({"type": "retention_ratio"}, "missing_required_parameter", ".retention_ratio"),
            ({"type": "retention_ratio", "retention_ratio": 1.1}, "invalid_value", ".retention_ratio"),
            ({"type": "ratio", "retention_ratio": 1}, "invalid_value", ".type"),
        ],
    )
    def test_a_wrong_truncation_is_refused(self, truncation: object, code: str, param: str) -> None:
        error = Talk().refused("session.update", session={"type": "realtime", "truncation": truncation})
        assert (error["code"], error["param"]) == (code, f"session.truncation{param}")

    def test_instructions_have_a_limit_with_the_smaller_models(self) -> None:
        long = "x" * (16_385 * 4)
        error = Talk().refused("session.update", session={"type": "realtime", "instructions": long})
        assert (error["code"], error["param"]) == ("invalid_value", "session.instructions")
        assert Talk(model="gpt-realtime-2").configure(instructions=long)["instructions"] == long


class TestBill:
    def test_text_audio_and_images_are_told_apart(self) -> None:
        talk = Talk()
        talk.configure(instructions="", audio={"input": {"turn_detection": None}})
        talk.send("input_audio_buffer.append", audio=base64_of(tone(1000)))
        talk.send("input_audio_buffer.commit")
        image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"}
        content = [{"type": "input_text", "text": "what is it"}, image]
        talk.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        details = usage(talk.respond())["input_token_details"]
        assert (details["text_tokens"], details["audio_tokens"], details["image_tokens"]) == (3, 10, 85)

    def test_what_was_paid_for_before_is_cached(self) -> None:
        talk = Talk()
        talk.configure(output_modalities=["text"], instructions="y" * 400)
        first = usage(talk.ask("a" * 400))
        assert first["input_token_details"]["cached_tokens"] == 0
        second = usage(talk.ask("again"))
        details = second["input_token_details"]
        assert details["cached_tokens"] == 192  # 100 + 100, in steps of 64
        assert sum(details["cached_tokens_details"].values()) == 192
        talk.configure(instructions="other")
        assert usage(talk.ask("again"))["input_token_details"]["cached_tokens"] == 0


class TestRates:
    def test_what_is_left_goes_down_and_comes_back(self) -> None:
        talk = Talk(requests_per_minute=10)
        talk.ask("hello")
        talk.ask("hello")
        left = [event["rate_limits"][0]["remaining"] for event in talk.all("rate_limits.updated")]
        assert left == [9, 8]
        talk.wait(60.0)
        talk.ask("hello")
        assert talk.last("rate_limits.updated")["rate_limits"][0]["remaining"] == 9

    def test_beyond_the_limit_a_response_fails(self) -> None:
        talk = Talk(requests_per_minute=1)
        assert talk.ask("hello")["status"] == "completed"
        failed = talk.ask("hello")
        assert failed["status"] == "failed"
        assert failed["status_details"]["error"]["code"] == "rate_limit_exceeded"
        talk.wait(60.0)
        assert talk.ask("hello")["status"] == "completed"


class TestSilence:
    def detect(self, talk: Talk, idle_ms: int | None = 5000) -> None:
        talk.configure(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": idle_ms}}})

    def test_long_silence_after_an_answer_is_answered(self) -> None:
        talk = Talk()
        self.detect(talk)
        talk.ask("0123456789")
        done = talk.now
        talk.hear(silence(2000))
        event = talk.until("input_audio_buffer.timeout_triggered")
        assert talk.now - done == pytest.approx(0.6 + 5.0, abs=0.05)  # the playback of the answer, then the timeout
        assert (event["audio_start_ms"], event["audio_end_ms"]) == (0, 2000)
        after = talk.kinds()[talk.kinds().index("input_audio_buffer.timeout_triggered") :]
        assert after[1:5] == [
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
        ]
        assert talk.last("input_audio_buffer.committed")["item_id"] == event["item_id"]
        assert talk.until("response.done")["response"]["status"] == "completed"

    def test_the_silence_told_begins_when_the_answer_was_heard(self) -> None:
        talk = Talk()
        self.detect(talk)
        talk.ask("an answer of some forty letters, spoken out")  # 2.6 s to hear, said much faster
        talk.hear(silence(9000))
        event = talk.last("input_audio_buffer.timeout_triggered")
        assert event["audio_end_ms"] - event["audio_start_ms"] == 5000
        (retrieved,) = talk.send("conversation.item.retrieve", item_id=event["item_id"])
        assert len(base64.b64decode(retrieved["item"]["content"][0]["audio"])) == len(silence(5000))

    def test_a_transcription_session_answers_no_silence(self) -> None:
        talk = Talk()
        self.detect(talk)
        talk.ask("hi")
        detection = {"type": "server_vad", "idle_timeout_ms": 5000}
        session = {"type": "transcription", "audio": {"input": {"turn_detection": detection}}}
        talk.send("session.update", session=session)
        assert talk.wait(600.0) == []

    def test_speech_ends_the_silence(self) -> None:
        talk = Talk()
        self.detect(talk)
        talk.ask("hi")
        talk.hear(silence(300), tone(300))
        talk.wait(20.0)
        assert not talk.all("input_audio_buffer.timeout_triggered")

    def test_without_a_timeout_silence_stays(self) -> None:
        talk = Talk()
        self.detect(talk, None)
        talk.ask("hi")
        assert talk.wait(600.0) == []

    def test_silence_before_the_first_answer_does_not_count(self) -> None:
        talk = Talk()
        self.detect(talk)
        assert talk.wait(600.0) == []

    def test_semantic_detection_knows_no_timeout(self) -> None:
        detection = {"type": "semantic_vad", "idle_timeout_ms": 5000}
        session = {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
        error = Talk().refused("session.update", session=session)
        param = "session.audio.input.turn_detection.idle_timeout_ms"
        assert (error["code"], error["param"]) == ("unknown_parameter", param)


def test_the_buffer_holds_half_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffer, "MOST_MS", 60_000)
    talk = Talk()
    talk.configure(audio={"input": {"turn_detection": None}})
    for _ in range(6):
        assert talk.send("input_audio_buffer.append", audio=base64_of(silence(10_000))) == []
    error = talk.refused("input_audio_buffer.append", audio=base64_of(silence(20)))
    assert (error["code"], error["param"]) == ("invalid_value", "audio")
    talk.send("input_audio_buffer.commit")
    assert talk.send("input_audio_buffer.append", audio=base64_of(silence(20))) == []


@pytest.mark.parametrize(("eagerness", "silence_ms"), [("high", 300), ("medium", 500), ("auto", 500), ("low", 1000)])
def test_an_eager_turn_ends_sooner(eagerness: str, silence_ms: int) -> None:
    talk = Talk()
    talk.configure(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": eagerness}}})
    talk.hear(tone(500), silence(silence_ms - 30))
    assert not talk.all("input_audio_buffer.speech_stopped")
    talk.hear(silence(60))
    assert talk.all("input_audio_buffer.speech_stopped")


def test_an_answer_is_said_within_the_bounds_of_its_tokens() -> None:
    talk = Talk()
    talk.type("word " * 100)
    talk.respond(max_output_tokens=20)
    assert usage(talk.last("response.done")["response"])["output_tokens"] >= 20
    assert said(talk.last("response.done")["response"])
