"""What the model says: the shared rules, the two named scripts, and scripts from files."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest

from realtime.errors import ConfigurationError
from realtime.mock.assistant import AssistantScript
from realtime.mock.magic import DefaultScript
from realtime.mock.reply import Call, Context, Line, Reply, Say
from realtime.mock.script import load_script
from realtime.mock.server import MockServer
from tests.mock.talk import AGENT, SILENT, calls, function, said, talk_with


@pytest.mark.parametrize("script", ["default", "assistant"])
class TestBoth:
    def test_calls_what_it_is_asked_to_call(self, script: str) -> None:
        talk = talk_with(script, function("get_weather", "city"), AGENT)
        exact = '{"city":  "Oslo", "nested": {"a": [1, "}"]}}'
        assert calls(talk.ask(f"Please call get_weather with {exact} and ask the agent")) == [("get_weather", exact)]

    @pytest.mark.parametrize("text", ["please call nobody with {}", "please call f with {broken", "please call f"])
    def test_calls_nothing_else(self, script: str, text: str) -> None:
        assert calls(talk_with(script, function("f")).ask(text)) == []

    def test_asks_the_agent_with_the_whole_sentence(self, script: str) -> None:
        talk = talk_with(script, AGENT, SILENT)
        ((name, arguments),) = calls(talk.ask("[USER] What time is it? Ask the agent, žluť"))
        assert name == "background_agent"
        assert json.loads(arguments) == {"prompt": "What time is it? Ask the agent, žluť"}

    @pytest.mark.parametrize("text", ["now stay silent", "Do not answer this"])
    def test_remains_silent(self, script: str, text: str) -> None:
        talk = talk_with(script, AGENT, SILENT)
        ((name, arguments),) = calls(talk.ask(text))
        assert (name, arguments) == ("remain_silent", "{}")
        talk.output(talk.last("response.done")["response"]["output"][0]["call_id"], "")
        assert talk.wait(5.0) == []
        assert talk.respond()["output"] == []

    def test_needs_the_tools_for_that(self, script: str) -> None:
        talk = talk_with(script)
        for text in ("ask the agent", "stay silent", "please call f with {}"):
            assert calls(talk.ask(text)) == []

    def test_counts_slowly(self, script: str) -> None:
        talk = talk_with(script)
        start = talk.now
        assert "nineteen, twenty" in said(talk.ask("could you please count to twenty slowly?"))
        assert talk.now - start > 4.0

    def test_tells_a_tool_output_once(self, script: str) -> None:
        talk = talk_with(script, function("f"))
        (call,) = talk.ask("please call f with {}")["output"]
        talk.output(call["call_id"], "rainy, 7 degrees")
        assert said(talk.respond()) == "rainy, 7 degrees"
        assert "rainy" not in said(talk.ask("hello"))

    def test_a_call_is_not_repeated_when_nothing_is_new(self, script: str) -> None:
        talk = talk_with(script, AGENT)
        (call,) = talk.ask("ask the agent")["output"]
        talk.output(call["call_id"], "result")
        talk.respond()
        assert calls(talk.respond()) == []

    def test_news_come_before_the_answer_to_what_was_said_meanwhile(self, script: str) -> None:
        talk = talk_with(script, function("f"))
        (call,) = talk.ask("please call f with {}")["output"]
        talk.output(call["call_id"], "the result")
        talk.type("hello")
        words = said(talk.respond())
        assert words.startswith("the result ")
        assert "ello" in words

    @pytest.mark.parametrize(
        "text",
        ['please call f with {"a": 1}', "please count to twenty slowly", "ask the agent", "stay silent", "hello"],
    )
    def test_a_tool_that_is_chosen_is_called_whatever_was_said(self, script: str, text: str) -> None:
        talk = talk_with(script, function("f"), function("g", "text"), AGENT, SILENT)
        talk.type(text)
        response = talk.respond(tool_choice={"type": "function", "name": "g"})
        ((name, arguments),) = calls(response)
        assert (name, json.loads(arguments), len(response["output"])) == ("g", {"text": text}, 1)

    def test_a_call_that_is_demanded_is_made_whatever_was_said(self, script: str) -> None:
        talk = talk_with(script, function("f"), function("g"))
        talk.configure(tool_choice="required")
        assert calls(talk.ask("please count to twenty slowly")) == [("f", "{}")]
        assert calls(talk.ask('please call g with {"a": 1}')) == [("g", '{"a": 1}')]
        talk.output(talk.last("response.done")["response"]["output"][0]["call_id"], "over")
        assert calls(talk.respond()) == [("f", "{}")]


def test_default_repeats() -> None:
    talk = talk_with("default")
    assert said(talk.ask("[USER] what a day")) == "what a day"
    assert said(talk.ask("Any other thing; 1 + 1?")) == "Any other thing; 1 + 1?"
    talk.type("one")
    talk.type("two")
    assert said(talk.respond()) == "two"


def test_default_tells_the_output_and_all_that_the_agent_said() -> None:
    talk = talk_with("default", AGENT)
    talk.type("[BACKEND] told before")
    talk.respond()
    (call,) = talk.ask("ask the agent about it")["output"]
    talk.type("[BACKEND] Looking.")
    talk.type("[BACKEND] It is four.")
    talk.output(call["call_id"], "see above")
    assert said(talk.respond()) == "Looking. It is four. see above"


def test_assistant_speaks_the_agents_words_and_not_the_pointer() -> None:
    talk = talk_with("assistant", AGENT)
    (call,) = talk.ask("What time is it?")["output"]
    talk.type("[BACKEND] It is four.")
    talk.output(call["call_id"], "see above")
    assert said(talk.respond()) == "It is four."


def test_the_agents_words_alone_are_spoken() -> None:
    talk = talk_with("default")
    talk.ask("hello")
    talk.type("[BACKEND] Your tea is ready.")
    assert said(talk.respond()) == "Your tea is ready."


def test_news_that_come_while_a_response_begins_are_not_lost() -> None:
    talk = talk_with("default", AGENT)
    (call,) = talk.ask("ask the agent")["output"]
    talk.begin("hello")
    talk.type("[BACKEND] Late news.")
    talk.until("response.done")
    talk.output(call["call_id"], "over")
    assert said(talk.respond()) == "Late news. over"


def test_history_that_was_brought_back_is_not_told_again() -> None:
    talk = talk_with("default", AGENT)
    talk.type("ask the agent")
    call = {"type": "function_call", "call_id": "call_1", "name": "background_agent", "arguments": "{}"}
    answer = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "old"}]}
    talk.send("conversation.item.create", item=call)
    talk.type("[BACKEND] old")
    talk.output("call_1", "pointer")
    talk.send("conversation.item.create", item=answer)
    assert said(talk.ask("hello again")) == "hello again"


@pytest.mark.parametrize(
    "text",
    [
        "What time is it?",
        "what's the date today",
        "which day is it",
        "what is 12 * 7",
        "how much is 3 plus 4?",
        "calculate the square root of 2",
        "convert 5 miles to kilometres",
        "how many metres are in a mile",
        "Remember that my cat is called Tom",
        "what did I tell you about my cat?",
        "set a timer for ten seconds",
        "please remind me to call home",
    ],
)
def test_assistant_hands_work_over(text: str) -> None:
    talk = talk_with("assistant", AGENT, SILENT)
    ((name, arguments),) = calls(talk.ask(text))
    assert (name, json.loads(arguments)) == ("background_agent", {"prompt": text})


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Hello there", "Hello"),
        ("how are you?", "fine"),
        ("Thank you!", "welcome"),
        ("What can you do?", "agent"),
        ("good bye", "Goodbye"),
        ("say: the fox runs", "the fox runs"),
        ("flurb the gnome", "not understand"),
        ("hello?", "Hello"),
    ],
)
def test_assistant_talks(text: str, answer: str) -> None:
    response = talk_with("assistant", AGENT, SILENT).ask(text)
    assert answer in said(response)
    assert calls(response) == []


def test_assistant_keeps_quiet_when_told() -> None:
    talk = talk_with("assistant", AGENT, SILENT)
    assert calls(talk.ask("Please be quiet for a moment")) == [("remain_silent", "{}")]


def test_assistant_without_an_agent_says_so() -> None:
    talk = talk_with("assistant")
    assert "agent" in said(talk.ask("what time is it?"))
    assert "agent" not in said(talk.ask("What can you do?"))


def test_a_conversation_may_begin_with_the_model() -> None:
    assert said(talk_with("assistant").respond()) == "Hello! How can I help?"
    assert said(talk_with("default").respond()) == "Hello."


def test_scripts_never_fail_on_odd_contexts() -> None:
    lines = (Line("output", "", None), Line("system", "x"), Line("call", "{", "f", fresh=False))
    for script in (DefaultScript(), AssistantScript()):
        for count in range(4):
            assert isinstance(script.reply(Context(lines[:count])), Reply)


RULES = """
- when: {said: "weather"}
  call: {name: get_weather, arguments: {city: Oslo}}
