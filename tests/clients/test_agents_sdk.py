"""``@openai/agents-realtime`` from npm over WebSocket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from realtime.mock.server import MockServer
from tests.clients.programs import Program
from tests.realtime_door.house import house

pytestmark = pytest.mark.long
Play = Callable[[str], Awaitable[Any]]


@pytest.fixture(params=["mock", "gateway"])
async def base_url(request: pytest.FixtureRequest, mock: MockServer, tmp_path: Path) -> AsyncIterator[str]:
    """Of the mock, and of a gateway before it: the SDK is to see no difference."""
    if request.param == "mock":
        yield mock.base_url
        return
    async with house(tmp_path, mock) as opened:
        yield opened.url


@pytest.fixture
def play(base_url: str, node: Program) -> Play:
    """Plays a scene of the script; the SDK must have parsed every event and met no error."""

    async def play(scene: str) -> Any:
        url = f"{base_url.replace('http', 'ws', 1)}/realtime?model=gpt-realtime"
        seen = await node.run("agents_sdk.mjs", url, scene)
        assert seen["events"]
        assert seen["unparsed"] == []
        assert seen["errors"] == []
        return seen

    return play


def told(seen: Any) -> list[tuple[str, str]]:
    """Role and words of all messages in the SDK's own history."""
    messages = [item for item in seen["history"] if item["type"] == "message"]
    return [(item["role"], _words(item["content"])) for item in messages]


def _words(content: list[Any]) -> str:
    return " ".join(part.get("text") or part.get("transcript") or "" for part in content)


def kinds(seen: Any) -> list[str]:
    return [event["type"] for event in seen["events"]]


def statuses(seen: Any) -> list[str]:
    """How the responses ended."""
    return [event["response"]["status"] for event in seen["events"] if event["type"] == "response.done"]


async def test_a_text_turn(play: Play) -> None:
    seen = await play("text")
    assert told(seen) == [("user", "hello from the agents SDK"), ("assistant", "hello from the agents SDK")]
    assert seen["audioBytes"] == 0


async def test_a_tool_call(play: Play) -> None:
    seen = await play("tool")
    assert seen["toolResults"] == [["get_weather", "sunny in Oslo"]]
    assert told(seen)[-1] == ("assistant", "sunny in Oslo")
    (call,) = [item for item in seen["history"] if item["type"] == "function_call"]
    assert (call["status"], call["output"]) == ("completed", "sunny in Oslo")
    assert seen["audioBytes"] == len("sunny in Oslo") * 60 * 48


@pytest.mark.parametrize("scene", ["spoken", "defaults"])
async def test_a_spoken_turn(play: Play, scene: str) -> None:
    seen = await play(scene)
    assert told(seen) == [("user", "good morning"), ("assistant", "good morning")]
    assert seen["audioBytes"] == len("good morning") * 60 * 48


async def test_an_interruption_by_voice(play: Play) -> None:
    seen = await play("interrupted_by_voice")
    assert seen["interruptions"] == 1
    assert statuses(seen) == ["cancelled", "completed"]
    order = kinds(seen)
    assert order.index("input_audio_buffer.speech_started") < order.index("conversation.item.truncated")
    assert told(seen)[2:] == [("user", "good morning"), ("assistant", "good morning")]


async def test_an_interruption_by_the_app(play: Play) -> None:
    seen = await play("interrupted_by_app")
    assert seen["interruptions"] == 1
    assert statuses(seen) == ["cancelled", "completed"]
    assert "conversation.item.truncated" in kinds(seen)
    assert told(seen)[2:] == [("user", "are you still there"), ("assistant", "are you still there")]


async def test_history(play: Play) -> None:
    seen = await play("history")
    assert told(seen) == [(role, text) for text in ("two", "three", "four") for role in ("user", "assistant")]
    assert kinds(seen).count("conversation.item.deleted") == 2
