from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.agents.clock import SystemClock
from realtime.agents.embedded import ABILITIES, EmbeddedAgent
from realtime.agents.wishes import wishes
from tests.agents.fakes import NOON, Memory, Time, reply, talking, task, updates


@pytest.fixture
def agent() -> EmbeddedAgent:
    return EmbeddedAgent(Time())


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ("what time is it", "It is 12:30 UTC."),
        ("what time is it? ask the agent", "It is 12:30 UTC."),
        ("Hey, could you please ask the agent to tell me the time?", "It is 12:30 UTC."),
        ("Do you know what time it is?", "It is 12:30 UTC."),
        ("user: what time is it\nassistant: let me look", "It is 12:30 UTC."),
        ("<realtime_delegation>\n  <input>what time is it</input>\n</realtime_delegation>", "It is 12:30 UTC."),
        ("what's the time in Tokyo", "In Tokyo it is 21:30."),
        ("What time is it in New York right now?", "In New York it is 07:30."),
        ("time in Auckland", "In Auckland it is 01:30 on Thursday."),
        ("what is the current time in the UK", "In the UK it is 12:30."),
        ("what time is it in san francisco", "In San Francisco it is 04:30."),
        ("what time is it in Atlantis", "I do not know the time zone of Atlantis. Did you mean Atlanta?"),
        ("what's the date", "Today is Wednesday, 4 March 2026."),
        ("what day is it today?", "Today is Wednesday, 4 March 2026."),
        ("what day is it tomorrow", "Tomorrow is Thursday, 5 March 2026."),
        ("what date was yesterday", "That was Tuesday, 3 March 2026."),
        ("what date is it in 10 days", "That is Saturday, 14 March 2026."),
        ("what date was two weeks ago", "That was Wednesday, 18 February 2026."),
        ("what day of the week was 29 February 2024", "That was Thursday, 29 February 2024."),
        ("what day is the 3rd of July", "That is Friday, 3 July 2026."),
        ("what day is July 4th 2026", "That is Saturday, 4 July 2026."),
        ("what day is 31 february 2026", "That is not a date I know."),
        ("what is the date in Auckland", "In Auckland, today is Thursday, 5 March 2026."),
        ("how many days until Christmas", "It is 296 days until Friday, 25 December 2026."),
        ("how many weeks until 1 April", "It is 4 weeks and 0 days until Wednesday, 1 April 2026."),
        ("how many days until friday", "It is 2 days until Friday, 6 March 2026."),
        ("what is 17 times 23", "17 times 23 is 391."),
        ("What's 2+2?", "2+2 is 4."),
        ("how much is fifteen percent of eighty", "Fifteen percent of eighty is 12."),
        ("calculate the square root of 2", "The square root of 2 is about 1.4142."),
        ("add 5 and 6", "The result is 11."),
        ("what is 5 divided by 0", "Nothing can be divided by zero."),
        ("convert 5 miles to kilometres", "5 miles are about 8.05 kilometres."),
        ("how many feet are in two metres", "2 metres are about 6.56 feet."),
        ("what is 100 degrees fahrenheit in celsius", "100 degrees Fahrenheit are about 37.78 degrees Celsius."),
        ("minus 40 celsius in fahrenheit", "Minus 40 degrees Celsius are minus 40 degrees Fahrenheit."),
        ("convert -500 celsius to kelvin", "Nothing is colder than absolute zero."),
        ("how many cups in a litre", "1 litre is about 4.23 cups."),
        ("how many seconds are there in a day", "1 day is 86,400 seconds."),
        ("what is 60 mph in km/h", "60 miles per hour are about 96.56 kilometres per hour."),
        ("convert 3 gigabytes to megabytes", "3 gigabytes are 3,000 megabytes."),
        ("how many grams in half a pound", "0.5 pounds are about 226.8 grams."),
        ("convert ten kilos to metres", "Kilograms measure mass, but metres measure length."),
        ("What is 3 times 4 and what time is it in Paris?", "3 times 4 is 12. In Paris it is 13:30."),
        (
            "what's 2 plus 2, what's 3 plus 3 and then what day is it",
            "2 plus 2 is 4. 3 plus 3 is 6. Today is Wednesday, 4 March 2026.",
        ),
        ("what can you do?", ABILITIES),
        ("ask the agent, please", f"What can I do? {ABILITIES}"),
        ("", f"What can I do? {ABILITIES}"),
        ("sing me a song", f"I cannot do that. {ABILITIES}"),
        ("cancel the timer", "No timer is running."),
        ("how long is left on my timer", "No timer is running."),
        ("set a timer", "For how long shall I set the timer?"),
        ("set a timer for zero seconds", "A timer can run from one second to twenty-four hours."),
        ("set a timer for 100 hours", "A timer can run from one second to twenty-four hours."),
    ],
)
async def test_answers(agent: EmbeddedAgent, request_: str, answer: str) -> None:
    assert await reply(agent, request_) == answer


