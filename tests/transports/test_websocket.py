"""A link over a real socket: what passes, how it ends, what its errors say and keep to themselves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from transports.errors import ConnectFailed, LinkClosed
from transports.link import MessageLink
from transports.websocket import LinkOptions, connect

SECRET = "Bearer sk-very-secret-0123456789"
Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def peer(handler: Handler, **options: object) -> AsyncIterator[str]:
    """A WebSocket server on a free port; yields its address."""
    async with serve(handler, "127.0.0.1", 0, compression="deflate", **options) as server:  # type: ignore[arg-type]
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/v1/realtime?model=m"


@asynccontextmanager
async def raw_peer(answer: bytes, *, then: asyncio.Event | None = None) -> AsyncIterator[str]:
    """A TCP server that reads a request's head and answers with these bytes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if then is not None:
            await then.wait()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def wait_closed(connection: ServerConnection) -> None:
    await connection.wait_closed()


async def test_messages_pass_both_ways_in_order() -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with peer(echo) as url:
        link = await connect(url, headers={}, connect_timeout=5)
        for number in range(100):
            await link.send(f"{number} ä")
        assert [await link.receive() for _ in range(100)] == [f"{number} ä" for number in range(100)]
        await link.close()


async def test_a_binary_message_arrives_as_bytes() -> None:
    async def binary(connection: ServerConnection) -> None:
        await connection.send(b"\x00\xff")
        await connection.wait_closed()

    async with peer(binary) as url:
        link = await connect(url, headers={}, connect_timeout=5)
        assert await link.receive() == b"\x00\xff"
        await link.close()


async def test_the_request_has_the_headers_and_asks_for_no_compression() -> None:
    seen: list[Headers] = []

    async def look(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.append(connection.request.headers)
        await connection.wait_closed()

    async with peer(look, subprotocols=["realtime"]) as url:
        link = await connect(
            url,
            headers={"authorization": SECRET, "x-session-id": "s1"},
            connect_timeout=5,
            subprotocols=["realtime"],
        )
        await link.close()
    assert seen[0]["Authorization"] == SECRET
    assert seen[0]["X-Session-Id"] == "s1"
    assert seen[0]["User-Agent"] == "voxgate"
    assert seen[0]["Sec-WebSocket-Protocol"] == "realtime"
    assert "Sec-WebSocket-Extensions" not in seen[0]


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_a_refusal_tells_the_status_and_never_the_body(status: int) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        key = request.headers["Authorization"].removeprefix("Bearer ")
        body = f'{{"error":{{"message":"Incorrect API key provided: {key}"}}}}'
        response = connection.respond(status, body)
        response.headers["Retry-After"] = "7"
        return response

    async with peer(wait_closed, process_request=refuse) as url:
        with pytest.raises(ConnectFailed) as failure:
            await connect(url, headers={"Authorization": SECRET}, connect_timeout=5)
    error = failure.value
    assert (str(error), error.status, error.retry_after) == (f"unexpected status {status}", status, 7.0)
    assert error.__suppress_context__


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), ("12", 12.0), ("99999999999", 86_400.0), ("-1", None), ("soon", None), ("٣", None)],
)
async def test_retry_after_is_taken_when_it_is_a_number_of_seconds(value: str, seconds: float | None) -> None:
    head = f"HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\nRetry-After: {value}\r\n\r\n"
    async with raw_peer(head.encode()) as url:
        with pytest.raises(ConnectFailed) as failure:
            await connect(url, headers={}, connect_timeout=5)
    assert failure.value.retry_after == seconds


async def test_a_redirect_is_a_refusal_and_the_credential_stays_home() -> None:
    visitors: list[str] = []

    async def elsewhere(connection: ServerConnection) -> None:
        visitors.append("came")
        await connection.wait_closed()

    async with peer(elsewhere) as other:

        def redirect(connection: ServerConnection, _: Request) -> Response:
            response = connection.respond(302, "")
            response.headers["Location"] = other
            return response

        async with peer(wait_closed, process_request=redirect) as url:
            with pytest.raises(ConnectFailed, match="unexpected status 302"):
                await connect(url, headers={"Authorization": SECRET}, connect_timeout=5)
    assert visitors == []


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    async with peer(wait_closed) as url:
        link = await connect(url, headers={}, connect_timeout=5)
        await link.close()


