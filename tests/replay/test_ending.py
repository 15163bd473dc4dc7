"""How a call ends when the upstream does, and reconnecting is off."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from tests.replay.stage import Play, agent_call, held, staged


@pytest.mark.parametrize("code", [1000, 1001, 1011])
async def test_a_close_frame_ends_the_call_without_an_error(play: Play, code: int) -> None:
    async with staged(play) as stage:
        connection = await stage.start()
        await connection.leave(code)
        await stage.client.until("thread/realtime/closed")
        assert stage.told() == [
            ("started", {"sessionId": stage.thread, "version": "v2"}),
            ("closed", {"reason": "transport_closed"}),
        ]


async def test_a_connection_that_breaks_ends_the_call_with_an_error(play: Play) -> None:
    async with staged(play) as stage:
        connection = await stage.start()
        connection.drop()
        await stage.client.until("thread/realtime/closed")
        (_, error), closed = stage.told()[1:]
        assert error["code"] == "upstream_lost"
        assert closed == ("closed", {"reason": "error"})


async def test_work_goes_on_when_the_upstream_is_gone(play: Play) -> None:
    gate = asyncio.Event()
    async with staged(replace(play, agent=held(gate.wait, "it rains"))) as stage:
        connection = await stage.start()
        await stage.push(agent_call("call_1", json.dumps({"prompt": "look outside"})))
        await connection.leave()
        await stage.client.until("thread/realtime/closed")
        gate.set()
        over = await stage.client.until("turn/completed")
        assert over.params["turn"]["status"] == "completed"
        assert stage.frames() == []
        assert stage.told()[-1] == ("closed", {"reason": "transport_closed"})


async def test_an_error_of_the_upstream_is_told_and_the_call_lives(play: Play) -> None:
    async with staged(play) as stage:
        await stage.start()
        await stage.push({"type": "error", "error": {"type": "server_error", "code": "odd", "message": "that was odd"}})
        await stage.push({"type": "response.output_audio.delta", "delta": "AAAA", "item_id": "it_1"})
        await stage.stop()
        error, sound = stage.between()
        assert error == ("error", {"message": "that was odd", "code": "odd"})
        assert sound[0] == "outputAudio/delta"


async def test_a_stop_leaves_with_a_close_frame(play: Play) -> None:
    async with staged(play) as stage:
        connection = await stage.start()
        await stage.stop()
        assert connection.close_code == 1000
        assert await stage.call("stop") == {}
        assert [name for name, _ in stage.told()] == ["started", "closed"]
