"""When a talk is over: nothing active or wanted, no hand-off open, nothing left to play."""

from __future__ import annotations

import asyncio
import base64
import io

import pytest

from realtime.commands.reporter import TRANSCRIPTION_S, JsonLines, Screen
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

    def begin(self) -> None:
        """The call has started, and the record that opens it is there."""
        self.live("started", sessionId="s")
        self.item("item/started", "session", "session", status="inProgress")
        self.out.seek(0)
        self.out.truncate()

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
async def waiting() -> Scene:
    """A call that was asked for and has not started."""
    return Scene()


@pytest.fixture
async def scene(waiting: Scene) -> Scene:
    waiting.begin()
    return waiting


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
        await asyncio.sleep(0)  # one turn of the loop: it saw the gap
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


async def test_a_start_that_failed_is_over(waiting: Scene) -> None:
    waiting.live("error", code="upstream_refused", message="no")
    assert not await waiting.talk.begun()
    assert waiting.talk.closed == "error"


async def test_an_error_during_the_talk_is_not_its_end(scene: Scene) -> None:
    scene.live("error", code="x", message="y")
    assert await scene.talk.begun()
    assert scene.talk.closed is None
    assert [line["type"] for line in scene.printed()] == ["error"]


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("upstream_refused", "connection refused", "the gateway's upstream, the voice model: connection refused"),
        ("upstream_refused", "the upstream refused: status 401", "the upstream refused: status 401"),
        ("invalid_params", "no such voice", "no such voice"),
    ],
)
async def test_an_error_says_whose_it_was(waiting: Scene, code: str, message: str, told: str) -> None:
    waiting.live("error", code=code, message=message)
    assert waiting.printed()[-1]["message"] == told


async def test_the_call_that_ours_takes_the_place_of_is_not_ours(waiting: Scene) -> None:
    """On a thread with a live call: that one cuts off its answer and closes, and its records may come late."""
    waiting.live("transcript/delta", role="assistant", itemId="old", delta="It is")
    waiting.state(responseActive=True)
    waiting.live("closed", reason="requested")
    assert waiting.talk.closed is None
    waiting.live("started", sessionId="s")
    waiting.item("item/completed", "old", "assistantMessage", "It is", "interrupted")
    waiting.item("item/completed", "old_session", "session")
    assert await waiting.talk.begun()
    assert not waiting.talk.answered
    waiting.item("item/started", "session", "session", status="inProgress")
    waiting.item("item/completed", "new", "assistantMessage", "Good day.")
    assert waiting.talk.answered
    assert [line["type"] for line in waiting.printed()] == ["started", "assistant"]
    async with asyncio.timeout(5):
        assert await waiting.talk.quiet(QUIET)
    waiting.live("closed", reason="error")
    assert waiting.talk.closed == "error"


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


async def test_the_records_of_the_end_are_waited_for_as_long_as_they_can_come(scene: Scene) -> None:
    async with asyncio.TaskGroup() as group:
        recorded = group.create_task(scene.talk.recorded())
        scene.live("closed", reason="requested")
        scene.item("item/completed", "i", "assistantMessage", "It is r", "interrupted")
        assert not (await asyncio.wait({recorded}, timeout=QUIET))[0]
        scene.item("item/completed", "session", "session")
        await recorded
    assert scene.printed()[-1]["status"] == "interrupted"


async def test_no_record_is_waited_for_without_a_connection(scene: Scene) -> None:
    scene.live("closed", reason="draining")
    scene.talk.cut_off()
    async with asyncio.timeout(5):
        await scene.talk.recorded()


# -- for people ------------------------------------------------------------------------------------------------


