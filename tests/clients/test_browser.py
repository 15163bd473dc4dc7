"""Chromium calls the mock and the gateway: by the guide's recipe, and with ``@openai/agents-realtime``, unmodified."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.browser_talk import HEARD, SDK
from tests.clients.journal import frames, judge
from tests.clients.programs import run
from tests.needs import not_run

pytestmark = [pytest.mark.long, pytest.mark.needs("unshare", "ip", "chromium")]
ALONE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
LOOPBACK = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
SAID = (HEARD, "how are you", 'please call get_weather with {"city": "Oslo"}', "please count to twenty slowly")

Play = Callable[[str], Awaitable[Any]]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Opens a page; all that the mock sent is judged."""

    async def play(name: str) -> Any:
        script = [sys.executable, "-m", "tests.clients.browser_talk", str(tmp_path), name]
        seen = await run([*ALONE, *LOOPBACK, *script])
        assert "problem" not in seen, seen["problem"]
        assert judge(tmp_path / "frames.jsonl") > 0
        seen["sent"] = [event["type"] for _, event in frames(tmp_path / "frames.jsonl", "client")]
        return seen

    return play


def of(seen: Any, kind: str) -> list[Any]:
    return [event for event in seen["events"] if event["type"] == kind]


async def test_the_recipe_of_the_guide(play: Play) -> None:
    seen = await play("recipe")
    (heard,) = of(seen, "conversation.item.input_audio_transcription.completed")
    assert heard["transcript"] == HEARD
    statuses = [event["response"]["status"] for event in of(seen, "response.done")]
    assert statuses == ["completed", "completed", "cancelled"]
    assert not of(seen, "response.output_audio.delta")
    assert seen["location"].startswith("/v1/realtime/calls/rtc_")
    assert seen["packets"] > 50
    assert seen["energy"] > 0.001


async def test_the_agents_sdk(play: Play, request: pytest.FixtureRequest) -> None:
    if not SDK.exists():
        not_run(request.node, "node_modules (tests/clients/install.sh)")
    seen = await play("agents_sdk")
    assert seen["errors"] == []
    assert seen["callId"].startswith("rtc_")
    assert {"response.cancel", "output_audio_buffer.clear"} <= set(seen["sent"])
    lines = [(item["role"], _words(item["content"])) for item in seen["history"]]
    assert lines[:4] == [
        ("user", HEARD),
        ("assistant", HEARD),
        ("user", "how are you"),
        ("assistant", "how are you"),
    ]
    assert seen["history"][-1]["status"] == "incomplete"


@pytest.mark.parametrize("answered_by", ["gateway", "upstream", "embedded"])
async def test_the_agents_sdk_before_a_gateway(
    tmp_path: Path, request: pytest.FixtureRequest, answered_by: str
) -> None:
    if not SDK.exists():
        not_run(request.node, "node_modules (tests/clients/install.sh)")
    script = [sys.executable, "-m", "tests.clients.browser_gateway", str(tmp_path), answered_by]
    seen = await run([*ALONE, *LOOPBACK, *script])
    assert "problem" not in seen, seen["problem"]
    assert seen["errors"] == []
    assert seen["callId"].startswith("rtc_")
    assert seen["results"] == [["get_weather", "sunny in Oslo"]]
    assert [event["response"]["status"] for event in of(seen, "response.done")] == ["completed"] * 4 + ["cancelled"]
    assert seen["refused"] == [401, "invalid_api_key"], "the secret is spent"
    *told, (_, _, cut) = seen["said"]
    lines = [(item["role"], _words(item["content"])) for item in seen["history"] if item["type"] == "message"]
    assert lines[:-1] == [(role, text) for role, text, _ in told]
    assert seen["history"][-1]["status"] == "incomplete"
    assert ["assistant", "sunny in Oslo", "completed"] in told
    assert tuple(text for role, text, _ in told if role == "user") == SAID
    assert {status for _, _, status in told} == {"completed"}
    assert cut == "interrupted"
    if answered_by == "embedded":
        return
    assert judge(tmp_path / "frames.jsonl") > 0
    assert [text for role, text, _ in told if role == "assistant"] == [HEARD, "how are you", "sunny in Oslo"]


def _words(content: list[Any]) -> str:
    return " ".join(part.get("text") or part.get("transcript") or "" for part in content)
