"""Pipecat's realtime service from PyPI, in a pipeline with no transport."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.mock.server import MockServer
from tests.clients.programs import Program

pytestmark = pytest.mark.long


async def play(mock: MockServer, python: Program, scene: str) -> Any:
    seen = await python.run("pipecat_talk.py", mock.base_url, scene)
    assert seen["errors"] == []
    return seen


def told(seen: Any) -> list[tuple[str, str]]:
    """Role and words of the messages in Pipecat's own context."""
    return [(each["role"], each["content"]) for each in seen["context"] if "content" in each]


async def test_a_text_turn(mock: MockServer, python: Program) -> None:
    seen = await play(mock, python, "text")
    assert told(seen) == [("user", "hello from Pipecat"), ("assistant", "hello from Pipecat")]
    assert seen["audio_bytes"] == len("hello from Pipecat") * 60 * 48


async def test_a_function_call(mock: MockServer, python: Program) -> None:
    seen = await play(mock, python, "tool")
    assert seen["used"] == ["Oslo"]
    assert told(seen)[-2:] == [("tool", '"sunny in Oslo"'), ("assistant", '"sunny in Oslo"')]


async def test_a_spoken_turn(mock: MockServer, python: Program) -> None:
    seen = await play(mock, python, "spoken")
    assert told(seen)[-2:] == [("user", "good morning"), ("assistant", "good morning")]


async def test_an_interruption_by_voice(mock: MockServer, python: Program) -> None:
    seen = await play(mock, python, "interrupted")
    assert seen["interruptions"] == 1
    assert told(seen)[-2:] == [("user", "good morning"), ("assistant", "good morning")]
    assert "twenty" not in seen["said"]
