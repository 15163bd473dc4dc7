"""A thread is deleted while others watch it, or are about to begin something on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from realtime.configuration import load
from realtime.errors import GatewayError, StoreError, ThreadNotFound
from realtime.gateway import Gateway, Outgoing
from realtime.mock.server import MockServer
from realtime.protocol.appserver import RealtimeStartParams, ThreadStartParams, TurnStartParams
from realtime.protocol.ids import ThreadId
from realtime.server.app import serving
from tests.gateway.rpc_client import RefusedError, connected


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with MockServer() as mock:
        gateway = Gateway(
            load(flags={"data": tmp_path, "upstream": {"base_url": mock.base_url}, "server": {"port": 0}})
        )
        async with gateway.running():
            yield gateway


async def made(gateway: Gateway) -> ThreadId:
    return (await gateway.library.start(ThreadStartParams())).id


async def test_whoever_watches_is_told_and_an_event_stream_ends(gateway: Gateway) -> None:
    settings = load(flags={"server": {"port": 0}})
    doors = serving(gateway, settings.server, settings.limits, gateway.telemetry)
    async with doors as address, aiohttp.ClientSession(f"{address}v1/threads/") as http:
        thread, other = await made(gateway), await made(gateway)
        async with (
            connected(f"{address.replace('http', 'ws', 1)}v1/rpc") as client,
            http.get(f"{thread}/events") as stream,
        ):
            await client.call("thread/realtime/stop", threadId=thread)
            await client.call("thread/resume", threadId=thread)
            await client.call("thread/resume", threadId=other)
            async with http.delete(thread) as answer:
                assert answer.status == 204
            async with asyncio.timeout(10):
                events = (await stream.content.read()).decode()
            assert events.endswith(f'event: thread/deleted\ndata: {{"threadId":"{thread}"}}\n\n')
            assert (await client.until("thread/deleted")).params == {"threadId": thread}
            for method in ("thread/realtime/stop", "thread/realtime/interrupt"):
                with pytest.raises(RefusedError) as refused:
                    await client.call(method, threadId=thread)
                assert refused.value.name == "thread_not_found"
            assert [note.params["threadId"] for note in client.notifications].count(other) == 1  # its replayDone
        async with http.get(f"{thread}/events") as answer:
            assert answer.status == 404


def typed(thread: ThreadId, text: str) -> TurnStartParams:
    return TurnStartParams.model_validate({"threadId": thread, "input": [{"type": "text", "text": text}]})


class Listener:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def notify(self, message: Outgoing) -> None:
        self.told.append(message.method)

    async def room(self, size: int) -> None:
        """There is room."""


async def test_a_thread_that_could_not_be_deleted_is_told_of_as_before(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread, listener = await made(gateway), Listener()
    await gateway.threads.subscribe(thread, listener)

    async def fail(thread_id: ThreadId) -> None:
        raise StoreError("the store's disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(gateway._store, "delete", fail)
        with pytest.raises(StoreError):
            await gateway.delete_thread(thread)
    await gateway.start_turn(typed(thread, "what is 6 times 7?"))
    assert "turn/started" in listener.told


def text_call(thread: ThreadId) -> RealtimeStartParams:
    return RealtimeStartParams(thread_id=thread, output_modality="text")


async def test_nothing_that_began_meanwhile_outlives_the_thread(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call and a turn begin when what ran has ended, and the store is not asked yet."""
    thread = await made(gateway)
    await gateway.threads.lane(thread)
    delete = gateway._store.delete

    async def late(thread_id: ThreadId) -> None:
        await gateway.calls.place(text_call(thread), None)
        await gateway.start_turn(typed(thread, "set a timer for 10 minutes"))
        await delete(thread_id)

    monkeypatch.setattr(gateway._store, "delete", late)
    await gateway.delete_thread(thread)
    assert not gateway._in_use(thread)


async def _call(gateway: Gateway, thread: ThreadId) -> None:
    await gateway.calls.place(text_call(thread), None)


async def _turn(gateway: Gateway, thread: ThreadId) -> None:
    await gateway.start_turn(typed(thread, "set a timer for 10 minutes"))


@pytest.mark.parametrize(("begin", "slow"), [(_call, "latest"), (_call, "thread"), (_turn, "thread")])
async def test_what_is_about_to_begin_does_not_begin(
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    begin: Callable[[Gateway, ThreadId], Awaitable[None]],
    slow: str,
) -> None:
    """The store has answered whoever begins something, and the thread is deleted before that is heard."""
    thread = await made(gateway)
    asked, gone = asyncio.Event(), asyncio.Event()
    read = getattr(gateway._store, slow)

    async def late(*args: object, **more: object) -> object:
        found = await read(*args, **more)
        asked.set()
        await gone.wait()
        return found

    async def refused() -> GatewayError:
        with pytest.raises(GatewayError) as error:
            await begin(gateway, thread)
        return error.value

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        with monkeypatch.context() as slowed:
            slowed.setattr(gateway._store, slow, late)
            beginning = group.create_task(refused())
            await asked.wait()
        await gateway.delete_thread(thread)
        gone.set()
    assert isinstance(beginning.result(), ThreadNotFound)
    await gateway.calls.end(thread)
    await gateway._turns.end(thread)
    assert not gateway._in_use(thread)