async def test_nobody_listens() -> None:
    async with peer(wait_closed) as url:
        pass
    with pytest.raises(ConnectFailed, match="connection refused") as failure:
        await connect(url, headers={"Authorization": SECRET}, connect_timeout=5)
    assert failure.value.status is None


async def test_a_silent_host_is_given_up_after_the_timeout() -> None:
    hold = asyncio.Event()
    async with raw_peer(b"", then=hold) as url:
        with pytest.raises(ConnectFailed, match=r"no connection within 0\.05 s"):
            await connect(url, headers={}, connect_timeout=0.05)
        hold.set()


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\n\r\nhello", b"HTTP/1.1 101 X\r\n\r\n", b"\xff" * 9000],
)
async def test_what_is_no_websocket_is_a_failed_connect(answer: bytes) -> None:
    async with raw_peer(answer) as url:
        with pytest.raises(ConnectFailed):
            await connect(url, headers={}, connect_timeout=5)


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "ws://", "ws://127.0.0.1:99999/", "nonsense", "ws://a..b/"])
async def test_a_wrong_address_is_a_failed_connect(url: str) -> None:
    with pytest.raises(ConnectFailed) as failure:
        await connect(url, headers={}, connect_timeout=5)
    assert url not in str(failure.value)


async def test_a_plain_server_behind_a_tls_address_is_a_failed_connect() -> None:
    async with peer(wait_closed) as url:
        with pytest.raises(ConnectFailed):
            await connect(url.replace("ws://", "wss://"), headers={}, connect_timeout=5)


@pytest.mark.parametrize("value", ["s\r\nX-Admin: 1", "s\n", "s\x00", "ü"])
async def test_a_header_cannot_smuggle_another(value: str) -> None:
    with pytest.raises(ConnectFailed, match="x-session-id") as failure:
        await connect("ws://127.0.0.1:1/", headers={"x-session-id": value}, connect_timeout=5)
    assert value not in str(failure.value)


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 4000])
async def test_a_close_frame_of_the_peer_is_a_clean_end(code: int) -> None:
    async def leave(connection: ServerConnection) -> None:
        await connection.send("last words")
        await connection.close(code, "the reason")

    async with peer(leave) as url:
        link = await connect(url, headers={}, connect_timeout=5)
        assert await link.receive() == "last words"
        with pytest.raises(LinkClosed) as end:
            await link.receive()
        assert (end.value.code, end.value.clean, end.value.reason) == (code, True, "the reason")
        assert "the reason" not in str(end.value)
        with pytest.raises(LinkClosed):
            await link.send("too late")


