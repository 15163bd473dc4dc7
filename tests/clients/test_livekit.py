"""LiveKit's realtime client from PyPI, with no room around it."""

from __future__ import annotations

import pytest

from realtime.mock.server import MockServer
from tests.clients.programs import Program

pytestmark = pytest.mark.long
SCRIPT = "livekit_talk.py"


async def test_text_turns(mock: MockServer, python: Program) -> None:
    seen = await python.run(SCRIPT, mock.base_url, "text")
    assert seen["errors"] == []
    told = ["hello from LiveKit", "and once more"]
    assert seen["chat"] == [[role, text] for text in told for role in ("user", "assistant")]


async def test_a_function_call(mock: MockServer, python: Program) -> None:
    seen = await python.run(SCRIPT, mock.base_url, "tool")
    assert seen["errors"] == []
    assert seen["used"] == ["Oslo"]
    assert seen["chat"][-1] == ["assistant", "sunny in Oslo"]


async def test_a_spoken_turn(mock: MockServer, python: Program) -> None:
    seen = await python.run(SCRIPT, mock.base_url, "spoken")
    assert seen["errors"] == []
    assert (seen["heard"], seen["said"]) == ("good morning", "good morning")
    assert seen["spoken_ms"] == pytest.approx(len("good morning") * 60, abs=1)


async def test_an_answer_that_the_client_ends(mock: MockServer, python: Program) -> None:
    seen = await python.run(SCRIPT, mock.base_url, "interrupted")
    assert seen["errors"] == []
    assert seen["said"] == "are you there"
    assert seen["spoken_ms"] == pytest.approx(len("are you there") * 60, abs=1)
