"""What people say to the agent, typed, spoken, and misheard; it is Wednesday noon, half past twelve, in London."""

from __future__ import annotations

import pytest

from realtime.agents.embedded import EmbeddedAgent
from tests.agents.fakes import Memory, Time, reply, task

PLACES_AND_TIMES = [
    ("what time is it in São Paulo", "In São Paulo it is 09:30."),
    ("time in Sao Paulo", "In Sao Paulo it is 09:30."),
    ("what's the time in Zürich", "In Zürich it is 13:30."),
    ("time in zurich", "In Zurich it is 13:30."),
    ("time in München", "In München it is 13:30."),
    ("what time is it in Tokyo and London", "In Tokyo it is 21:30. In London it is 12:30."),
    ("time in Tokyo, London and New York", "In Tokyo it is 21:30. In London it is 12:30. In New York it is 07:30."),
    ("time in Tokyo and in London", "In Tokyo it is 21:30. In London it is 12:30."),
    ("what time is it in 3 hours", "In 3 hours it will be 15:30."),
    ("what time will it be in three and a half hours", "In 3 hours and 30 minutes it will be 16:00."),
    ("what time was it two hours ago", "2 hours ago it was 10:30."),
    ("what time is it in Tokyo in 2 hours", "In 2 hours it will be 23:30 in Tokyo."),
    ("what is the time difference between London and Tokyo", "Tokyo is 9 hours ahead of London."),
    ("what time is it in Tokio", "In Tokio it is 21:30."),
    ("what's the time and the date", "It is 12:30 UTC. Today is Wednesday, 4 March 2026."),
    ("what's the date and time in Tokyo", "Today is Wednesday, 4 March 2026. In Tokyo it is 21:30."),
]

DAYS = [
    ("what day is Christmas", "Christmas is on Friday, 25 December 2026."),
    ("what day is Christmas this year", "Christmas is on Friday, 25 December 2026."),
    ("what day is Christmas next year", "Christmas is on Saturday, 25 December 2027."),
    ("what day was christmas last year", "Christmas was on Thursday, 25 December 2025."),
    ("when is easter", "Easter is on Sunday, 5 April 2026."),
    ("when is christmas", "Christmas is on Friday, 25 December 2026."),
    ("when is thanksgiving", "Thanksgiving is on Thursday, 26 November 2026."),
    ("how long until midnight", "It is 11 hours and 30 minutes until midnight."),
    ("how long until friday", "It is 2 days until Friday, 6 March 2026."),
    ("how long until noon", "It is 23 hours and 30 minutes until noon."),
    ("how long until 5 pm", "It is 4 hours and 30 minutes until 17:00."),
    ("how many hours until midnight", "It is 11 hours and 30 minutes until midnight."),
    ("how long is it until half past five", "It is 5 hours until 17:30."),
    ("how many days since 1 January", "62 days have passed since Thursday, 1 January 2026."),
    (
        "how many days between 1 March and 4 April",
        "There are 34 days between Sunday, 1 March 2026 and Saturday, 4 April 2026.",
    ),
    ("how many days are left this year", "There are 302 days left after today."),
    ("what day is it in three weeks", "That is Wednesday, 25 March 2026."),
    ("what day is next friday", "That is Friday, 6 March 2026."),
    ("what date is next monday", "That is Monday, 9 March 2026."),
    ("what's the date on friday", "That is Friday, 6 March 2026."),
    ("what week is it", "It is week 10."),
    ("is it friday", "No, today is Wednesday, 4 March 2026."),
    ("is 2028 a leap year", "2028 is a leap year."),
    ("what is today", "Today is Wednesday, 4 March 2026."),
]

NOT_ITS_BUSINESS = [
    (
        "what time does the train leave",
        "I cannot do that. I can tell the time and date, calculate, convert units, remember things and run timers.",
    ),
    (
        "what time is sunset",
        "I cannot do that. I can tell the time and date, calculate, convert units, remember things and run timers.",
    ),
    (
        "what's the weather",
        "I cannot do that. I can tell the time and date, calculate, convert units, remember things and run timers.",
    ),
    (
        "what's seventeen",
        "I cannot do that. I can tell the time and date, calculate, convert units, remember things and run timers.",
    ),
    (
        "tell me a joke",
        "I cannot do that. I can tell the time and date, calculate, convert units, remember things and run timers.",
    ),
]