class Spectator:
    """A screen with a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1.5
        self.out = io.StringIO()
        self.screen = Screen(lambda: self.now, self.out)

    @property
    def text(self) -> str:
        return self.out.getvalue()

    @property
    def lines(self) -> list[str]:
        return [line[9:] for line in self.text.splitlines()]

    def assistant(self, item_id: str, text: str, **more: str) -> None:
        self.screen.event("assistant", {"itemId": item_id, "text": text, **more})

    def user(self, item_id: str, text: str, **more: str) -> None:
        self.screen.event("user", {"itemId": item_id, "text": text, **more})

    def handoff(self, state: str, text: str | None = None) -> None:
        self.screen.event("handoff", {"callId": "c", "state": state, "text": text})

    def end(self) -> None:
        self.screen.event("end", {"reason": "completed", "firstAudioMs": 120, "audioMs": 1000, "out": None})


@pytest.fixture
def seen() -> Spectator:
    return Spectator()


def test_the_voice_is_shown_as_it_speaks(seen: Spectator) -> None:
    seen.screen.typed("hello")
    seen.screen.delta("assistant", "a", "Good ")
    assert seen.text.endswith("   1.50  voice  Good ")
    seen.screen.delta("assistant", "a", "day.")
    assert seen.text.endswith("   1.50  voice  Good day.")
    seen.assistant("a", "Good day.")
    seen.end()
    assert seen.text.splitlines() == [
        "   1.50  you    hello",
        "   1.50  voice  Good day.",
        "   1.50  end    completed, first audio after 120 ms, 1.0 s of audio",
    ]


def test_what_was_written_stands_before_the_answer_and_once(seen: Spectator) -> None:
    seen.screen.typed("hello")
    seen.screen.delta("assistant", "a", "Good day.")
    seen.user("u", "hello")
    seen.assistant("a", "Good day.")
    assert seen.lines == ["you    hello", "voice  Good day."]


def test_a_spoken_question_stands_before_its_answer(seen: Spectator) -> None:
    seen.screen.began("user", "u")
    seen.now = 3.0
    seen.screen.delta("assistant", "a", "Good ")
    seen.screen.delta("user", "u", "Hell")
    assert seen.text == ""
    seen.user("u", "hello")
    assert seen.text == "   1.50  you    hello\n   3.00  voice  Good "
    seen.assistant("a", "Good day.")
    assert seen.lines == ["you    hello", "voice  Good day."]


def test_an_answer_does_not_wait_for_ever_for_its_question(seen: Spectator) -> None:
    seen.screen.began("user", "u")
    seen.screen.delta("assistant", "a", "Good ")
    seen.now += TRANSCRIPTION_S
    seen.assistant("a", "Good day.")
    assert seen.lines == ["voice  Good day."]
    seen.user("u", "", status="failed")
    assert seen.lines == ["voice  Good day.", "you    [could not be transcribed]"]


def test_nothing_comes_between_the_words_of_a_line(seen: Spectator) -> None:
    seen.screen.delta("assistant", "a", "One mom")
    seen.handoff("started", "the time")
    seen.screen.delta("assistant", "a", "ent.")
    seen.screen.delta("assistant", "b", "It is")
    seen.now = 2.0
    seen.handoff("finished", "noon")
    seen.assistant("a", "One moment.")
    seen.assistant("b", "It is noon.")
    assert seen.text.splitlines() == [
        "   1.50  voice  One moment.",
        "   1.50  agent  [started] the time",
        "   1.50  voice  It is noon.",
        "   2.00  agent  [finished after 0.5 s] noon",
    ]


def test_an_answer_that_was_cut_off_says_so(seen: Spectator) -> None:
    seen.screen.delta("assistant", "a", "It is raining cats")
    seen.assistant("a", "It is r", status="interrupted")
    seen.assistant("b", "", status="interrupted")
    seen.assistant("c", "", status="completed")
    assert seen.lines == ["voice  It is raining cats [cut off]", "voice  [cut off]", "voice  [no words]"]


def test_the_end_shows_what_was_left(seen: Spectator) -> None:
    seen.screen.began("user", "u")
    seen.screen.delta("assistant", "a", "It is")
    seen.end()
    assert [line.split()[0] for line in seen.lines] == ["you", "voice", "end"]
    assert seen.lines[1] == "voice  It is …"


def test_words_from_elsewhere_cannot_steer_the_terminal(seen: Spectator) -> None:
    seen.user("u", "a\x1b[2Jb\nc\u202ed")
    seen.screen.delta("assistant", "a", "e\rf")
    assert seen.lines == ["you    a [2Jb c d", "voice  e f"]
