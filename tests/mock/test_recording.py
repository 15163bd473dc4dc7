"""Recording a server through a proxy, without its keys, and playing it back with its timings."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import websockets
from websockets.exceptions import ConnectionClosedOK, InvalidStatus

from realtime.errors import ConfigurationError
from realtime.mock.carrier import MemoryCarrier
from realtime.mock.recording import Frame, load_recording, replay
from realtime.mock.scrub import scrubbed
from realtime.mock.server import MockOptions, MockServer, run_mock
from tests.mock.talk import said
from tests.mock.wire import PATIENCE_S, Client
from transports.link import memory_pair

KEY = "sk-right-0123456789"


@asynccontextmanager
async def running(options: MockOptions) -> AsyncIterator[str]:
    """The address of a mock as the command runs it."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        task = group.create_task(run_mock(options, ready.set_result))
        base_url = await ready
        yield base_url.replace("http", "ws") + "/realtime?model=gpt-realtime"
        task.cancel()


async def record(log: Path) -> list[str]:
    """Hold a talk through the proxy; returns the types of what the client saw."""
    async with MockServer(api_key=KEY, seed=5) as server:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with running(MockOptions(port=0, record=server.base_url, log=log)) as address:
            with pytest.raises(InvalidStatus) as caught:
                await websockets.connect(address)
            assert caught.value.response.status_code == 401
            async with websockets.connect(address, additional_headers=headers) as socket:
                client = Client(socket, lenient=False)
                assert (
                    said(await client.ask(f"my key is {KEY} and ek_0123456789")) == f"my key is {KEY} and ek_0123456789"
                )
                return client.kinds()


async def test_a_recording_plays_what_was_heard_and_holds_no_key(tmp_path: Path) -> None:
    log = tmp_path / "recording.jsonl"
    kinds = await record(log)
    text = log.read_text()
    assert KEY not in text
    assert "ek_0123456789" not in text
    (frames,) = load_recording(log)
    lasted = frames[-1].t - next(frame.t for frame in frames if frame.kind == "response.create")
    async with running(MockOptions(port=0, replay=log)) as address:
        for _ in range(2):
            async with websockets.connect(address) as socket:
                client = Client(socket, lenient=False)
                await client.type("something else")
                begun = time.monotonic()
                await client.send("response.create")
                while client.kinds() != kinds:
                    await client.receive()
                assert time.monotonic() - begun > lasted - 0.1
                with pytest.raises(ConnectionClosedOK):
                    await client.receive()


async def test_a_recording_is_played_neither_sooner_nor_later(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    events = [{"type": kind} for kind in ("session.created", "session.updated", "response.create", "response.created")]
    first, second, asked, answered = events
    frames = [Frame(5.0, "server", first), Frame(65.0, "server", second), Frame(100.0, "client", asked)]
    here, there = memory_pair()
    await here.send(json.dumps(asked))
    monkeypatch.setattr(asyncio, "sleep", wait)
    await replay(MemoryCarrier(there), [*frames, Frame(130.0, "server", answered)])
    assert waited == pytest.approx([0.0, 60.0, 30.0], abs=5.0)
    assert [json.loads(await here.receive()) for _ in range(3)] == [first, second, answered]


async def test_ids_of_the_client_take_the_places_of_those_recorded(tmp_path: Path) -> None:
    log = tmp_path / "recording.jsonl"
    item = {"id": "then", "type": "message"}
    events = [("client", {"type": "conversation.item.create", "item": item})]
    events.append(("server", {"type": "conversation.item.added", "item": item}))
    lines = [{"t": 5.0, "conn": "c1", "dir": direction, "event": event} for direction, event in events]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    async with running(MockOptions(port=0, replay=log)) as address, websockets.connect(address) as socket:
        await socket.send('{"type": "input_audio_buffer.append", "audio": ""}')
        await socket.send('{"type": "conversation.item.create", "item": {"id": "now"}}')
        assert json.loads(await socket.recv())["item"]["id"] == "now"


@pytest.mark.parametrize(
    "text",
    [
        '{"authorization": "whatever it is"}',
        '{"Authorization":"Bearer abcdefgh"}',
        "sk-proj-abcdefgh",
        "ek_abcdefgh",
        "the configured one: hunter-two",
        '{"api_key": "x\\"y"}',
    ],
)
def test_keys_are_taken_out(text: str) -> None:
    clean = scrubbed(text, "hunter-two")
    assert "***" in clean
    assert not any(part in clean for part in ("abcdefgh", "whatever", "hunter", 'x\\"y'))


def test_the_rest_stays() -> None:
    text = '{"type": "response.output_audio.delta", "delta": "AAsk+ek/", "item": "task-force"}'
    assert scrubbed(text, None) == text


@pytest.mark.parametrize(
    ("options", "setting"),
    [
        (MockOptions(record="http://127.0.0.1:9/v1"), "--record"),
        (MockOptions(record="nowhere", log=Path("/dev/null")), "--record"),
        (MockOptions(replay=Path("/nonexistent")), "--replay"),
        (MockOptions(replay=Path("/dev/null")), "--replay"),
    ],
)
async def test_wrong_options_are_named(options: MockOptions, setting: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await run_mock(options, print)
    assert caught.value.setting == setting
