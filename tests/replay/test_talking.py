"""Words and sound, both ways."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.replay.stage import CREATE, Play, heard, response, staged, user_item
from tests.replay.upstream import Event

SECOND = base64.b64encode(bytes(960)).decode()
"""20 ms of the session's own format, 10 ms of stereo or of 48 kHz."""
SPEECH: Event = {"type": "input_audio_buffer.speech_started"}


async def test_typed_words_become_items_and_ask_for_nothing(play: Play) -> None:
    texts = ["good day", "[USER] marked already", "", "schöne grüße ☃ <i>&"]
    async with staged(play) as stage:
        await stage.start()
        for text in texts:
            await stage.call("appendText", text=text)
        await stage.stop()
        sent = ["[USER] good day", "[USER] marked already", "", "[USER] schöne grüße ☃ <i>&"]
        assert stage.frames() == [user_item(text) for text in sent]
        assert stage.between() == []


async def test_typed_words_beside_an_answer_ask_for_nothing_either(play: Play) -> None:
    async with staged(play) as stage:
        await stage.start()
        await stage.push(response("created", "r1"))
        await stage.call("appendText", text="by the way")
        await stage.push(response("done", "r1"))
        await stage.stop()
        assert stage.frames() == [user_item("[USER] by the way")]


@pytest.mark.parametrize(("modality", "wish"), [("audio", {"respond": True}), ("text", {})])
async def test_an_answer_is_asked_for_on_demand_and_in_writing_by_itself(
    play: Play, modality: str, wish: dict[str, Any]
) -> None:
    async with staged(play) as stage:
        await stage.start(outputModality=modality)
        await stage.call("appendText", text="hello", **wish)
        await stage.stop()
        assert stage.frames() == [user_item("[USER] hello"), CREATE]


async def test_sound_keeps_its_order(play: Play) -> None:
    async with staged(play) as stage:
        connection = await stage.start()
        chunks = [base64.b64encode(number.to_bytes(2, "little") * 24).decode() for number in range(200)]
        for chunk in chunks:
            await stage.client.tell(
                "thread/realtime/appendAudio",
                threadId=stage.thread,
                audio={"data": chunk, "sampleRate": 24000, "numChannels": 1},
            )
        await connection.got("input_audio_buffer.append", len(chunks))
        await stage.stop()
        assert [frame["audio"] for frame in stage.frames()] == chunks


async def test_sound_of_the_voice_is_passed_on_as_it_is_described(play: Play) -> None:
    delta = "response.output_audio.delta"
    async with staged(play) as stage:
        await stage.start()
        await stage.push(
            {"type": delta, "delta": "AAAA", "item_id": "it_1"},
            {"type": "response.audio.delta", "delta": "BBBB"},
            {"type": delta, "delta": "CCCC", "sample_rate": 48000, "channels": 2, "samples_per_channel": 9},
            {"type": delta, "delta": "DDDD", "num_channels": 2, "item_id": "it_2"},
            {"type": delta},
        )
        await stage.stop()
        assert stage.between() == [
            ("outputAudio/delta", {"audio": _audio("AAAA", itemId="it_1")}),
            ("outputAudio/delta", {"audio": _audio("BBBB")}),
            ("outputAudio/delta", {"audio": _audio("CCCC", sampleRate=48000, numChannels=2, samplesPerChannel=9)}),
            ("outputAudio/delta", {"audio": _audio("DDDD", numChannels=2, itemId="it_2")}),
        ]


async def test_no_sound_reaches_a_client_that_reads(play: Play) -> None:
    async with staged(play) as stage:
        await stage.start(outputModality="text")
        await stage.push({"type": "response.output_audio.delta", "delta": "AAAA", "item_id": "it_1"})
        await stage.stop()
        assert stage.between() == []


