"""The ``codex`` binary from npm as a client with realtime version v2, cut off from every network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from realtime.protocol.json import JsonObject
from tests.clients.codex_talk import ANSWER, POINTER
from tests.clients.journal import frames, judge
from tests.clients.programs import codex_binary, run
from tests.needs import not_run

pytestmark = [pytest.mark.long, pytest.mark.needs("unshare", "ip")]
ALONE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
LOOPBACK = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


@dataclass(frozen=True, slots=True)
class Scene:
    """``notes`` is what codex told its client; ``sent`` what it sent to the mock, audio left out."""

    notes: Sequence[Any]
    sent: Sequence[JsonObject]

    def said(self, role: str) -> list[str]:
        """The finished transcripts of this role."""
        done = [note["params"] for note in self.notes if note["method"] == "thread/realtime/transcript/done"]
        return [each["text"] for each in done if each["role"] == role]

    def told(self, method: str) -> list[Any]:
        """The notifications of this name."""
        return [note["params"] for note in self.notes if note["method"] == method]

    def kinds(self) -> list[str]:
        """What was sent, by type; an item by its own type."""
        return [event.get("item", event)["type"] for event in self.sent]

    def output(self) -> str:
        """The only tool output that was sent."""
        (item,) = [event["item"] for event in self.sent if event.get("item", {}).get("type") == "function_call_output"]
        return str(item["output"])


Play = Callable[[str], Awaitable[Scene]]


@pytest.fixture
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """Plays a scene; all that the mock sent is judged."""
    binary = codex_binary()
    if binary is None:
        not_run(request.node, "node_modules (tests/clients/install.sh)")
    if subprocess.run([*ALONE, *LOOPBACK, "true"], capture_output=True, check=False).returncode != 0:
        not_run(request.node, "the right to make a network namespace")

    async def play(scene: str) -> Scene:
        script = [sys.executable, "-m", "tests.clients.codex_talk", str(binary), str(tmp_path), scene]
        seen = await run([*ALONE, *LOOPBACK, *script])
        log = tmp_path / "frames.jsonl"
        assert judge(log) > 0
        sent = [event for _, event in frames(log, "client") if event["type"] != "input_audio_buffer.append"]
        assert [note for note in seen["notes"] if note["method"] == "thread/realtime/error"] == []
        return Scene(seen["notes"], sent)

    return play


async def test_a_spoken_turn(play: Play) -> None:
    scene = await play("spoken")
    assert scene.said("user") == ["good morning"]
    assert scene.said("assistant") == ["good morning"]
    assert scene.kinds() == ["session.update"]
    assert scene.told("thread/realtime/outputAudio/delta")
    assert [each["reason"] for each in scene.told("thread/realtime/closed")] == ["requested"]


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("handed_over", "please ask the agent how many files there are"),
        ("called_by_name", "count the files"),
    ],
)
async def test_a_hand_off_to_the_agent_and_back(play: Play, name: str, prompt: str) -> None:
    scene = await play(name)
    items = [each["item"] for each in scene.told("thread/realtime/itemAdded")]
    (handoff,) = [item for item in items if item["type"] == "handoff_request"]
    assert handoff["input_transcript"] == prompt
    assert [each["turn"]["status"] for each in scene.told("turn/completed")] == ["completed"]
    assert scene.kinds() == ["session.update", "message", "function_call_output", "response.create"]
    assert scene.sent[1]["item"]["content"][0]["text"] == f"[BACKEND] {ANSWER}"
    assert scene.output() == POINTER
    assert scene.said("assistant")[-1] == f"{ANSWER} {POINTER}"


async def test_a_hand_off_of_typed_text(play: Play) -> None:
    scene = await play("typed")
    assert scene.sent[1]["item"]["content"][0]["text"] == "[USER] ask the agent to count the files"
    assert scene.said("assistant") == ["One moment.", f"{ANSWER} {POINTER}"]


async def test_silence_asks_for_no_response(play: Play) -> None:
    scene = await play("silent")
    assert scene.kinds() == ["session.update", "function_call_output"]
    assert scene.output() == ""
    assert scene.said("assistant") == ["good morning"]
