"""The processes that hear and speak: real ones, and what happens when they die."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from realtime.errors import Overloaded
from realtime.mock.speech.child import Child, ChildGone, start
from realtime.mock.speech.contracts import BYTES_PER_MS, Hear, Heard, Hush, Spoken, Unheard, Utter
from realtime.mock.speech.decoders import Decoders
from realtime.mock.speech.listening import Deaf, Listening
from realtime.mock.speech.places import Place, Places
from realtime.mock.speech.speaking import Saying, Speaker
from realtime.mock.speech.studio import NO_RECOGNISER
from tests.mock.speech.ears import Reports, listening
from tests.mock.speech.sentences import INSIDE
from tests.mock.speech.sounds import spoken

PIECE = 200 * BYTES_PER_MS


def pieces(turn: str, text: str) -> list[Hear]:
    pcm = spoken(text).astype("<i2").tobytes()
    starts = range(0, len(pcm), PIECE)
    return [Hear(turn, pcm[at : at + PIECE], at + PIECE >= len(pcm)) for at in starts]


def recogniser_of(ears: Listening) -> Child:
    assert ears._child is not None
    return ears._child


async def loss_of(turn: str, ears: Listening) -> str:
    """Why the words of a turn are lost."""
    reports = Reports()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(ears.run(reports.tell))
        lost = await reports.end_of(turn)
        running.cancel()
    assert isinstance(lost, Unheard)
    return lost.reason


@pytest.mark.needs("flite")
async def test_a_recogniser_that_dies_costs_its_turn_and_no_other() -> None:
    async with listening() as (ears, reports, _):
        first = pieces("first", INSIDE[0])
        for piece in first[:8]:
            ears.take(piece)
        await reports.until(lambda each: isinstance(each, Heard) and each.turn == "first" and not each.last)
        os.kill(recogniser_of(ears).pid, signal.SIGKILL)
        for piece in first[8:]:
            ears.take(piece)
        lost = await reports.end_of("first")
        assert isinstance(lost, Unheard)
        assert "stopped unexpectedly" in lost.reason
        for piece in pieces("second", INSIDE[1]):
            ears.take(piece)
        assert await reports.end_of("second") == Heard("second", INSIDE[1], last=True)


async def test_a_recogniser_ends_with_its_session() -> None:
    async with listening() as (ears, reports, _):
        ears.take(Hear("turn", bytes(PIECE), last=True))
        assert await reports.end_of("turn") == Heard("turn", "", last=True)
        child = recogniser_of(ears)
        assert child.running
    assert not child.running


async def test_speech_that_comes_too_fast_is_not_kept_for_ever() -> None:
    ears = Listening(Decoders(1), Place(Places(1), "thread"), early=False)
    for _ in range(121):
        ears.take(Hear("turn", bytes(1000 * BYTES_PER_MS), last=False))
    ears.take(Hear("turn", b"", last=True))
    assert "faster than" in await loss_of("turn", ears)


async def test_a_session_in_writing_that_finds_no_place_says_so_when_spoken_to() -> None:
    places = Places(1)
    places.take("another thread")
    ears = Listening(Decoders(1), Place(places, "thread"), early=False)
    ears.take(Hear("turn", bytes(PIECE), last=True))
    assert "all 1 places for spoken sessions are taken" in await loss_of("turn", ears)


async def test_without_a_recogniser_each_turn_says_so() -> None:
    reports, deaf = Reports(), Deaf(NO_RECOGNISER)
    deaf.take(Hear("turn", b"", last=False))
    deaf.take(Hear("turn", b"", last=True))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(deaf.run(reports.tell))
        assert await reports.end_of("turn") == Unheard("turn", NO_RECOGNISER)
        running.cancel()
    assert len(reports.all) == 1


def test_places_belong_to_threads() -> None:
    places = Places(2)
    first, second, third = (Place(places, name) for name in ("a", "b", "c"))
    again = Place(places, "a")
    for place in (first, first, second, again):
        place.take()
    with pytest.raises(Overloaded, match="all 2 places for spoken sessions are taken"):
        third.take()
    third.leave()
    first.leave()
    with pytest.raises(Overloaded):
        third.take()
    again.leave()
    again.leave()
    third.take()


async def test_a_module_that_ends_at_once_is_a_child_that_has_gone() -> None:
    child = await start("no_such_module")
    with pytest.raises(ChildGone):
        await child.receive()
    await child.stop()
    assert not child.running


@pytest.mark.parametrize("engine", [pytest.param("flite", marks=pytest.mark.needs("flite")), "espeak-ng"])
async def test_a_voice_speaks_with_the_right_length_and_level(engine: str) -> None:
    speaker = Speaker(engine)
    await speaker.open()
    try:
        assert speaker.engine == engine
        for voice in ("marin", "cedar"):
            pcm = await speaker.speak("Seventeen times twenty three is 391.", voice=voice, speed=1.0)
            samples = np.frombuffer(pcm, "<i2").astype(float)
            assert 1.5 < len(samples) / 24_000 < 6.0
            assert np.sqrt(np.mean(samples**2)) > 1000
            assert np.abs(samples).max() < 32_000
        slow, quick = [await speaker.speak("Good morning to you.", voice="marin", speed=pace) for pace in (0.8, 1.5)]
        assert len(quick) < 0.8 * len(slow)
        for odd in ("", "...", "\0", "Zürich, 20 °C <b>&amp;", "日本"):
            assert len(await speaker.speak(odd, voice="marin", speed=1.0)) >= 200 * BYTES_PER_MS
    finally:
        await speaker.close()


async def test_a_voice_that_dies_is_started_again_and_says_the_clause_again() -> None:
    speaker = Speaker("espeak-ng")
    await speaker.open()
    try:
        before = await speaker.speak("Good morning.", voice="marin", speed=1.0)
        assert speaker._child is not None
        killed = speaker._child.pid
        os.kill(killed, signal.SIGKILL)
        again = await speaker.speak("Good morning.", voice="marin", speed=1.0)
        assert len(again) == pytest.approx(len(before), rel=0.1)
        assert speaker._child is not None
        assert speaker._child.pid != killed
    finally:
        await speaker.close()


async def test_without_an_engine_there_are_tones() -> None:
    speaker = Speaker("none")
    await speaker.open()
    assert speaker.engine is None
    assert len(await speaker.speak("Good morning.", voice="marin", speed=1.0)) >= 200 * BYTES_PER_MS
    await speaker.close()


async def test_what_is_hushed_is_not_said_and_the_next_is() -> None:
    reports, saying = Reports(), Saying(Speaker("none"))
    saying.take(Utter("hushed", ("One. ", "Two."), "marin", 1.0))
    saying.take(Hush("hushed"))
    saying.take(Utter("said", ("Three. ", "Four."), "marin", 1.0))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(saying.run(reports.tell))
        await reports.until(lambda each: isinstance(each, Spoken) and each.last)
        running.cancel()
    told = [(each.utterance, each.words, each.last) for each in reports.all if isinstance(each, Spoken)]
    assert told == [("said", "Three. ", False), ("said", "Four.", True)]


async def test_a_child_sees_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not for children")
    child = await start("speaking_child", "none")
    environment = await asyncio.to_thread(Path(f"/proc/{child.pid}/environ").read_bytes)
    await child.stop()
    assert b"not for children" not in environment