async def test_words_of_both_are_told_as_they_come_and_once_in_full(play: Play) -> None:
    async with staged(play) as stage:
        await stage.start()
        spoken = "conversation.item.input_audio_transcription.delta"
        await stage.push(
            {"type": spoken, "delta": "open "},
            {"type": spoken, "delta": "sesame"},
            heard("open sesame"),
            response("created", "r1"),
            {"type": "response.output_audio_transcript.delta", "delta": "at "},
            {"type": "response.output_audio_transcript.delta", "delta": "once"},
            {"type": "response.output_audio_transcript.done", "transcript": "at once"},
            {"type": "response.output_text.delta", "delta": "written"},
            {"type": "response.output_text.done", "text": "written down"},
            response("done", "r1"),
        )
        await stage.stop()
        assert stage.between() == [
            ("transcript/delta", {"role": "user", "delta": "open "}),
            ("transcript/delta", {"role": "user", "delta": "sesame"}),
            ("transcript/done", {"role": "user", "text": "open sesame"}),
            ("transcript/delta", {"role": "assistant", "delta": "at "}),
            ("transcript/delta", {"role": "assistant", "delta": "once"}),
            ("transcript/done", {"role": "assistant", "text": "at once"}),
            ("transcript/delta", {"role": "assistant", "delta": "written"}),
            ("transcript/done", {"role": "assistant", "text": "written down"}),
        ]


@pytest.mark.parametrize(
    ("deltas", "cut_at_ms"),
    [
        ([{"delta": "AAAA", "samples_per_channel": 100}] * 3, 12),
        ([{"delta": SECOND, "channels": 2}], 10),
        ([{"delta": SECOND, "sample_rate": 48000}], 10),
        ([{"delta": SECOND}], 20),
        ([{"delta": SECOND}, {"delta": SECOND, "samples_per_channel": 12}], 20),
    ],
    ids=["samples named", "stereo", "double rate", "counted", "half a millisecond more"],
)
async def test_an_answer_is_cut_where_its_sound_ends_when_all_was_heard(
    play: Play, deltas: list[Event], cut_at_ms: int
) -> None:
    async with staged(play) as stage:
        await stage.start()
        sound = [{"type": "response.output_audio.delta", "item_id": "it_1", **delta} for delta in deltas]
        await stage.push(response("created", "r1"), *sound)
        await stage.call("played", itemId="it_1", playedMs=5000)
        await stage.push({**SPEECH, "item_id": "it_9"})
        await stage.stop()
        assert stage.frames() == [_truncate("it_1", cut_at_ms)]
        assert stage.between()[-1] == ("itemAdded", {"item": {**SPEECH, "item_id": "it_9"}})


async def test_an_answer_is_cut_where_it_was_heard_last(play: Play) -> None:
    async with staged(play) as stage:
        await stage.start()
        await stage.push(
            response("created", "r1"), {"type": "response.output_audio.delta", "item_id": "it_1", "delta": SECOND}
        )
        await stage.call("played", itemId="it_1", playedMs=7)
        await stage.push(SPEECH)
        await stage.stop()
        assert stage.frames() == [_truncate("it_1", 7)]
        assert stage.between()[-1] == ("itemAdded", {"item": {**SPEECH, "item_id": None}})


async def test_two_threads_do_not_hear_each_other(play: Play) -> None:
    async with staged(play) as stage:
        await stage.start(prompt="first")
        first, stage.thread = stage.thread, await stage.client.start_thread()
        await stage.start(prompt="second")
        await stage.call("appendText", text="for the second")
        await stage.call("appendText", threadId=first, text="for the first")
        for number in (0, 1):
            sound = {"type": "response.output_audio.delta", "delta": "AAAA", "item_id": f"it_{number}"}
            await stage.push(sound, to=number)
        await stage.upstream.connections[0].leave()
        await stage.client.until("thread/realtime/closed")
        await stage.call("appendText", text="still there")
        await stage.stop()
        assert [stage.session(number)["instructions"] for number in (0, 1)] == ["first", "second"]
        assert stage.frames(0) == [user_item("[USER] for the first")]
        assert stage.frames(1) == [user_item("[USER] for the second"), user_item("[USER] still there")]
        assert stage.between() == [("outputAudio/delta", {"audio": _audio("AAAA", itemId="it_1")})]
        assert stage.told(first) == [
            ("started", {"sessionId": first, "version": "v2"}),
            ("outputAudio/delta", {"audio": _audio("AAAA", itemId="it_0")}),
            ("closed", {"reason": "transport_closed"}),
        ]


def _audio(data: str, **members: Any) -> Event:
    usual = {"sampleRate": 24000, "numChannels": 1, "samplesPerChannel": None, "itemId": None}
    return {"data": data, **usual, **members}


def _truncate(item_id: str, ms: int) -> Event:
    return {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": ms}
