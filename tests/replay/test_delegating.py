"""Work for the agent, and when the voice is asked to speak of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from realtime.session.config import words
from tests.agents.service import COMPLETED, CREATED, Write, message, saying
from tests.replay.stage import CREATE, Play, Stage, agent_call, heard, held, output, response, staged, user_item
from tests.replay.upstream import Event

WORDS = words()
RESULT = [user_item("[BACKEND] it rains"), output("call_1", WORDS.result_pointer), CREATE]


def _request(call_id: str, wish: str, *before: tuple[str, str]) -> tuple[str, Event]:
    """What the client is told of a call."""
    lines = [*before, *([("user", wish)] if wish else [])]
    item = {
        "type": "handoff_request",
        "handoff_id": call_id,
        "item_id": f"item_{call_id}",
        "input_transcript": wish,
        "active_transcript": [{"role": role, "text": text} for role, text in lines],
    }
    return "itemAdded", {"item": item}


def _delegated(wish: str, lines: str) -> str:
    return (
        f"<realtime_delegation>\n  <input>{wish}</input>\n"
        f"  <transcript_delta>{lines}</transcript_delta>\n</realtime_delegation>"
    )


def _asked(stage: Stage, number: int = 0) -> str:
    """The last words of the agent's nth request."""
    role, text = stage.agent.inputs[number][-1]
    assert role == "user"
    return text


def _prompt(wish: str) -> str:
    return json.dumps({"prompt": wish})


async def test_work_goes_to_the_agent_and_its_result_to_the_voice(play: Play) -> None:
    async with staged(replace(play, agent=saying("it rains"))) as stage:
        await stage.start()
        await stage.push(agent_call("call_1", _prompt("look outside")))
        await stage.turn_over()
        await stage.stop()
        assert stage.frames() == RESULT
        assert stage.between() == [_request("call_1", "look outside")]
        assert _asked(stage) == _delegated("look outside", "user: look outside")


@pytest.mark.parametrize("end", ["done", "cancelled"])
async def test_the_voice_is_asked_only_when_its_response_is_over(play: Play, end: str) -> None:
    async with staged(replace(play, agent=saying("it rains"))) as stage:
        await stage.start()
        await stage.push(response("created", "r1"), agent_call("call_1", _prompt("look outside")))
        await stage.turn_over()
        await stage.settle()
        assert stage.frames() == RESULT[:2]
        await stage.push(response(end, "r1"))
        await stage.stop()
        assert stage.frames() == RESULT
        cancelled = ("itemAdded", {"item": {"type": "response.cancelled", "response_id": "r1"}})
        assert stage.between()[1:] == ([cancelled] if end == "cancelled" else [])


async def test_the_end_of_another_response_frees_nothing(play: Play) -> None:
    async with staged(replace(play, agent=saying("it rains"))) as stage:
        await stage.start()
        await stage.push(response("created", "r1"), agent_call("call_1", _prompt("look outside")))
        await stage.turn_over()
        await stage.push(response("done", "r0"))
        await stage.stop()
        assert stage.frames() == RESULT[:2]


async def test_what_the_agent_says_on_the_way_is_told_without_being_asked_about(play: Play) -> None:
    async def working(number: int, write: Write) -> None:
        said = (message("first this", "commentary"), message("then that", "commentary"), message("it rains"))
        for event in (CREATED, *said, COMPLETED):
            await write(event)

    async with staged(replace(play, agent=working)) as stage:
        await stage.start()
        await stage.push(agent_call("call_1", _prompt("look outside")))
        await stage.turn_over()
        await stage.stop()
        progress = [user_item("[BACKEND] first this"), user_item("[BACKEND] then that")]
        assert stage.frames() == [*progress, *RESULT]


async def test_a_second_call_steers_and_is_answered_at_once(play: Play) -> None:
    gate = asyncio.Event()
    async with staged(replace(play, agent=held(gate.wait, "it rains", "and snows"))) as stage:
        await stage.start()
        await _work_and_more(stage)
        steered = [output("call_2", WORDS.steered), CREATE]
        assert stage.frames() == steered
        gate.set()
        await stage.turn_over()
        await stage.push(response("created", "r1"), response("done", "r1"))
        await stage.stop()
        assert stage.frames() == [*steered, RESULT[0], user_item("[BACKEND] and snows"), *RESULT[1:]]
        assert stage.between() == [_request("call_1", "look outside"), _request("call_2", "and up")]
        assert _asked(stage, 1) == _delegated("and up", "user: and up")


async def test_steering_beside_a_response_waits_for_its_end(play: Play) -> None:
    gate = asyncio.Event()
    async with staged(replace(play, agent=held(gate.wait, "it rains", "and snows"))) as stage:
        await stage.start()
        await stage.push(response("created", "r1"))
        await _work_and_more(stage)
        assert stage.frames() == [output("call_2", WORDS.steered)]
        await stage.push(response("done", "r1"))
        assert stage.frames() == [output("call_2", WORDS.steered), CREATE]
        gate.set()
        await stage.turn_over()
        await stage.push(response("created", "r2"), response("done", "r2"))
        await stage.stop()
        last = [RESULT[0], user_item("[BACKEND] and snows"), *RESULT[1:]]
        assert stage.frames() == [output("call_2", WORDS.steered), CREATE, *last]


async def test_a_call_without_words_means_what_was_said_before(play: Play) -> None:
    async with staged(replace(play, agent=saying("it rains"))) as stage:
        await stage.start()
        await stage.push(heard("is it raining"), agent_call("call_1", ""))
        await stage.turn_over()
        await stage.stop()
        assert stage.frames() == RESULT
        assert stage.between()[1] == _request("call_1", "", ("user", "is it raining"))
        assert _asked(stage) == _delegated("user: is it raining", "user: is it raining")


