"""WebSockets of clients, as both doors open, feed and close them."""

from __future__ import annotations

import asyncio
from typing import Literal

from aiohttp import web

from realtime.queues import ClientOutbox

HEARTBEAT_S = 20.0
FLUSH_S = 1.0
"""How long a connection that is being ended may take to read what was queued for it."""
CLOSE_S = 2.0
"""How long the client may take to answer a close."""
LINGER_S = 4.0
"""How long all of it may take until the connection is cut off."""
LOST = 1006
"""The close code of a connection that ended without one (RFC 6455, section 7.1.5)."""

Socket = web.WebSocketResponse[Literal[False]]


def new_socket(protocol: str, max_bytes: int) -> Socket:
    """No compression, text as bytes, a bound on messages, pings."""
    return web.WebSocketResponse[Literal[False]](
        compress=False,
        decode_text=False,
        max_msg_size=max_bytes,
        heartbeat=HEARTBEAT_S,
        protocols=(protocol,),
        timeout=CLOSE_S,
    )


async def feed(socket: Socket, outbox: ClientOutbox) -> None:
    """Send what the outbox gives until it is closed and empty, or the client has gone."""
    while batch := await outbox.get_batch():
        for text in batch:
            try:
                await socket.send_str(text)
            except ConnectionError:
                return


async def close(request: web.Request, socket: Socket, code: int, reason: str, linger_s: float = LINGER_S) -> None:
    """Say why and close; a client that never takes even that is cut off."""
    if request.transport is not None:
        # also when this task is cancelled: what waits in the transport must not wait for ever
        asyncio.get_running_loop().call_later(linger_s, request.transport.abort)
    try:
        async with asyncio.timeout(linger_s):
            await socket.close(code=code, message=reason.encode())
    except TimeoutError:
        return
