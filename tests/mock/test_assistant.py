"""Talks with the embedded voice: what it answers, hands over and keeps silent about, and what it makes of results."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from prompts import render
from realtime.agents.clock import SystemClock
from realtime.agents.embedded import EmbeddedAgent
from realtime.mock import wording
from realtime.mock.assistant import AssistantScript
from realtime.mock.reply import Context, Line
from realtime.protocol.json import JsonObject
from tests.agents.fakes import Memory, Time, reply
from tests.mock.talk import AGENT, SILENT, Talk, calls, said, talk_with

POINTER = render("result_pointer")
PROMPTS = Path(__file__).resolve().parents[2] / "prompts"


def assistant() -> Talk:
    return talk_with("assistant", AGENT, SILENT)


def handed_over(response: JsonObject) -> str:
    """The wish in the one call of a response."""
    ((name, arguments),) = calls(response)
    assert name == "background_agent"
    prompt: str = json.loads(arguments)["prompt"]
    return prompt


def call_id(response: JsonObject) -> str:
    return next(str(item["call_id"]) for item in response["output"] if item["type"] == "function_call")


WORK = [
    "where is my car?",
    "remember my car is on level 3",
    "when does my train leave",
    "time in tokyo and london",
    "what time will it be in three hours",
    "how long until midnight",
    "what day is christmas this year",
    "is it friday",
    "seventeen times twenty three",
    "seventeen times twenty three is",
    "what's a hundred and five divided by seven",
    "half of fifty",
    "what's twenty percent of fifty",
    "five feet eleven inches in centimeters",
    "how many ounces in a pound",
    "set a timer for ten seconds",
    "set a pasta timer for eight minutes and one for ten minutes",
    "remind me to call home in an hour",
    "is a timer running",
    "how much is left",
    "cancel the timer",
    "make it twenty seconds",
    "hello, what time is it",
    "okay and what is two plus two",
    "what is the capital of France",
    "look up the opening hours of the museum",
    # misheard
    "ask the asian what seventeen times twenty three is",
    "us the agent what seventeen times twenty three is",
    "seventeen time twenty three",
    "what is for times five",
    "set a time for ten seconds",
    "sat a timer for ten seconds",
    "council the timer",
    "convert five miles two kilometers",
    "one is seventeen times twenty three",
    "let's say hundred and five divided by seven",
    "ten divided by far",
    "five feet eleven inches and centimeters",
    "shudder timer for ten seconds",
    "is a diner running",
    "remembered that my sister is called an a",
]
QUIET = [
    "stay silent",
    "state silent",
    "Please be quiet for a moment.",
    "do not answer",
    "don't say anything",
    "stop talking",
    "hush",
    "I'm talking to my wife",
    "and talking to my life",
    "not you",
    "I wasn't talking to you",
    "hold on",
    "wait a second",
    "one moment, please",
    "let me think",
    "um",
    "hmm, uh",
    "",
]
CHAT = [
    ("Hello!", wording.HELLO),
    ("good morning", wording.HELLO),
    ("hi there voxgate", wording.HELLO),
    ("how are you", "I am fine, thank you. And you?"),
    ("thank you very much", "You are welcome."),
    ("bye bye", "Goodbye!"),
    ("thanks, bye", "Goodbye!"),
    ("ok, thanks", "You are welcome."),
    ("yes please", "Good. What else?"),
    ("who are you", "I am the voice of Voxgate, a small assistant that runs on this machine. Ask me what I can do."),
    ("are you a robot", "I am a program that speaks by simple rules, not a person."),
    ("what can you do", wording.ABILITIES),
    ("can you help me", wording.ABILITIES),
    ("I am talking to you", "Yes, I can hear you."),
    ("yes", "Good. What else?"),
    ("no thank you", wording.ALL_RIGHT),
    ("stop", wording.ALL_RIGHT),
    ("never mind", wording.ALL_RIGHT),
    ("my name is Anna", "Nice to meet you, Anna."),
    ("say the fox runs", "the fox runs"),
    ("flurb the gnome", wording.NOT_UNDERSTOOD),
    ("I like dogs", wording.NOT_UNDERSTOOD),
    ("seventeen twenty three", wording.NUMBERS_ONLY),
    ("the clock", "Did you mean: what time is it?"),
]
STEERING = [
    "make it twenty seconds",
    "twenty seconds",
    "no, twenty seconds",
    "add five seconds",
    "minus five seconds",
    "a bit longer please",
    "how much is left",
    "how is it going",
    "are you done",
    "cancel",
    "stop it",
    "never mind",
]


@pytest.mark.parametrize("words", WORK)
def test_work_is_handed_over_in_the_persons_words(words: str) -> None:
    assert handed_over(assistant().ask(words)) == words


@pytest.mark.parametrize("words", QUIET)
def test_it_keeps_quiet_when_told_or_not_addressed(words: str) -> None:
    assert calls(assistant().ask(words)) == [("remain_silent", "{}")]


@pytest.mark.parametrize(("words", "answer"), CHAT)
def test_it_chats_and_asks_back(words: str, answer: str) -> None:
    response = assistant().ask(words)
    assert (said(response), calls(response)) == (answer, [])


@pytest.mark.parametrize("words", STEERING)
def test_what_steers_goes_to_the_agent_while_it_works(words: str) -> None:
    talk = assistant()
    talk.ask("set a timer for ten seconds")
    assert handed_over(talk.ask(words)) == words


@pytest.mark.parametrize(("words", "answer"), [("thanks", "You are welcome."), ("hello", wording.HELLO)])
def test_small_talk_goes_on_while_the_agent_works(words: str, answer: str) -> None:
    talk = assistant()
    talk.ask("set a timer for ten seconds")
    assert said(talk.ask(words)) == answer


def test_a_timer_from_beginning_to_end() -> None:
    talk = assistant()
    first = call_id(talk.ask("set a timer for ten seconds"))
    talk.type("[BACKEND] Your timer for 10 seconds is running.")
    assert said(talk.respond()) == "Your timer for 10 seconds is running."
    second = call_id(talk.ask("make it twenty seconds"))
    talk.output(second, render("steer_acknowledged"))
    assert said(talk.respond()) == wording.WORKING
    talk.type("[BACKEND] Your timer is now 20 seconds, 18 seconds left.")
    assert said(talk.respond()) == "Your timer is now 20 seconds, 18 seconds left."
    third = call_id(talk.ask("cancel it"))
    talk.output(third, render("steer_acknowledged"))
    talk.type("[BACKEND] Your timer for 20 seconds is cancelled.")
    talk.output(first, POINTER)
    assert said(talk.respond()) == "Your timer for 20 seconds is cancelled."
    assert said(talk.ask("stop it")) == wording.ALL_RIGHT


def test_work_is_not_handed_over_twice_when_it_is_asked_to_speak_again() -> None:
    talk = assistant()
    talk.ask("set a timer for ten seconds")
    talk.type("[BACKEND] Your timer for 10 seconds is running.")
    assert said(talk.respond()) == "Your timer for 10 seconds is running."
    assert talk.respond()["output"] == []


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (render("steer_acknowledged"), "All right."),
        (POINTER, "That is done."),
        (render("no_result"), "That is done."),
        (render("handoff_cancelled"), "That was cancelled."),
        (f"{render('handoff_failed')} no end within 600 s", "That did not work: no end within 600 s."),
        (render("handoff_failed"), "That did not work."),
        (render("handoff_empty"), "I did not catch what you want. Please say it again."),
        ("The answer is 391. It is odd.", "The answer is 391. It is odd."),
    ],
)
def test_words_for_the_model_are_not_read_aloud(output: str, told: str) -> None:
    talk = assistant()
    talk.output(call_id(talk.ask("ask the agent")), output)
    assert said(talk.respond()) == told


def test_a_failure_is_told_after_progress() -> None:
    talk = assistant()
    call = call_id(talk.ask("ask the agent"))
    talk.type("[BACKEND] I am looking.")
    talk.output(call, f"{render('handoff_failed')} the agent failed unexpectedly")
    assert said(talk.respond()) == "I am looking. That did not work: the agent failed unexpectedly."


def test_every_output_of_ours_is_known_to_be_for_the_model() -> None:
    """A new wording of a tool output must not slip into the speech."""
    for name in ("handoff_cancelled", "handoff_empty", "handoff_failed", "no_result", "result_pointer"):
        text = (PROMPTS / f"{name}.md").read_text().strip()
        talk = assistant()
        talk.output(call_id(talk.ask("ask the agent")), text)
        assert text not in said(talk.respond()), name


def test_it_answers_from_the_talk_itself() -> None:
    talk = assistant()
    assert said(talk.ask("say that again")) == wording.NOTHING_SAID
    talk.ask("my name is Anna")
    assert said(talk.ask("repeat that, please")) == "Nice to meet you, Anna."
    assert said(talk.ask("what is my name?")) == "Your name is Anna."
    assert said(talk.ask("what did I say")) == "You said: what is my name?"


def test_a_guess_is_confirmed_or_not() -> None:
    talk = assistant()
    assert said(talk.ask("set a dinner for ten seconds")) == "Did you mean: set a timer for ten seconds?"
    assert handed_over(talk.ask("yes please")) == "set a timer for ten seconds"
    talk = assistant()
    talk.ask("the clock")
    assert said(talk.ask("no")) == wording.SAY_AGAIN


@pytest.mark.parametrize(
    ("asked", "words", "wish"),
    [
        ("For how long shall I set the timer?", "ten seconds", "set a timer for ten seconds"),
        ("By how much shall I make the timer longer?", "five minutes", "add five minutes"),
        ("By how much shall I make the timer shorter?", "by a minute", "take off a minute"),
        ("Into which unit shall I convert 5 kilometres?", "into miles", "convert 5 kilometres to miles"),
        ("I do not know the time zone of Londn. Did you mean London?", "yes", "what time is it in London"),
    ],
)
def test_a_question_of_the_agents_is_answered(asked: str, words: str, wish: str) -> None:
    talk = assistant()
    call = call_id(talk.ask("ask the agent"))
    talk.type(f"[BACKEND] {asked}")
    talk.output(call, POINTER)
    assert said(talk.respond()) == asked
    assert handed_over(talk.ask(words)) == wish


def test_not_understood_twice_it_says_what_it_can_do() -> None:
    talk = assistant()
    assert said(talk.ask("flurb")) == wording.NOT_UNDERSTOOD
    assert said(talk.ask("flurb the gnome")) == wording.STILL_NOT_UNDERSTOOD


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("ask the agent what seventeen times twenty three is", "391"),
        ("ask the asian what seventeen time twenty three is", "391"),
        ("what's a hundred and five divided by seven", "15"),
        ("time in Tokyo and London", "In Tokyo it is 21:30. In London it is 12:30."),
        ("five feet eleven inches in centimeters", "180.34 centimetres"),
        ("what day is christmas", "Friday, 25 December 2026"),
        ("how much is left", "No timer is running."),
    ],
)
async def test_voice_and_agent_together(words: str, answer: str) -> None:
    talk = assistant()
    response = talk.ask(words)
    result = await reply(EmbeddedAgent(Time()), handed_over(response))
    talk.type(f"[BACKEND] {result}")
    talk.output(call_id(response), POINTER)
    assert answer in said(talk.respond())


async def test_notes_are_kept_and_found_by_voice() -> None:
    agent, memory, talk = EmbeddedAgent(SystemClock()), Memory(), assistant()
    for words, answer in [
        ("remember my car is on level three", "I will remember: your car is on level three."),
        ("hello", wording.HELLO),
        ("where is my car?", "Your car is on level three."),
    ]:
        response = talk.ask(words)
        if calls(response):
            talk.type(f"[BACKEND] {await reply(agent, handed_over(response), memory)}")
            talk.output(call_id(response), POINTER)
            response = talk.respond()
        assert said(response) == answer


@pytest.mark.parametrize("words", ["1 ", "wait a ", "how many 5 feet ", "um, ", "hello ", "say "])
def test_a_long_message_takes_no_long_time(words: str) -> None:
    begun = time.process_time()
    AssistantScript().reply(Context((Line("user", words * 20_000),), {"background_agent": {}, "remain_silent": {}}))
    assert time.process_time() - begun < 5.0


def test_nothing_it_says_needs_eyes() -> None:
    """Flat sentences: no markup, no signs that a synthesiser spells out."""
    spoken = [value for name, value in vars(wording).items() if name.isupper() and isinstance(value, str)]
    spoken += [answer for _, answer in wording.SMALL_TALK]
    for sentence in spoken:
        assert not set(sentence) & set('*_#`<>[]|/\\"&%+='), sentence
        assert sentence[-1] in ".?!}", sentence
