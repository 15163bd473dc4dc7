"""When a talk is over: nothing active or wanted, no hand-off open, nothing left to play."""

from __future__ import annotations

import asyncio
import base64
import io

import pytest

from realtime.commands.reporter import JsonLines, Screen
from realtime.commands.sound import Player
from realtime.commands.talk import Talk
from realtime.protocol import json
from realtime.protocol.json import JsonObject

QUIET = 0.05
IDLE = {"responseActive": False, "responseWanted": False, "handoffsOpen": 0, "speaking": False}


class Scene:
    """A talk on the running loop, and what it printed."""

    def __init__(self) -> None:
        self.out = io.StringIO()
        self.clock = asyncio.get_running_loop().time
        self.player = Player()
        self.talk = Talk(JsonLines(self.clock, self.out), self.player, self.clock)

    def live(self, name: str, **params: object) -> None:
        self.talk.notified(f"thread/realtime/{name}", {"threadId": "t", **params})

    def state(self, **changes: object) -> None:
        self.live("state", **{**IDLE, **changes})

    def item(self, method: str, item_id: str, kind: str, text: str = "", status: str = "completed") -> None:
        item = {"id": item_id, "type": kind, "text": text, "status": status}
        self.talk.notified(method, {"threadId": "t", "item": item})

    def printed(self) -> list[JsonObject]:
        return [json.decode_object(line) for line in self.out.getvalue().splitlines()]


@pytest.fixture
async def scene() -> Scene:
    return Scene()


async def still_waits(task: asyncio.Task[bool]) -> bool:
    done, _ = await asyncio.wait({task}, timeout=QUIET * 3)
    return not done


@pytest.mark.parametrize("busy", [{"responseActive": True}, {"responseWanted": True}, {"handoffsOpen": 1}])
async def test_work_of_the_other_side_keeps_it_going(scene: Scene, busy: JsonObject) -> None:
    async with asyncio.TaskGroup() as group:
        scene.talk.asked()
        scene.state(**busy)
        quiet = group.create_task(scene.talk.quiet(QUIET))
        assert await still_waits(quiet)
        scene.state()
        assert await quiet


async def test_who_has_spoken_waits_for_the_answer(scene: Scene) -> None:
    async with asyncio.TaskGroup() as group:
        scene.state(speaking=True)
        quiet = group.create_task(scene.talk.quiet(QUIET))
        assert await still_waits(quiet)
        assert scene.talk.speaking
        scene.state()
        assert await still_waits(quiet)
        assert (scene.talk.speaking, scene.talk.utterances) == (False, 1)
        scene.state(responseActive=True)
        scene.state()
        assert await quiet


async def test_a_gap_between_two_steps_is_no_end(scene: Scene) -> None:
    async with asyncio.TaskGroup() as group:
        scene.state(responseActive=True)
        quiet = group.create_task(scene.talk.quiet(1.0))
        scene.state()
        await asyncio.sleep(0)
        scene.state(responseActive=True)
        assert await still_waits(quiet)
        scene.live("closed", reason="requested")
        assert not await quiet


async def test_an_answer_that_has_not_begun_is_waited_for(scene: Scene) -> None:
    async with asyncio.TaskGroup() as group:
        scene.talk.asked()
        quiet = group.create_task(scene.talk.quiet(QUIET))
        assert await still_waits(quiet)
        scene.state(responseActive=True)
        scene.state()
        assert await quiet


async def test_an_error_ends_the_waiting_for_an_answer(scene: Scene) -> None:
    scene.live("started", sessionId="s")
    scene.talk.asked()
    scene.live("error", code="rate_limit_exceeded", message="too many")
    assert await scene.talk.quiet(QUIET)
    assert scene.printed()[-1]["code"] == "rate_limit_exceeded"


async def test_an_item_that_is_not_filled_keeps_it_going(scene: Scene) -> None:
    async with asyncio.TaskGroup() as group:
        scene.item("item/started", "i", "userMessage")
        quiet = group.create_task(scene.talk.quiet(QUIET))
        assert await still_waits(quiet)
        scene.item("item/completed", "i", "userMessage", "hello")
        assert await quiet
    assert scene.printed()[-1].items() >= {"type": "user", "itemId": "i", "text": "hello"}.items()


