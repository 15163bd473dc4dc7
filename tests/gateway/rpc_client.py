"""A JSON-RPC client for tests: keeps all that came, in its order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.canary import Canary

JsonObject = dict[str, Any]

WAIT_S = 20.0


class RefusedError(Exception):
    """An error answer: ``code`` is its number, ``data`` its data (with ``code`` and ``retryable``)."""

    def __init__(self, error: JsonObject) -> None:
        super().__init__(str(error.get("message")))
        self.code: int = error["code"]
        self.data: JsonObject = error.get("data") or {}

    @property
    def name(self) -> str:
        """``data.code``."""
        return str(self.data.get("code"))


class GoneError(Exception):
    """The connection has ended; ``code`` is the close code (1006: without a close frame)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code} {reason}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification as it came."""

    method: str
    params: JsonObject

    @property
    def seq(self) -> int | None:
        """Its number, if it is a record."""
        return self.params.get("seq")

    @property
    def item(self) -> JsonObject:
        """Its item, or an empty object."""
        return self.params.get("item") or {}


class RpcClient:
    """One connection. ``run`` must be running; ``connected`` sees to that.

    ``messages`` are all answers and notifications in the order they came, ``notifications`` these alone.
    ``on_message`` is told of each as it comes.
    """

    def __init__(
        self,
        socket: ClientConnection,
        canary: Canary | None = None,
        on_message: Callable[[JsonObject], None] | None = None,
    ) -> None:
        self._socket = socket
        self._canary = canary
        self._on_message = on_message
        self._answers: dict[int, asyncio.Future[JsonObject]] = {}
        self._last_id = 0
        self._changed = asyncio.Event()
        self.messages: list[JsonObject] = []
        self.notifications: list[Notification] = []
        self.gone: GoneError | None = None

    # -- calling -------------------------------------------------------------------------------------

    async def call(self, method: str, **params: Any) -> JsonObject:
        """The result; raises ``RefusedError``, ``GoneError``, or ``TimeoutError``."""
        async with asyncio.timeout(WAIT_S):
            return await (await self.send(method, params))

    async def send(
        self, method: str, params: JsonObject, *, request_id: int | None = None
    ) -> asyncio.Future[JsonObject]:
        """Send a call, with the id that is given or the next, and do not wait; raises ``GoneError``."""
        if request_id is None:
            self._last_id += 1
            request_id = self._last_id
        answer: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        self._answers[request_id] = answer
        await self.send_text(json.dumps({"id": request_id, "method": method, "params": params}))
        return answer

    async def send_text(self, text: str | bytes) -> None:
        """Send a frame as it is, text for ``str``; raises ``GoneError``."""
        if self.gone is not None:
            raise self.gone
        try:
            await self._socket.send(text)
        except ConnectionClosed:
            raise self._end() from None

    async def tell(self, method: str, **params: Any) -> None:
        """Call without wanting an answer."""
        await self.send_text(json.dumps({"method": method, "params": params}))

    async def initialize(self) -> JsonObject:
        """The first call of every connection; the server's identity."""
        result = await self.call("initialize", clientInfo={"name": "tests", "version": "0"})
        await self.tell("initialized")
        return result

    async def start_thread(self, name: str | None = None) -> str:
        """A new thread, subscribed to; its id."""
        result = await self.call("thread/start", **({} if name is None else {"name": name}))
        return str(result["thread"]["id"])

    # -- waiting -------------------------------------------------------------------------------------

    async def until(
        self, wanted: str | Callable[[Notification], bool], *, after: int = 0, within_s: float = WAIT_S
    ) -> Notification:
        """The first notification of that method, or that is ``wanted``, from index ``after`` on.

        Raises ``GoneError`` when the connection ends before, and ``TimeoutError``.
        """
        check = (lambda seen: seen.method == wanted) if isinstance(wanted, str) else wanted
        async with asyncio.timeout(within_s):
            while True:
                for notification in self.notifications[after:]:
                    after += 1
                    if check(notification):
                        return notification
                if self.gone is not None:
                    raise self.gone
                self._changed.clear()
                await self._changed.wait()

    def named(self, method: str) -> list[Notification]:
        """All notifications of a method so far."""
        return [notification for notification in self.notifications if notification.method == method]

    async def wait_gone(self, within_s: float = WAIT_S) -> GoneError:
        """Wait until the connection has ended; how it did."""
        async with asyncio.timeout(within_s):
            while self.gone is None:
                self._changed.clear()
                await self._changed.wait()
        return self.gone

    # -- reading -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read until the connection ends; then calls that still wait raise ``GoneError``."""
        try:
            async for frame in self._socket:
                self._receive(frame)
        except ConnectionClosed:
            pass  # `_end` says how
        finally:
            gone = self._end()
            self._changed.set()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(gone)
                    answer.exception()  # nobody is obliged to await it

    def _receive(self, frame: str | bytes) -> None:
        if self._canary is not None:
            self._canary.saw("a JSON-RPC frame", frame)
        message: JsonObject = json.loads(frame)
        self.messages.append(message)
        if self._on_message is not None:
            self._on_message(message)
        if "method" in message:
            self.notifications.append(Notification(message["method"], message.get("params") or {}))
        elif (answer := self._answers.pop(message.get("id") or 0, None)) is not None and not answer.done():
            if "error" in message:
                answer.set_exception(RefusedError(message["error"]))
            else:
                answer.set_result(message["result"])
        self._changed.set()

    def _end(self) -> GoneError:
        if self.gone is None:
            self.gone = GoneError(self._socket.close_code or 1006, self._socket.close_reason or "")
        return self.gone


@asynccontextmanager
async def connected(
    url: str,
    canary: Canary | None = None,
    *,
    initialize: bool = True,
    on_message: Callable[[JsonObject], None] | None = None,
) -> AsyncIterator[RpcClient]:
    """A client for the length of the block; ``initialize`` says whether that is called first."""
    async with connect(url, compression=None, max_size=None, ping_interval=None, proxy=None) as socket:
        client = RpcClient(socket, canary, on_message)
        reader = asyncio.create_task(client.run())
        try:
            if initialize:
                await client.initialize()
            yield client
        finally:
            reader.cancel()
            await asyncio.wait([reader])
            if not reader.cancelled():
                reader.result()