async def test_a_dropped_connection_is_no_clean_end() -> None:
    async def drop(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with peer(drop) as url:
        link = await connect(url, headers={}, connect_timeout=5)
        with pytest.raises(LinkClosed) as end:
            await link.receive()
    assert (end.value.code, end.value.clean) == (None, False)


async def test_a_peer_that_answers_no_ping_is_given_up() -> None:
    async def deaf(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await connection.wait_closed()

    async with peer(deaf, ping_interval=None, close_timeout=0.1) as url:
        options = LinkOptions(ping_interval=0.02, ping_timeout=0.05, close_timeout=0.05)
        link = await connect(url, headers={}, connect_timeout=5, options=options)
        with pytest.raises(LinkClosed) as end:
            await link.receive()
    assert (end.value.code, end.value.clean) == (None, False)


async def test_a_message_above_the_limit_ends_the_link_as_broken() -> None:
    async def shout(connection: ServerConnection) -> None:
        await connection.send("x" * 70_000)
        await connection.wait_closed()

    async with peer(shout) as url:
        link = await connect(url, headers={}, connect_timeout=5, max_bytes=65_536)
        with pytest.raises(LinkClosed, match="1009") as end:
            await link.receive()
    assert not end.value.clean


async def test_a_text_that_is_not_utf8_ends_the_link_as_broken() -> None:
    async def mumble(connection: ServerConnection) -> None:
        await connection.send(b"\xff\xfe", text=True)
        await connection.wait_closed()

    async with peer(mumble) as url:
        link = await connect(url, headers={}, connect_timeout=5)
        with pytest.raises(LinkClosed, match="1007") as end:
            await link.receive()
    assert not end.value.clean


async def test_close_shakes_hands_and_ends_a_waiting_receive() -> None:
    closed: asyncio.Future[tuple[int | None, str | None]] = asyncio.get_running_loop().create_future()

    async def watch(connection: ServerConnection) -> None:
        await connection.wait_closed()
        closed.set_result((connection.close_code, connection.close_reason))

    async with peer(watch) as url:
        link = await connect(url, headers={}, connect_timeout=5)
        async with asyncio.TaskGroup() as group:
            receiving = group.create_task(_end_of(link.receive))
            await asyncio.sleep(0)  # one turn of the loop: it receives by now
            await link.close(1001, "leaving " + "ä" * 100)
            await link.close()
        end = receiving.result()
        code, reason = await closed
    assert end.clean
    assert code == 1001
    assert reason is not None
    assert reason.startswith("leaving ä")


async def test_close_does_not_wait_for_a_peer_that_never_answers() -> None:
    hold = asyncio.Event()

    async def deaf(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await hold.wait()

    async with peer(deaf, ping_interval=None, close_timeout=0.1) as url:
        link = await connect(url, headers={}, connect_timeout=5, options=LinkOptions(close_timeout=0.05))
        async with asyncio.timeout(5):
            await link.close()
        hold.set()


async def test_a_cancelled_close_leaves_no_open_socket() -> None:
    dropped = asyncio.Event()
    reading = asyncio.Event()

    async def deaf(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        reading.set()
        await dropped.wait()
        connection.transport.resume_reading()
        await connection.wait_closed()

    async with peer(deaf, ping_interval=None) as url:
        link = await connect(url, headers={}, connect_timeout=5, options=LinkOptions(close_timeout=60))
        await reading.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await link.close()
        dropped.set()
        end = await _end_of(link.receive)
    assert not end.clean


async def test_an_unread_link_pushes_back_on_the_peer() -> None:
    """The peer comes to a halt; nothing is lost once reading goes on."""
    total = 4000
    sent = 0
    peers: list[ServerConnection] = []

    async def pour(connection: ServerConnection) -> None:
        nonlocal sent
        peers.append(connection)
        for number in range(total):
            await connection.send(f"{number:05}" + "x" * 8000)
            sent = number + 1
        await connection.wait_closed()

    async with peer(pour) as url:
        link = await connect(url, headers={}, connect_timeout=5, options=LinkOptions(receive_frames=8))
        before = -1
        while sent != before or not (peers and peers[0].paused):
            before = sent
            await asyncio.sleep(0.05)  # held back already: nothing tells that it stays so
        assert 0 < sent < total
        for number in range(total):
            message = await link.receive()
            assert isinstance(message, str)
            assert int(message[:5]) == number
        await link.close()


async def test_a_full_send_buffer_makes_send_wait() -> None:
    resume = asyncio.Event()
    got = 0

    async def slow(connection: ServerConnection) -> None:
        nonlocal got
        connection.transport.pause_reading()
        await resume.wait()
        connection.transport.resume_reading()
        async for _ in connection:
            got += 1

    async with peer(slow, ping_interval=None) as url:
        link = await connect(url, headers={}, connect_timeout=5, options=LinkOptions(send_buffer_bytes=32_768))
        sent = await _send_until_full(link, limit=20_000)
        assert sent < 20_000
        resume.set()
        await link.close()
    assert got >= sent


async def test_nothing_on_the_wire_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    quiet = logging.getLogger("quiet-peer")
    quiet.setLevel(logging.ERROR)
    with caplog.at_level(logging.DEBUG):
        async with peer(echo, logger=quiet) as url:
            link = await connect(url, headers={"Authorization": SECRET}, connect_timeout=5)
            await link.send("spoken words")
            await link.receive()
            await link.close()
    assert SECRET not in caplog.text
    assert "spoken words" not in caplog.text


async def _send_until_full(link: MessageLink, *, limit: int) -> int:
    sent = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            while sent < limit:
                await link.send("x" * 8000)
                sent += 1
    return sent


async def _end_of(receive: Callable[[], Awaitable[str | bytes]]) -> LinkClosed:
    with pytest.raises(LinkClosed) as end:
        await receive()
    return end.value