MEASURES = [
    ("5 feet 11 inches in cm", "5 feet 11 inches are 180.34 centimetres."),
    ("how tall is 5 feet 11 in centimeters", "5 feet 11 inches are 180.34 centimetres."),
    ("6 foot 2 in metres", "6 feet 2 inches are about 1.88 metres."),
    ("5'11\" in cm", "5 feet 11 inches are 180.34 centimetres."),
    ("5 pounds 3 ounces in grams", "5 pounds 3 ounces are about 2,353.01 grams."),
    ("two hours and fifteen minutes in minutes", "2 hours 15 minutes are 135 minutes."),
    ("an hour and a half in minutes", "1.5 hours are 90 minutes."),
    ("convert five miles two kilometers", "5 miles are about 8.05 kilometres."),
    ("convert 5 kilometers", "Into which unit shall I convert 5 kilometres?"),
    ("how many kilometers are in five miles", "5 miles are about 8.05 kilometres."),
    ("what is five miles in kilometers", "5 miles are about 8.05 kilometres."),
    ("five miles in kilometers", "5 miles are about 8.05 kilometres."),
]

SUMS = [
    ("seventeen times twenty three", "Seventeen times twenty three is 391."),
    ("seventeen times twenty three is", "Seventeen times twenty three is 391."),
    ("what seventeen times twenty three is", "Seventeen times twenty three is 391."),
    ("ask the agent what seventeen times twenty three is", "Seventeen times twenty three is 391."),
    ("ask the asian what seventeen times twenty three is", "Seventeen times twenty three is 391."),
    ("us the agent what seventeen times twenty three is", "Seventeen times twenty three is 391."),
    ("what's a hundred and five divided by seven", "A hundred and five divided by seven is 15."),
    ("what is seventeen time twenty three", "17 times 23 is 391."),
    ("what is for times five", "4 times 5 is 20."),
    ("what is five times to", "5 times 2 is 10."),
    ("what is seventeen times", "I did not get the whole sum. Please say it again."),
    (
        "what's seventeen",
        "I cannot do that. I can tell the time and date, calculate, convert units, remember things and run timers.",
    ),
    ("what does five times seven make", "Five times seven is 35."),
    ("how much is two and two", "2 plus 2 is 4."),
    ("what is two and two", "2 plus 2 is 4."),
    ("what is fifteen percent of two hundred", "Fifteen percent of two hundred is 30."),
    ("what's the square root of one forty four", "The square root of 144 is 12."),
    ("the square root of one hundred and forty four", "The square root of one hundred and forty four is 12."),
    (
        "what is one hundred twenty three plus four hundred fifty six",
        "One hundred twenty three plus four hundred fifty six is 579.",
    ),
    ("what is nineteen ninety nine plus one", "1999 plus 1 is 2,000."),
    ("what is one twenty five plus five", "125 plus 5 is 130."),
    ("ten divided by four please", "Ten divided by four is 2.5."),
    ("could you tell me how much seven times eight is", "7 times 8 is 56."),
    ("what's 7 x 8", "7 x 8 is 56."),
    ("12 times 12", "12 times 12 is 144."),
    ("two thousand and twenty five minus nineteen eighty", "2025 minus 1980 is 45."),
    ("what is 2 to the power of 10", "2 to the power of 10 is 1,024."),
    ("what is two to the tenth", "I did not get the whole sum. Please say it again."),
    ("what is half of fifty", "Half of fifty is 25."),
    ("double 21", "Double 21 is 42."),
]

WITHOUT_A_TIMER = [
    ("minus 5 seconds", "No timer is running."),
    ("add 5 seconds", "No timer is running."),
    ("is a timer running", "No timer is running."),
    ("is there a timer running?", "No timer is running."),
    ("do I have any timers", "No timer is running."),
    ("how much is left", "No timer is running."),
    ("how much time is left", "No timer is running."),
    ("make it 20 seconds", "No timer is running."),
    ("council the timer", "No timer is running."),
]