async def test_remembers_within_the_thread(agent: EmbeddedAgent) -> None:
    memory = Memory()
    talk = [
        ("what do you remember", "I remember nothing yet."),
        ("where is my desk?", "You have not told me that."),
        ("Remember that my desk is in room 4.", "I will remember: your desk is in room 4."),
        ("where is my desk?", "Your desk is in room 4."),
        ("do you remember where my desk is", "Your desk is in room 4."),
        ("please note that I'm allergic to nuts", "I will remember: you are allergic to nuts."),
        ("what am I allergic to?", "You are allergic to nuts."),
        ("remember: my desk is in room 5 now", "I will remember: your desk is in room 5 now."),
        ("what do you remember?", "I remember: your desk is in room 5 now; you are allergic to nuts."),
        ("what do you know about my desk", "I remember: your desk is in room 5 now."),
        ("what do you remember about cats", "I remember nothing about cats."),
        ("forget my desk", "I have forgotten your desk."),
        ("forget my desk", "I have no such note."),
        ("remember to buy milk and where is my desk", "I will remember: to buy milk. You have not told me that."),
        ("forget everything", "I have forgotten everything."),
        ("what did I ask you to remember?", "I remember nothing yet."),
    ]
    for request, answer in talk:
        assert await reply(agent, request, memory) == answer, request


async def test_memory_is_bounded(agent: EmbeddedAgent) -> None:
    memory = Memory()
    memory.kept = {f"note {number}": "x" for number in range(200)}
    assert await reply(agent, "remember that the sky is blue", memory) == "My memory for this conversation is full."


async def test_the_same_wish_at_the_same_moment_has_the_same_answer(agent: EmbeddedAgent) -> None:
    request = "what time is it in Lima and what is 7 factorial"
    assert await reply(agent, request) == await reply(agent, request)


async def test_a_timer_reports_and_ends() -> None:
    async with talking("set a timer for two minutes") as talk:
        assert await talk.next() == "(Your timer for 2 minutes is running.)"
        await talk.clock.pass_by(60)
        assert await talk.next() == "(1 minute left on your timer.)"
        await talk.clock.pass_by(50)
        assert await talk.next() == "(10 seconds left on your timer.)"
        await talk.clock.pass_by(10)
        assert await talk.next() == "Time is up: your timer for 2 minutes has ended."
        assert await talk.next() is None


async def test_a_short_timer_only_ends() -> None:
    async with talking("set a timer for 10 seconds and what is 2 plus 2?") as talk:
        assert await talk.next() == "(Your timer for 10 seconds is running. 2 plus 2 is 4.)"
        await talk.clock.pass_by(10)
        assert await talk.next() == "Time is up: your timer for 10 seconds has ended."
        assert await talk.next() is None


async def test_a_timer_is_steered() -> None:
    async with talking("start a ten second timer") as talk:
        await talk.next()
        for steering, answer in [
            ("how long is left?", "10 seconds left on your timer for 10 seconds."),
            ("make it 15 seconds", "Your timer is now 15 seconds, 15 seconds left."),
            ("add 5 seconds", "Your timer is now 20 seconds, 20 seconds left."),
            ("two seconds less, please", "Your timer is now 18 seconds, 18 seconds left."),
            ("what is 3 times 3", "3 times 3 is 9."),
            (
                "<realtime_delegation>\n  <input>12 seconds instead</input>\n</realtime_delegation>",
                "Your timer is now 12 seconds, 12 seconds left.",
            ),
        ]:
            talk.ear.put(steering)
            assert await talk.next() == f"({answer})"
        await talk.clock.pass_by(5)
        talk.ear.put("how much time is left")
        assert await talk.next() == "(7 seconds left on your timer for 12 seconds.)"
        talk.ear.put("cancel the timer")
        assert await talk.next() == "Your timer for 12 seconds is cancelled, with 7 seconds left."
        assert await talk.next() is None


