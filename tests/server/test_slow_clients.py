"""A slow client costs itself only, and is told why it was ended."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from realtime.errors import SlowConsumer
from realtime.protocol import json
from realtime.protocol.appserver import Shed
from realtime.protocol.ids import ThreadId
from realtime.server import sockets
from realtime.server.clients import Clients
from realtime.settings import LimitsSettings, ServerSettings
from realtime.telemetry import Telemetry
from tests.server.fake import Caller, Doors, open_doors
from tests.server.raw import UPGRADE

SMALL = LimitsSettings(client_messages=64, client_bytes=65_536, client_stall_s=0.3)
BULK = "x" * 8_000


class Deaf(Caller):
    """A subscribed client whose kernel takes little, and which reads nothing more until it is told to."""

    @property
    def transport(self) -> asyncio.Transport:
        connection = self.socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        return connection.transport

    def listen_again(self) -> None:
        self.transport.resume_reading()


def _small_socket(address: object) -> socket.socket:
    del address
    made = socket.socket(socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setblocking(False)
    return made


@asynccontextmanager
async def deaf(doors: Doors, thread_id: ThreadId) -> AsyncIterator[Deaf]:
    connector = aiohttp.TCPConnector(socket_factory=_small_socket)
    async with aiohttp.ClientSession(connector=connector, read_bufsize=1024) as http:
        client = Deaf(await http.ws_connect(doors.address, max_msg_size=0))
        await client.initialize()
        await client.result("thread/realtime/stop", {"threadId": thread_id})
        transport = client.transport
        transport.pause_reading()
        try:
            yield client
        finally:
            transport.abort()


async def test_records_without_room_end_the_client_with_4408() -> None:
    async with open_doors(limits=SMALL) as doors:
        thread_id = doors.threads.make()
        async with deaf(doors, thread_id) as client, doors.caller() as bystander:
            await bystander.result("thread/realtime/stop", {"threadId": thread_id})
            sent = 0
            while len(doors.threads.sinks[thread_id]) > 1:
                doors.threads.record(thread_id, BULK)
                sent += 1
                assert (await bystander.notification("item/completed"))["seq"] == sent
                assert sent < 5_000
            client.listen_again()
            assert await client.closed() == 4408
            assert "thread" in await bystander.result("thread/start")


async def test_a_client_that_reads_nothing_for_too_long_is_ended_with_4408() -> None:
    roomy = LimitsSettings(client_messages=100_000, client_bytes=100_000_000, client_stall_s=0.2)
    async with open_doors(limits=roomy) as doors:
        thread_id = doors.threads.make()
        async with deaf(doors, thread_id) as client:
            for _ in range(4_000):
                doors.threads.record(thread_id, BULK)
            await doors.journal.until("forget")
            client.listen_again()
            assert await client.closed() == 4408


async def test_audio_and_deltas_are_shed_and_the_client_stays() -> None:
    async with open_doors(limits=LimitsSettings(client_messages=64, client_bytes=65_536)) as doors:
        thread_id = doors.threads.make()
        async with deaf(doors, thread_id) as client:
            for number in range(2_000):
                doors.threads.live(thread_id, "thread/realtime/outputAudio/delta", {"audio": BULK}, Shed.AUDIO)
                doors.threads.live(thread_id, "thread/realtime/transcript/delta", {"delta": str(number)}, Shed.DELTA)
                if number % 100 == 0:
                    await asyncio.sleep(0)  # the writer has its turn as in a real process
            doors.threads.record(thread_id, "the last word")
            client.listen_again()
            assert (await client.notification("item/completed"))["item"]["text"] == "the last word"
            audio = [note for note in client.notifications if note["method"].endswith("outputAudio/delta")]
            assert len(audio) < 2_000
        await doors.journal.until("forget")
        assert "voxgate_client_audio_shed_ms_total" in doors.telemetry.snapshot()
        assert "voxgate_client_deltas_shed_total 0" not in doors.telemetry.snapshot()


async def test_a_client_that_calls_and_never_reads_is_pushed_back_not_buffered() -> None:
    """Its answers fill half its outbox, then nothing more is read: what it sends waits in its own kernel."""
    async with open_doors(limits=LimitsSettings(client_messages=64, client_bytes=65_536)) as doors:
        thread_id = doors.threads.make()
        doors.calls.running.add(thread_id)
        async with deaf(doors, thread_id) as client:
            params = {"threadId": thread_id, "itemId": "x", "playedMs": 1}
            call = json.encode({"id": "i" * 900, "method": "thread/realtime/played", "params": params})
            taken = -1

            async def call_for_ever() -> None:
                while True:
                    await client.socket.send_str(call)

            async with asyncio.timeout(9), asyncio.TaskGroup() as group:
                caller = group.create_task(call_for_ever())
                while len(doors.journal.named("played")) != taken or not client.transport.get_write_buffer_size():
                    taken = len(doors.journal.named("played"))
                    await asyncio.sleep(0.1)  # nothing tells that nothing more is taken
                caller.cancel()
            assert taken > 0
            assert doors.threads.sinks[thread_id] != []


async def test_a_fast_client_that_sends_much_at_once_is_served_in_full() -> None:
    """More answers than the outbox holds leave one batch: the reader makes room for the writer."""
    async with open_doors(limits=LimitsSettings(client_messages=64, client_bytes=65_536)) as doors:
        thread_id = doors.threads.make()
        doors.calls.running.add(thread_id)
        async with doors.caller() as caller:
            params = {"threadId": thread_id, "itemId": "x", "playedMs": 1}
            await caller.result("thread/realtime/played", params)
            sent = [await caller.send("thread/realtime/played", params) for _ in range(1_000)]
            await caller.reply(sent[-1])
            assert caller.order[-1_000:] == sent


def test_only_stalled_connections_are_ended() -> None:
    class Connection:
        def __init__(self, stalled: float) -> None:
            self.stalled = stalled
            self.failed: list[object] = []

        def stalled_for(self) -> float:
            return self.stalled

        def fail(self, error: object) -> None:
            self.failed.append(error)

    clients = Clients(Telemetry(), limit=3, stall_s=10.0)
    fine, slow = Connection(9.9), Connection(10.1)
    clients.add(fine)
    clients.add(slow)
    clients.check()
    assert fine.failed == []
    assert [type(error) for error in slow.failed] == [SlowConsumer]


async def test_connections_are_bounded() -> None:
    async with open_doors(ServerSettings(port=0, max_connections=2)) as doors:
        async with doors.caller(), doors.caller():
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await doors.http.ws_connect(doors.address)
            assert refused.value.status == 503
            assert refused.value.headers is not None
            assert int(refused.value.headers["Retry-After"]) >= 1
        await doors.journal.until("forget", 2)
        async with doors.caller() as caller:
            assert "thread" in await caller.result("thread/start")


async def test_a_client_that_answers_no_ping_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "HEARTBEAT_S", 0.2)
    async with open_doors() as doors:
        reader, writer = await asyncio.open_connection("127.0.0.1", doors.port)
        lines = ("GET / HTTP/1.1", f"Host: 127.0.0.1:{doors.port}", *(f"{name}: {value}" for name, value in UPGRADE))
        writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(20):
            assert (await reader.readline()).startswith(b"HTTP/1.1 101 ")
            await reader.read()  # until the gateway closes: nobody is there to answer what it sends
        writer.close()
        await doors.journal.until("forget")
