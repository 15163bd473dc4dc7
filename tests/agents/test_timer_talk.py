"""A timer that is talked about while it runs."""

from __future__ import annotations

import pytest

from tests.agents.fakes import talking


async def talked(request: str, *lines: tuple[str, str]) -> None:
    """Set timers, then say each line at once and compare what is answered."""
    async with talking(request) as talk:
        await talk.next()
        for words, answer in lines:
            talk.ear.put(words)
            said = await talk.next()
            assert said is not None
            assert said.strip("()") == answer, words
        talk.work.cancel()


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("minus 5 seconds", "Your timer is now 55 seconds, 55 seconds left."),
        ("plus five seconds", "Your timer is now 1 minute and 5 seconds, 1 minute and 5 seconds left."),
        ("and five seconds", "Your timer is now 1 minute and 5 seconds, 1 minute and 5 seconds left."),
        ("that five seconds", "Your timer is now 1 minute and 5 seconds, 1 minute and 5 seconds left."),
        ("add 5 seconds", "Your timer is now 1 minute and 5 seconds, 1 minute and 5 seconds left."),
        ("add another half a minute", "Your timer is now 1 minute and 30 seconds, 1 minute and 30 seconds left."),
        ("twenty seconds longer please", "Your timer is now 1 minute and 20 seconds, 1 minute and 20 seconds left."),
        ("make it ten seconds shorter", "Your timer is now 50 seconds, 50 seconds left."),
        ("take off ten seconds", "Your timer is now 50 seconds, 50 seconds left."),
        ("twenty seconds", "Your timer is now 20 seconds, 20 seconds left."),
        ("make it twenty seconds", "Your timer is now 20 seconds, 20 seconds left."),
        ("make it three", "Your timer is now 3 minutes, 3 minutes left."),
        ("no, twenty seconds", "Your timer is now 20 seconds, 20 seconds left."),
        ("I meant twenty seconds", "Your timer is now 20 seconds, 20 seconds left."),
        ("change the timer to two minutes", "Your timer is now 2 minutes, 2 minutes left."),
        ("set the timer to an hour and a half", "Your timer is now 1 hour and 30 minutes, 1 hour and 30 minutes left."),
        ("make it longer", "By how much shall I make the timer longer?"),
        ("a bit shorter", "By how much shall I make the timer shorter?"),
        ("is a timer running?", "1 minute left on your timer for 1 minute."),
        ("do I have any timers", "1 minute left on your timer for 1 minute."),
        ("how much is left", "1 minute left on your timer for 1 minute."),
        ("how much time do I have left", "1 minute left on your timer for 1 minute."),
        ("how is it going", "1 minute left on your timer for 1 minute."),
        ("restart it", "Your timer for 1 minute starts again."),
        ("pause the timer", "I cannot pause a timer. I can make it longer, or cancel it."),
        ("what time is it in 3 hours", "In 3 hours it will be 15:30."),
        ("how many seconds are in a minute", "1 minute is 60 seconds."),
        ("set a time for ten seconds", "Your timer for 10 seconds is running."),
        ("council the timer", "Your timer for 1 minute is cancelled, with 1 minute left."),
        ("cancel the time", "Your timer for 1 minute is cancelled, with 1 minute left."),
        ("I don't need the timer any more", "Your timer for 1 minute is cancelled, with 1 minute left."),
        ("stop", "Your timer for 1 minute is cancelled, with 1 minute left."),
    ],
)
async def test_what_is_said_of_a_running_timer(words: str, answer: str) -> None:
    await talked("set a timer for one minute", (words, answer))


async def test_timers_are_told_apart_by_length_name_and_order() -> None:
    await talked(
        "set a pasta timer for 8 minutes",
        ("set a timer for 5 minutes", "Your timer for 5 minutes is running."),
        ("how long is left on the pasta timer", "8 minutes left on your pasta timer for 8 minutes."),
        ("make the 5 minute timer 6 minutes", "Your timer is now 6 minutes, 6 minutes left."),
        (
            "cancel the 3 minute timer",
            "I have no such timer. 8 minutes left on your pasta timer for 8 minutes. "
            "6 minutes left on your timer for 6 minutes.",
        ),
        ("cancel the pasta timer", "Your pasta timer for 8 minutes is cancelled, with 8 minutes left."),
        ("cancel it", "Your timer for 6 minutes is cancelled, with 6 minutes left."),
    )
    await talked(
        "set timers for 5 and 10 minutes",
        ("cancel the first one", "Your timer for 5 minutes is cancelled, with 5 minutes left."),
        ("cancel the timer", "Your timer for 10 minutes is cancelled, with 10 minutes left."),
    )


async def test_two_timers_in_one_wish_end_one_after_the_other() -> None:
    async with talking("set a timer for 5 seconds and another one for 8 seconds") as talk:
        assert await talk.next() == "(Your timers for 5 seconds and 8 seconds are running.)"
        await talk.clock.pass_by(5)
        assert await talk.next() == "(Time is up: your timer for 5 seconds has ended.)"
        await talk.clock.pass_by(3)
        assert await talk.next() == "Time is up: your timer for 8 seconds has ended."
        assert await talk.next() is None


async def test_a_correction_in_the_same_breath_counts() -> None:
    async with talking("set a timer for ten seconds, no, twenty seconds") as talk:
        assert await talk.next() == "(Your timer for 20 seconds is running.)"
        talk.work.cancel()


async def test_an_alarm_at_a_time_of_day() -> None:
    async with talking("remind me at 1 pm to call my mother") as talk:
        assert await talk.next() == "(I will remind you in 30 minutes: call your mother.)"
        await talk.clock.pass_by(30 * 60)
        assert await talk.next() == "Time is up. You wanted to be reminded: call your mother."
