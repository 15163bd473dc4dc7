"""A JSON-RPC client over a message link, as ``voxgate call`` needs one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from realtime.protocol import json
from realtime.protocol.json import JsonObject
from transports.errors import LinkClosed
from transports.link import MessageLink

OnNotification = Callable[[str, JsonObject], None]


class CallRefused(Exception):
    """The gateway answered with an error; ``code`` is its ``data.code``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RpcClient:
    """Calls and their answers; notifications go to ``on_notification`` in the order they come."""

    def __init__(self, link: MessageLink, on_notification: OnNotification) -> None:
        self._link = link
        self._on_notification = on_notification
        self._answers: dict[int, asyncio.Future[JsonObject]] = {}
        self._last_id = 0
        self._sending = asyncio.Lock()

    async def run(self) -> LinkClosed:
        """Read until the link ends; returns how it did. Calls that still wait fail with the same."""
        while True:
            try:
                text = await self._link.receive()
            except LinkClosed as closed:
                for answer in self._answers.values():
                    if not answer.done():
                        answer.set_exception(closed)
                return closed
            self._receive(text)

    async def call(self, method: str, params: JsonObject) -> JsonObject:
        """Call and wait; raises ``CallRefused`` or ``LinkClosed``."""
        self._last_id += 1
        request_id = self._last_id
        answer: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        self._answers[request_id] = answer
        try:
            await self._send({"id": request_id, "method": method, "params": params})
            return await answer
        finally:
            del self._answers[request_id]

    async def tell(self, method: str, params: JsonObject) -> None:
        """Call without wanting an answer; raises ``LinkClosed``."""
        await self._send({"method": method, "params": params})

    async def _send(self, message: JsonObject) -> None:
        # a link has one sender at a time, and here texts, sound and played positions leave beside one another
        async with self._sending:
            await self._link.send(json.encode(message))

    def _receive(self, text: str | bytes) -> None:
        try:
            message = json.decode_object(text)
        except ValueError:
            return  # no gateway of ours says such a thing; what waits for an answer ends at the timeout
        if "method" in message:
            self._on_notification(message["method"], message.get("params") or {})
            return
        answer = self._answers.get(message.get("id", 0))
        if answer is None or answer.done():
            return
        if (error := message.get("error")) is not None:
            code = (error.get("data") or {}).get("code", "internal")
            answer.set_exception(CallRefused(str(code), str(error.get("message", ""))))
        else:
            answer.set_result(message.get("result") or {})