- when: {output_of: get_weather}
  say: "It says {output}; you said {said}."
  after: 0.3
- when: {said: "/^turn (on|off)$/"}
  say: "Done, {said}."
- when: {said: "break"}
  fail: {code: rate_limit_exceeded}
- when: {said: "hush"}
  silence: true
"""


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "script.yaml"
    path.write_text(RULES)
    return str(path)


def test_a_script_file(rules: str) -> None:
    talk = talk_with(rules, function("get_weather", "city"))
    response = talk.ask("What is the WEATHER like?")
    assert calls(response) == [("get_weather", '{"city": "Oslo"}')]
    talk.output(response["output"][0]["call_id"], "rain")
    start = talk.now
    assert said(talk.respond()) == "It says rain; you said What is the WEATHER like?."
    assert talk.now - start >= 0.3
    assert said(talk.ask("turn off")) == "Done, turn off."
    assert said(talk.ask("please turn off")) == "please turn off"
    assert talk.ask("break it")["status_details"]["error"]["code"] == "rate_limit_exceeded"
    assert talk.ask("hush now")["output"] == []


@pytest.mark.parametrize("text", ["turn on", "hush", "what is the weather"])
def test_a_rule_calls_the_tool_that_is_chosen(rules: str, text: str) -> None:
    talk = talk_with(rules, function("get_weather"), function("f", "text"))
    talk.type(text)
    response = talk.respond(tool_choice={"type": "function", "name": "f"})
    assert [item["type"] for item in response["output"]] == ["function_call"]
    assert calls(response) == [("f", json.dumps({"text": text}))]
    assert talk.respond(tool_choice="required", conversation="none")["output"][0]["type"] == "function_call"
    assert talk.ask("break it")["status"] == "failed"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("say: hi", "Invalid type for 'rules': expected an array"),
        ("- say: hi", "Missing required parameter: 'rules[0].when'"),
        ("- {when: {said: a}, shout: hi}", "Unknown parameter: 'rules[0].shout'"),
        ("- {when: {said: a}}", "'rules[0]' needs exactly one of say, call, fail, silence"),
        ("- {when: {}, say: a}", "'rules[0].when' needs either 'said' or 'output_of'"),
        ("- {when: {said: '/(/'}, say: a}", "'rules[0].when.said' is no regular expression"),
        ("- {when: {said: a}, say: a, after: -1}", "Invalid 'rules[0].after'"),
        ("- [", "not readable as YAML"),
    ],
)
def test_a_wrong_script_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_script(str(path))
    assert message in caught.value.message
    assert caught.value.setting == "--script"
    assert "\n" not in caught.value.message


def test_an_unknown_script_is_named() -> None:
    with pytest.raises(ConfigurationError, match="default, assistant: nobody"):
        load_script("nobody")


def test_replies_are_plain_values() -> None:
    assert DefaultScript().reply(Context((Line("user", "hi"),))) == Reply((Say("hi"),))
    asked = Context((Line("user", "please call f with {}"),), {"f": {}})
    assert DefaultScript().reply(asked) == Reply((Call("f", "{}"),))


FIVE_LINES = """
import random
def reply(context):
    words = context.message.words
    if "weather" in words: return [{"say": "One moment.", "after": 0.5}, {"call": {"name": "get_weather"}}]
    if "fail" in words: return {"fail": {"code": "server_error"}}
    if "hush" in words: return None
    if "raise" in words: return 1 / 0
    if "odd" in words: return 5
    return f"you said {words}, {random.Random(context.seed).random()}"
