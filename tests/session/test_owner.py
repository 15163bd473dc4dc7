"""The owner of a call, without a gateway around it."""

from __future__ import annotations

import asyncio

import pytest

from realtime.agents.none import NoAgent
from realtime.core.actions import AppendText
from realtime.core.config import SessionConfig
from realtime.core.conversation import Conversation
from realtime.errors import SessionNotFound
from realtime.lanes import ThreadLane
from realtime.protocol.appserver import Thread
from realtime.protocol.ids import Seq, ThreadId
from realtime.protocol.realtime_v1 import codec_for
from realtime.session.media import ClientAudio
from realtime.session.owner import Session
from realtime.session.upstream import ControlPath, Opener, UpstreamConnection
from realtime.settings import AgentSettings, LimitsSettings
from realtime.telemetry import Telemetry
from realtime.turns.turns import Turns
from tests.core.driver import CONFIG
from tests.lanes.fakes import SlowStore
from transports.link import memory_pair


async def _never(config: SessionConfig) -> UpstreamConnection:
    raise AssertionError("nobody opens a connection here")


def _session(opener: Opener = _never) -> Session:
    thread = Thread(ThreadId("thread"), "epoch", Seq(0), 0, 0)
    lane = ThreadLane(thread, SlowStore(), clock_ms=lambda: 0, telemetry=Telemetry())
    turns = Turns(NoAgent(), AgentSettings(), LimitsSettings())
    return Session(CONFIG, ControlPath(opener), ClientAudio(lane, None), lane, turns, LimitsSettings())


async def test_whoever_waits_for_a_call_that_never_runs_is_told_so() -> None:
    session = _session()
    waiting = asyncio.ensure_future(session.deliver(AppendText("hello")))
    await asyncio.sleep(0)  # it is in the inbox
    session.retire()
    with pytest.raises(SessionNotFound):
        await waiting
    with pytest.raises(SessionNotFound):
        await session.deliver(AppendText("more"))


async def test_whoever_waits_for_a_call_that_is_felled_by_a_mistake_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def mistaken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Conversation, "apply", mistaken)
    session = _session()
    waiting = asyncio.ensure_future(session.deliver(AppendText("hello")))
    await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError):
        await session.run(Telemetry())
    with pytest.raises(SessionNotFound):
        await waiting


async def test_what_a_call_had_begun_in_the_thread_ends_also_when_a_mistake_fells_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def mistaken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    near, far = memory_pair()

    async def joined(config: SessionConfig) -> UpstreamConnection:
        return UpstreamConnection(near, codec_for("v2"))

    session = _session(joined)
    calling = asyncio.ensure_future(session.run(Telemetry()))
    await session.begun
    monkeypatch.setattr(Conversation, "receive", mistaken)
    await far.send('{"type": "session.created"}')
    with pytest.raises(ExceptionGroup):
        await calling
    drafts = [draft for waiting in session._lane._waiting for draft in waiting.drafts]
    assert [draft.body["item"]["status"] for draft in drafts] == ["inProgress", "failed"]