async def test_a_call_without_any_words_is_answered_and_forgotten(play: Play) -> None:
    async with staged(replace(play, agent=saying("it rains"))) as stage:
        await stage.start()
        await stage.push(agent_call("call_0", ""), response("created", "r1"), response("done", "r1"))
        await stage.push(agent_call("call_1", _prompt("look outside")))
        await stage.turn_over()
        await stage.stop()
        assert stage.frames() == [output("call_0", WORDS.empty_request), CREATE, *RESULT]
        assert len(stage.agent.requests) == 1


async def test_markup_in_what_was_said_stays_words(play: Play) -> None:
    wish = "</input> & 'this' > <b>\"that\"</b>"
    async with staged(replace(play, agent=saying("it <b>rains</b> & pours"))) as stage:
        await stage.start()
        await stage.push(heard('2 > 1 & "so"'), agent_call("call_1", _prompt(wish)))
        await stage.turn_over()
        await stage.stop()
        escaped = "&lt;/input&gt; &amp; 'this' &gt; &lt;b&gt;\"that\"&lt;/b&gt;"
        assert _asked(stage) == _delegated(escaped, f'user: 2 &gt; 1 &amp; "so"\nuser: {escaped}')
        assert stage.frames()[0] == user_item("[BACKEND] it <b>rains</b> & pours")


async def test_work_goes_on_when_the_call_is_over(play: Play) -> None:
    gate = asyncio.Event()
    async with staged(replace(play, agent=held(gate.wait, "it rains"))) as stage:
        await stage.start()
        await stage.push(agent_call("call_1", _prompt("look outside")))
        await stage.stop()
        gate.set()
        over = await stage.client.until("turn/completed")
        assert over.params["turn"]["status"] == "completed"
        assert stage.frames() == []


async def test_a_later_call_does_not_get_the_answer_of_an_earlier_one(play: Play) -> None:
    gate = asyncio.Event()
    async with staged(replace(play, agent=held(gate.wait, "it rains"))) as stage:
        await stage.start()
        await stage.push(agent_call("call_1", _prompt("look outside")))
        await stage.stop()
        await stage.start(prompt="again")
        gate.set()
        await stage.turn_over()
        await stage.stop()
        assert stage.session(1)["instructions"].startswith("again")
        assert (stage.frames(0), stage.frames(1)) == ([], [])


async def test_a_failed_agent_is_told_to_the_voice_and_harms_no_later_work(play: Play) -> None:
    async def failing_once(number: int, write: Write) -> None:
        end = {"type": "response.failed", "response": {"id": "resp_0"}}
        for event in (CREATED, end) if number == 0 else (CREATED, message("it rains"), COMPLETED):
            await write(event)

    async with staged(replace(play, agent=failing_once)) as stage:
        await stage.start()
        await stage.push(agent_call("call_0", _prompt("try")))
        await stage.turn_over()
        await stage.push(response("created", "r1"), response("done", "r1"))
        after = len(stage.client.notifications)
        await stage.push(agent_call("call_1", _prompt("look outside")))
        await stage.client.until("turn/completed", after=after)
        await stage.stop()
        failed, create, *rest = stage.frames()
        assert (failed["item"]["call_id"], create) == ("call_0", CREATE)
        assert failed["item"]["output"].startswith(WORDS.failed)
        assert rest == RESULT


async def test_silence_is_answered_with_nothing_and_told_to_nobody(play: Play) -> None:
    async with staged(play) as stage:
        await stage.start()
        await stage.push(response("created", "r1"), agent_call("call_1", "{}", "remain_silent"), response("done", "r1"))
        await stage.stop()
        assert stage.frames() == [output("call_1", "")]
        assert stage.between() == []


async def test_a_tool_that_nobody_has_is_answered_so(play: Play) -> None:
    async with staged(play) as stage:
        await stage.start()
        await stage.push(agent_call("call_1", "{}", "open_door"))
        await stage.stop()
        assert stage.frames() == [output("call_1", WORDS.unknown_tool), CREATE]


async def test_v1_hands_over_in_its_own_words(play: Play) -> None:
    async def working(number: int, write: Write) -> None:
        for event in (CREATED, message("looking", "commentary"), message("it rains"), COMPLETED):
            await write(event)

    async with staged(replace(play, agent=working, upstream={"version": "v1"})) as stage:
        await stage.start()
        wish = {"handoff_id": "call_1", "item_id": "item_call_1", "input_transcript": "look outside"}
        await stage.push(
            {"type": "conversation.input_transcript.delta", "delta": "the weather"},
            {"type": "conversation.output_transcript.delta", "delta": "one moment"},
            {"type": "conversation.handoff.requested", **wish},
        )
        await stage.turn_over()
        await stage.stop()
        said = ("looking", "it rains")
        assert stage.frames() == [_v1_message(text) for text in said]
        lines = (("user", "the weather"), ("assistant", "one moment"))
        assert stage.between()[2:] == [_request("call_1", "look outside", *lines)]
        spoken = "user: the weather\nassistant: one moment\nuser: look outside"
        assert _asked(stage) == _delegated("look outside", spoken)


async def _work_and_more(stage: Stage) -> None:
    """One call that is at work, and another while it is."""
    await stage.push(agent_call("call_1", _prompt("look outside")))
    async with asyncio.timeout(10):
        while not stage.agent.requests:
            await stage.settle()
    await stage.push(agent_call("call_2", _prompt("and up")))


def _v1_message(text: str) -> dict[str, Any]:
    words = f'"Agent Final Message":\n\n{text}'
    return {"type": "conversation.handoff.append", "handoff_id": "call_1", "output_text": words}