"""


@pytest.fixture
def python(tmp_path: Path) -> str:
    path = tmp_path / "script.py"
    path.write_text(FIVE_LINES)
    return str(path)


def test_a_python_script(python: str) -> None:
    talk = talk_with(python, function("get_weather"))
    start = talk.now
    response = talk.ask("what about the weather")
    assert [item["type"] for item in response["output"]] == ["message", "function_call"]
    assert talk.now - start >= 0.5
    assert talk.ask("please fail")["status_details"]["error"]["code"] == "server_error"
    assert talk.ask("hush")["output"] == []
    assert said(talk.ask("anything")).startswith("you said anything, 0.")


def test_a_python_script_obeys_the_tool_choice(python: str) -> None:
    talk = talk_with(python, function("get_weather"), function("f"))
    talk.configure(tool_choice="required")
    assert [item["type"] for item in talk.ask("the weather")["output"]] == ["message", "function_call"]
    talk.configure(tool_choice={"type": "function", "name": "f"})
    for text in ("the weather", "anything", "hush"):
        assert calls(talk.ask(text)) == [("f", "{}")]


def test_a_python_script_has_the_chance_of_its_seed(python: str) -> None:
    first, second = (talk_with(python) for _ in range(2))
    row = [said(first.ask("x")) for _ in range(3)]
    assert row == [said(second.ask("x")) for _ in range(3)]
    assert len(set(row)) == 3


@pytest.mark.parametrize(("words", "message"), [("raise", "ZeroDivisionError"), ("odd", "cannot be int")])
def test_a_python_script_that_fails_makes_the_response_fail(python: str, words: str, message: str) -> None:
    response = talk_with(python).ask(words)
    assert response["status"] == "failed"
    assert message in response["status_details"]["error"]["message"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("answer = 5", "no function 'reply"), ("import nothing_of_that_name", "ModuleNotFound"), ("(", "SyntaxError")],
)
def test_a_wrong_python_script_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "script.py"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        load_script(str(path))


async def test_the_responses_api_obeys_the_chosen_script(rules: str) -> None:
    server = MockServer(script=load_script(rules))
    async with server, aiohttp.ClientSession() as http:
        body = {"model": "m", "input": "what about the weather"}
        async with http.post(f"{server.base_url}/responses", json=body) as answer:
            (call,) = (await answer.json())["output"]
        assert (call["name"], call["arguments"]) == ("get_weather", '{"city": "Oslo"}')
        async with http.post(f"{server.base_url}/responses", json={"model": "m", "input": "break"}) as answer:
            failed = await answer.json()
        assert (failed["status"], failed["error"]["code"]) == ("failed", "rate_limit_exceeded")