async def test_what_is_not_played_yet_keeps_it_going(scene: Scene) -> None:
    data = base64.b64encode(bytes(2 * 24 * 200)).decode()
    scene.talk.asked()
    scene.state(responseActive=True)
    scene.live("outputAudio/delta", audio={"data": data, "itemId": "i"})
    scene.state()
    begun = scene.clock()
    assert await scene.talk.quiet(QUIET)
    assert scene.clock() - begun >= 0.2
    assert scene.talk.answered
    assert scene.talk.first_audio_ms is not None


async def test_a_flush_ends_the_playing(scene: Scene) -> None:
    data = base64.b64encode(bytes(2 * 24 * 60_000)).decode()
    scene.live("outputAudio/delta", audio={"data": data, "itemId": "i"})
    scene.live("outputAudio/flush")
    async with asyncio.timeout(5):
        assert await scene.talk.quiet(QUIET)
    assert scene.player.duration_ms() < 1000


async def test_a_start_that_failed_is_over(scene: Scene) -> None:
    scene.live("error", code="upstream_refused", message="no")
    assert not await scene.talk.begun()
    assert scene.talk.closed == "error"


async def test_an_error_during_the_talk_is_not_its_end(scene: Scene) -> None:
    scene.live("started", sessionId="s")
    scene.live("error", code="x", message="y")
    assert await scene.talk.begun()
    assert scene.talk.closed is None
    assert [line["type"] for line in scene.printed()] == ["started", "error"]


async def test_handoffs_are_told_with_what_is_known(scene: Scene) -> None:
    scene.live("handoff", callId="c", state="started", text="do it")
    scene.live("handoff", callId="c", state="failed")
    told = [{key: value for key, value in line.items() if key != "t"} for line in scene.printed()]
    assert told == [
        {"type": "handoff", "callId": "c", "state": "started", "text": "do it"},
        {"type": "handoff", "callId": "c", "state": "failed"},
    ]


async def test_an_item_that_did_not_end_well_says_so(scene: Scene) -> None:
    scene.item("item/completed", "i", "assistantMessage", "It is r", "interrupted")
    assert scene.printed()[-1]["status"] == "interrupted"
    scene.item("item/completed", "s", "session", "", "completed")
    assert len(scene.printed()) == 1


# -- for people ------------------------------------------------------------------------------------------------


def shown(*happened: tuple[str, JsonObject] | tuple[str, str, str]) -> list[str]:
    out = io.StringIO()
    screen = Screen(lambda: 1.5, out)
    for each in happened:
        if len(each) == 2:
            screen.event(*each)
        else:
            screen.delta(*each)
    return out.getvalue().splitlines()


def test_the_voice_is_shown_as_it_speaks() -> None:
    lines = shown(
        ("user", {"itemId": "u", "text": "hello"}),
        ("assistant", "a", "Good "),
        ("assistant", "a", "day."),
        ("assistant", {"itemId": "a", "text": "Good day."}),
        ("end", {"reason": "completed", "firstAudioMs": 120, "audioMs": 1000, "out": None}),
    )
    assert lines == [
        "   1.50  you    hello",
        "   1.50  voice  Good day.",
        "   1.50  end    completed, first audio after 120 ms, 1.0 s of audio",
    ]


def test_a_line_that_was_interrupted_is_taken_up_again() -> None:
    lines = shown(
        ("assistant", "a", "One mom"),
        ("handoff", {"callId": "c", "state": "started", "text": "the time"}),
        ("assistant", "a", "ent."),
        ("assistant", {"itemId": "a", "text": "One moment."}),
    )
    assert [line[9:] for line in lines] == ["voice  One mom", "agent  [started] the time", "voice  One moment."]


def test_words_from_elsewhere_cannot_steer_the_terminal() -> None:
    lines = shown(("user", {"itemId": "u", "text": "a\x1b[2Jb\nc\u202ed"}))
    assert lines == ["   1.50  you    a [2Jb c d"]