TIMERS = [
    (
        "set a timer for 10 seconds and another one for 20 seconds",
        "Your timers for 10 seconds and 20 seconds are running.",
    ),
    (
        "set two timers, one for 5 minutes and one for 10 minutes",
        "Your timers for 5 minutes and 10 minutes are running.",
    ),
    ("set timers for 5 and 10 minutes", "Your timers for 5 minutes and 10 minutes are running."),
    ("set a timer for 5 minutes and a timer for 10 minutes", "Your timers for 5 minutes and 10 minutes are running."),
    ("set a time for ten seconds", "Your timer for 10 seconds is running."),
    ("set the timer four ten seconds", "Your timer for 10 seconds is running."),
    ("sat a timer for ten seconds", "Your timer for 10 seconds is running."),
    ("start a timer ten seconds", "Your timer for 10 seconds is running."),
    ("set a timer for an hour and a half", "Your timer for 1 hour and 30 minutes is running."),
    ("set a timer for half an hour", "Your timer for 30 minutes is running."),
    ("timer ten seconds", "Your timer for 10 seconds is running."),
    ("ten second timer please", "Your timer for 10 seconds is running."),
    ("set a pasta timer for 8 minutes", "Your pasta timer for 8 minutes is running."),
    ("set a timer for 8 minutes for the eggs", "Your egg timer for 8 minutes is running."),
    ("remind me to call mum in 10 minutes", "I will remind you in 10 minutes: call mum."),
    ("remind me in half an hour about the oven", "I will remind you in 30 minutes: the oven."),
    ("wake me in 20 minutes", "Your timer for 20 minutes is running."),
]


@pytest.mark.parametrize(
    ("words", "answer"), [*PLACES_AND_TIMES, *DAYS, *NOT_ITS_BUSINESS, *MEASURES, *SUMS, *WITHOUT_A_TIMER]
)
async def test_what_people_say(words: str, answer: str) -> None:
    assert await reply(EmbeddedAgent(Time()), words) == answer


@pytest.mark.parametrize(("words", "answer"), TIMERS)
async def test_ways_to_set_timers(words: str, answer: str) -> None:
    running = EmbeddedAgent(Time()).run(task(words))
    assert (await anext(running)).text == answer
    await running.aclose()


AS_RECOGNITION_HEARS = [
    ("one is seventeen times twenty three", "Seventeen times twenty three is 391."),
    ("let's say hundred and five divided by seven", "Hundred and five divided by seven is 15."),
    ("cascade jan but seventeen times twenty three is", "17 times 23 is 391."),
    ("ask the agent what seventeen times twenty three years", "17 times 23 is 391."),
    ("ten divided by far", "10 divided by 4 is 2.5."),
    ("one is fifteen percent of amy", "I did not get the whole sum. Please say it again."),
    ("five feet eleven inches and centimeters", "5 feet 11 inches are 180.34 centimetres."),
    ("one is twenty degrees celsius and fahrenheit", "20 degrees Celsius are 68 degrees Fahrenheit."),
    ("how many ounces in uptown to", "I did not get what to convert. Please say it again."),
    ("one is easter", "Easter is on Sunday, 5 April 2026."),
    ("when is it easter", "Easter is on Sunday, 5 April 2026."),
    ("what is the day", "Today is Wednesday, 4 March 2026."),
    ("how many days in February", "February 2026 has 28 days."),
    ("is it time or running", "No timer is running."),
]
"""What a recogniser really made of sentences that a synthesiser spoke."""


@pytest.mark.parametrize(("words", "answer"), AS_RECOGNITION_HEARS)
async def test_what_recognition_hears(words: str, answer: str) -> None:
    assert await reply(EmbeddedAgent(Time()), words) == answer


async def test_notes_are_found_by_what_they_are_about() -> None:
    agent, memory = EmbeddedAgent(Time()), Memory()
    for words, answer in [
        ("remember my car is on level 3", "I will remember: your car is on level 3."),
        ("where did I park my car", "Your car is on level 3."),
        ("remember that my train leaves at 5 p.m.", "I will remember: your train leaves at 5 p.m."),
        ("what time does my train leave", "Your train leaves at 5 p.m."),
        ("what day is my dentist appointment", "You have not told me that."),
        ("forget that", "I have forgotten: your train leaves at 5 p.m."),
        ("what do you remember", "I remember: your car is on level 3."),
        ("what is the time", "It is 12:30 UTC."),
    ]:
        assert await reply(agent, words, memory) == answer, words
