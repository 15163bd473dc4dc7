from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from realtime.agents.agent import AgentMessage, Output, Progress
from realtime.agents.responses import ResponsesAgent
from realtime.errors import AgentError, ConfigurationError
from realtime.settings import AgentSettings
from tests.agents.fakes import new_ear, task, updates
from tests.agents.service import COMPLETED, CREATED, Write, message, saying, serving, talk_until_gone

KEY = "key-of-the-agent"
PATIENCE_S = 10.0


@asynccontextmanager
async def agent_at(
    url: str, *, timeout_s: float = 30.0, instructions: str | None = None
) -> AsyncIterator[ResponsesAgent]:
    agent = ResponsesAgent(
        AgentSettings(
            base_url=url, api_key=SecretStr(KEY), model="a-model", timeout_s=timeout_s, instructions=instructions
        )
    )
    try:
        yield agent
    finally:
        await agent.close()


async def test_one_request_and_its_answer() -> None:
    history = [AgentMessage("user", "before"), AgentMessage("assistant", "then")]
    async with serving(saying("there are three files")) as service, agent_at(service.url) as agent:
        said = await updates(agent, task("list", prompt="<told>list</told>", history=history))
    assert said == [Output("there are three files")]
    assert service.inputs == [[("user", "before"), ("assistant", "then"), ("user", "<told>list</told>")]]
    request = service.requests[0]
    assert (request["model"], request["stream"], request["store"]) == ("a-model", True, False)
    assert request["client_metadata"] == {"x-codex-turn-metadata": "{}"}
    assert request["instructions"].startswith("You are the background agent")
    assert service.headers[0]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(("state", "words"), [("live", "at this moment"), ("ended", "is over")])
async def test_the_agent_is_told_of_the_conversation_first(state: Literal["live", "ended"], words: str) -> None:
    async with serving(saying("ok")) as service, agent_at(service.url) as agent:
        await updates(agent, task("x", history=[AgentMessage("user", "old")], conversation=state))
    role, text = service.inputs[0][0]
    assert role == "developer"
    assert text.startswith("<realtime_conversation>")
    assert words in text
    assert [role for role, _ in service.inputs[0]] == ["developer", "user", "user"]


async def test_an_operators_instructions_win() -> None:
    async with serving(saying("ok")) as service, agent_at(service.url, instructions="Be a pirate.") as agent:
        await updates(agent, task("x"))
    assert service.requests[0]["instructions"] == "Be a pirate."


async def test_commentary_is_progress_and_messages_come_at_once() -> None:
    gate = asyncio.Event()

    async def script(number: int, write: Write) -> None:
        await write(CREATED)
        await write(message("looking", "commentary"))
        await gate.wait()
        await write(message("found", "final_answer"))
        await write(COMPLETED)

    async with serving(script) as service, agent_at(service.url) as agent, aclosing(agent.run(task("x"))) as said:
        assert await anext(said) == Progress("looking")
        gate.set()
        assert await anext(said) == Output("found")
        with pytest.raises(StopAsyncIteration):
            await anext(said)


async def test_steering_makes_a_further_request() -> None:
    gate, ear = asyncio.Event(), new_ear()

    async def script(number: int, write: Write) -> None:
        await write(CREATED)
        if number == 0:
            await gate.wait()
        await write(message(["first part", "second part"][number]))
        await write(COMPLETED)

    given = task("long", ear=ear)
    async with serving(script) as service, agent_at(service.url) as agent, aclosing(agent.run(given)) as said:
        first = anext(said)
        ear.put("also this")
        gate.set()
        assert await first == Output("first part")
        assert await anext(said) == Output("second part")
        with pytest.raises(StopAsyncIteration):
            await anext(said)
    assert service.inputs == [
        [("user", "long")],
        [("user", "long"), ("assistant", "first part"), ("user", "also this")],
    ]


