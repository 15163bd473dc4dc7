"""The three audio formats: G.711 in and out, lengths to the sample, voice detection on each."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from realtime.mock.sound import FORMATS
from realtime.mock.speech.g711 import A_LAW, MU_LAW, Law
from tests.mock.talk import Talk, base64_of, said, silence, tone

LAWS = ("audio/pcmu", "audio/pcma")
LAW_BYTES_PER_MS = 8


def in_format(name: str, pcm: bytes) -> bytes:
    return FORMATS[name].from_pcm(pcm)


@pytest.mark.parametrize(
    ("law", "known"),
    [
        (MU_LAW, {0xFF: 0, 0x7F: 0, 0x80: 32124, 0x00: -32124, 0xFE: 8, 0x7E: -8}),
        (A_LAW, {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0xD4: 24, 0x85: 4224}),
    ],
    ids=["mu", "a"],
)
def test_codes_have_the_values_of_the_standard(law: Law, known: dict[int, int]) -> None:
    assert law.decode(bytes(known)).tolist() == list(known.values())


@pytest.mark.parametrize("law", [MU_LAW, A_LAW], ids=["mu", "a"])
def test_each_sample_becomes_a_near_code_and_each_code_stays(law: Law) -> None:
    samples = np.arange(-32768, 32768).astype(np.int16)
    back = law.decode(law.encode(samples)).astype(int)
    error = np.abs(back - samples)
    assert np.all(error <= np.maximum(16, np.abs(samples.astype(int)) // 16))
    codes = law.decode(bytes(range(256)))
    assert np.array_equal(law.decode(law.encode(codes)), codes)


@pytest.mark.parametrize("name", LAWS)
def test_sound_keeps_its_length_and_pitch_through_a_law(name: str) -> None:
    pcm = tone(500, pitch=440.0)
    coded = in_format(name, pcm)
    assert len(coded) == 500 * LAW_BYTES_PER_MS
    back = np.frombuffer(FORMATS[name].to_pcm(coded), "<i2").astype(float)
    assert len(back) == 12_000
    spectrum = np.abs(np.fft.rfft(back))
    assert np.argmax(spectrum) * 24_000 / len(back) == pytest.approx(440, abs=3)
    assert np.sqrt(np.mean(back**2)) == pytest.approx(8000 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("name", LAWS)
def test_a_session_speaks_g711(name: str) -> None:
    talk = Talk()
    shown = talk.configure(audio={"output": {"format": {"type": name}}})
    assert shown["audio"]["output"]["format"] == {"type": name}
    assert shown["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    response = talk.ask("a sentence of thirty-odd letters")
    coded = b"".join(base64.b64decode(event["delta"]) for event in talk.all("response.output_audio.delta"))
    assert len(coded) == 32 * 60 * LAW_BYTES_PER_MS
    assert np.sqrt(np.mean(np.frombuffer(FORMATS[name].to_pcm(coded), "<i2").astype(float) ** 2)) > 1000
    assert response["audio"]["output"]["format"] == {"type": name}
    assert response["usage"]["output_token_details"]["audio_tokens"] == 39  # 1,920 ms, 50 ms a token
    item_id = response["output"][0]["id"]
    error = talk.refused("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=1921)
    assert error["message"] == "Audio content of 1920ms is already shorter than 1921ms"
    talk.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=150)
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=item_id)
    assert base64.b64decode(retrieved["item"]["content"][0]["audio"]) == coded[: 150 * LAW_BYTES_PER_MS]


@pytest.mark.parametrize("name", LAWS)
def test_one_response_may_have_a_format_of_its_own(name: str) -> None:
    talk = Talk()
    talk.type("0123456789")
    talk.respond(audio={"output": {"format": {"type": name}}})
    coded = b"".join(base64.b64decode(event["delta"]) for event in talk.all("response.output_audio.delta"))
    assert len(coded) == 600 * LAW_BYTES_PER_MS


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("step_ms", [20, 33, 1000])
def test_turns_are_found_in_g711(name: str, step_ms: int) -> None:
    talk = Talk()
    talk.configure(audio={"input": {"format": {"type": name}}}, instructions="heard: on the phone")
    sound = in_format(name, silence(1000) + tone(800) + silence(700))
    for start in range(0, len(sound), step_ms * LAW_BYTES_PER_MS):
        piece = sound[start : start + step_ms * LAW_BYTES_PER_MS]
        talk.send("input_audio_buffer.append", audio=base64_of(piece))
    talk.wait(3.0)
    assert talk.last("input_audio_buffer.speech_started")["audio_start_ms"] == pytest.approx(700, abs=20)
    assert talk.last("input_audio_buffer.speech_stopped")["audio_end_ms"] == pytest.approx(1800, abs=20)
    assert said(talk.last("response.done")["response"]) == "on the phone"


@pytest.mark.parametrize("name", LAWS)
def test_a_commit_counts_and_returns_what_was_sent(name: str) -> None:
    talk = Talk()
    talk.configure(audio={"input": {"format": {"type": name}, "turn_detection": None}})
    sound = in_format(name, tone(99)) + b"\x7f"
    talk.send("input_audio_buffer.append", audio=base64_of(sound[:-2]))
    error = talk.refused("input_audio_buffer.commit")
    assert "buffer only has 98.88ms" in error["message"]
    talk.send("input_audio_buffer.append", audio=base64_of(sound[-2:] + b"\xff" * 7))
    item_id = talk.send("input_audio_buffer.commit")[0]["item_id"]
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=item_id)
    assert base64.b64decode(retrieved["item"]["content"][0]["audio"]) == sound + b"\xff" * 7


def test_what_is_buffered_survives_a_change_of_format() -> None:
    talk = Talk()
    talk.configure(audio={"input": {"turn_detection": None}})
    talk.send("input_audio_buffer.append", audio=base64_of(tone(300)))
    talk.configure(audio={"input": {"format": {"type": "audio/pcmu"}}})
    talk.send("input_audio_buffer.append", audio=base64_of(in_format("audio/pcmu", tone(200))))
    assert talk.model.state()["input_audio_ms"] == 500
    item_id = talk.send("input_audio_buffer.commit")[0]["item_id"]
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=item_id)
    assert len(base64.b64decode(retrieved["item"]["content"][0]["audio"])) == 500 * LAW_BYTES_PER_MS
    talk.configure(audio={"input": {"turn_detection": {"type": "server_vad", "prefix_padding_ms": 0}}})
    talk.send("input_audio_buffer.append", audio=base64_of(in_format("audio/pcmu", silence(500) + tone(200))))
    assert talk.last("input_audio_buffer.speech_started")["audio_start_ms"] == pytest.approx(1000, abs=20)


@pytest.mark.parametrize(
    ("wrong", "code", "param"),
    [
        ({"type": "audio/opus"}, "invalid_value", "type"),
        ({"type": "audio/pcmu", "rate": 8000}, "unknown_parameter", "rate"),
        ({"rate": 24_000}, "missing_required_parameter", "type"),
        ("g711_ulaw", "invalid_type", ""),
    ],
)
def test_other_formats_are_refused(wrong: object, code: str, param: str) -> None:
    talk = Talk()
    for side in ("input", "output"):
        error = talk.refused("session.update", session={"type": "realtime", "audio": {side: {"format": wrong}}})
        path = f"session.audio.{side}.format"
        assert (error["code"], error["param"]) == (code, f"{path}.{param}" if param else path)