@pytest.mark.parametrize("words", ["never mind", "stop", "cancel it", "Cancel the timer, please.", "stop that timer"])
async def test_ways_to_cancel(words: str) -> None:
    async with talking("set a timer for 10 seconds") as talk:
        await talk.next()
        talk.ear.put(words)
        assert await talk.next() == "Your timer for 10 seconds is cancelled, with 10 seconds left."
        assert await talk.next() is None


async def test_several_timers() -> None:
    async with talking("set a timer for 10 seconds") as talk:
        await talk.next()
        talk.ear.put("set another timer for 5 seconds")
        assert await talk.next() == "(Your timer for 5 seconds is running.)"
        talk.ear.put("how long is left")
        assert await talk.next() == (
            "(10 seconds left on your timer for 10 seconds. 5 seconds left on your timer for 5 seconds.)"
        )
        await talk.clock.pass_by(5)
        assert await talk.next() == "(Time is up: your timer for 5 seconds has ended.)"
        talk.ear.put("set a timer for 1 minute")
        await talk.next()
        talk.ear.put("cancel all timers")
        assert await talk.next() == "All timers are cancelled."
        assert await talk.next() is None


async def test_a_reminder_says_of_what() -> None:
    async with talking("remind me in 10 minutes to call mum") as talk:
        assert await talk.next() == "(I will remind you in 10 minutes: call mum.)"
        await talk.clock.pass_by(600)
        assert await talk.next() == "Time is up. You wanted to be reminded: call mum."
        assert await talk.next() is None


async def test_a_timer_that_was_shortened_into_the_past_is_over() -> None:
    async with talking("set a timer for one hour") as talk:
        await talk.next()
        await talk.clock.pass_by(60)
        talk.ear.put("make it 30 seconds")
        assert await talk.next() == "(That time is over already.)"
        assert await talk.next() == "Time is up: your timer for 30 seconds has ended."
        assert await talk.next() is None


async def test_a_cancelled_agent_stops_waiting() -> None:
    async with talking("set a timer for one hour") as talk:
        await talk.next()
        talk.work.cancel()
    assert talk.work.cancelled()


async def test_the_systems_clock_keeps_time() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    said = await updates(EmbeddedAgent(clock), task("set a timer for 1 second"))
    assert [update.text for update in said][-1] == "Time is up: your timer for 1 second has ended."
    assert 0.99 <= clock.monotonic() - before < 5
    assert clock.now().tzinfo is not None


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("what time is it? ask the agent", ["what time is it"]),
        ("Please, could you tell me what 2.5 times 4 is?", ["what 2.5 times 4 is"]),
        (
            "remember the meeting at 5 p.m. today. What's the time?",
            ["remember the meeting at 5 p.m. today", "What's the time"],
        ),
        ("convert 2 miles to km and then tell me the date", ["convert 2 miles to km", "the date"]),
        ("thanks!", []),
        ("x" * 5000, ["x" * 1000]),
    ],
)
def test_wishes(request_: str, expected: list[str]) -> None:
    assert wishes(request_) == expected


VOCABULARY = (
    "what is the time in tokyo set a timer for ten seconds remember that my forget convert miles to how many days "
    "until plus times 5 0 -1 % and ? . , cancel left add percent of square root christmas ° \u2019 \u0130 \U0001f600"
)
words = st.sampled_from(VOCABULARY.split(" "))


@settings(max_examples=300, deadline=None)
@given(st.lists(words, max_size=25).map(" ".join) | st.text(max_size=200))
def test_any_request_is_answered(request_: str) -> None:
    """Short of timers, which wait: of them the first words are heard."""

    async def first() -> str:
        async with asyncio.timeout(5):
            return (await anext(EmbeddedAgent(Time()).run(task(request_)))).text

    said = asyncio.run(first())
    assert said
    assert said[-1] in ".?!"


def test_noon_is_a_wednesday() -> None:
    assert NOON.strftime("%A") == "Wednesday"