async def test_other_items_and_bare_events_do_no_harm() -> None:
    async def script(number: int, write: Write) -> None:
        for event in (
            {"no": "type"},
            {"type": "response.brand_new"},
            {"type": "response.output_item.added", "item": {"type": "message"}},
            {"type": "response.output_text.delta", "delta": "he"},
            {"type": "response.output_item.done"},
            {"type": "response.output_item.done", "item": "odd"},
            {"type": "response.output_item.done", "item": {"type": "message", "content": [1]}},
            {"type": "response.output_item.done", "item": {"type": "reasoning", "summary": []}},
            {"type": "response.output_item.done", "item": {"type": "function_call", "name": "f", "arguments": "{}"}},
            {"type": "response.output_item.done", "item": {"type": "message"}},
            {
                "type": "response.output_item.done",
                "item": {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]},
            },
            {"type": "response.completed"},
        ):
            await write(event)

    async with serving(script) as service, agent_at(service.url) as agent:
        assert await updates(agent, task("x")) == [Output(""), Output(""), Output("no")]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "HTTP status 400"),
        (401, "refused the key"),
        (403, "refused the key"),
        (404, "HTTP status 404"),
        (429, "overloaded"),
        (500, "HTTP status 500"),
    ],
)
async def test_a_refusal_is_told_by_its_class(status: int, words: str) -> None:
    async with serving(status) as service, agent_at(service.url) as agent:
        with pytest.raises(AgentError, match=words) as raised:
            await updates(agent, task("x"))
    assert "secret" not in str(raised.value)
    assert KEY not in repr(raised.value)
    assert raised.value.__cause__ is None
    assert len(service.requests) <= 2, "tried again once at most"


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([{"type": "response.failed", "response": {"error": {"message": "secret"}}}], "reported a failure"),
        ([{"type": "error", "message": "secret"}], "reported a failure"),
        ([{"error": {"message": "secret"}}], "reported a failure"),
        ([{"type": "response.incomplete"}], "stopped before"),
        (["{no json"], "cannot be understood"),
        (["[" * 50_000], "cannot be understood"),
        (["[1]", "null", '"text"'], "broke off"),
        (["[DONE]"], "broke off"),
        ([], "broke off"),
    ],
)
async def test_a_bad_end_is_a_failure(events: list[dict[str, Any] | str], words: str) -> None:
    async def script(number: int, write: Write) -> None:
        for event in (CREATED, *events):
            await write(event)

    async with serving(script) as service, agent_at(service.url) as agent:
        with pytest.raises(AgentError, match=words) as raised:
            await updates(agent, task("x"))
    assert "secret" not in str(raised.value)


async def test_what_was_finished_before_a_bad_end_was_passed_on() -> None:
    async def script(number: int, write: Write) -> None:
        await write(message("half of it"))

    async with serving(script) as service, agent_at(service.url) as agent, aclosing(agent.run(task("x"))) as said:
        assert await anext(said) == Output("half of it")
        with pytest.raises(AgentError, match="broke off"):
            await anext(said)


async def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: whoever connects is refused
        async with agent_at(f"http://127.0.0.1:{taken.getsockname()[1]}/v1") as agent:
            with pytest.raises(AgentError, match="cannot be reached"):
                await updates(agent, task("x"))


async def test_no_answer_in_time() -> None:
    never = asyncio.Event()

    async def script(number: int, write: Write) -> None:
        await write(CREATED)
        await never.wait()

    async with serving(script) as service, agent_at(service.url, timeout_s=0.1) as agent:
        with pytest.raises(AgentError, match="in time"):
            await updates(agent, task("x"))


async def test_cancelling_ends_the_request() -> None:
    reached, gone = asyncio.Event(), asyncio.Event()

    async def script(number: int, write: Write) -> None:
        await write(CREATED)
        reached.set()
        await talk_until_gone(write, gone)

    async with serving(script) as service, agent_at(service.url) as agent:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(updates(agent, task("x")))
            await reached.wait()
            work.cancel()
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()


async def test_closing_the_generator_ends_the_request() -> None:
    gone = asyncio.Event()

    async def script(number: int, write: Write) -> None:
        await write(message("first"))
        await talk_until_gone(write, gone)

    async with serving(script) as service, agent_at(service.url) as agent:
        async with aclosing(agent.run(task("x"))) as said:
            assert await anext(said) == Output("first")
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()


async def test_several_tasks_at_once() -> None:
    gate = asyncio.Event()

    async def script(number: int, write: Write) -> None:
        if number == 9:
            gate.set()
        await gate.wait()
        await write(message("done"))
        await write(COMPLETED)

    async with serving(script) as service, agent_at(service.url) as agent:
        said = await asyncio.gather(*(updates(agent, task(f"wish {number}")) for number in range(10)))
    assert said == [[Output("done")]] * 10
    assert len(service.requests) == 10


def test_neither_key_nor_address() -> None:
    with pytest.raises(ConfigurationError, match=r"agent\.api_key"):
        ResponsesAgent(AgentSettings())


async def test_a_server_of_ones_own_needs_no_key() -> None:
    async with serving(saying("ok")) as service:
        agent = ResponsesAgent(AgentSettings(base_url=service.url))
        assert await updates(agent, task("x")) == [Output("ok")]
        await agent.close()


async def test_the_environments_key_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The voice model's key and address stand there; the agent's are its own."""
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-voice")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_ORG_ID", "organisation-of-the-voice")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-the-voice")
    async with serving(saying("ok")) as service, agent_at(service.url) as agent:
        await updates(agent, task("x"))
    assert "of-the-voice" not in json.dumps(service.headers)
