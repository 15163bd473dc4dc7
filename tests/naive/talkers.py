"""The two that are compared, behind one face: what an errand does to them, and what it sees of them."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import websockets
from websockets.exceptions import WebSocketException

from realtime.mock.running import RealtimeMock
from tests.gateway.in_process import opened
from tests.gateway.rpc_client import Notification, RefusedError, RpcClient, connected
from tests.naive.client import NaiveClient

HEARD = "good morning"
ANSWER = "42"
WORK_S = 1.5
LOOK_S = 0.02
_ONE_AT_A_TIME = threading.Lock()
"""Making a store's schema is not for two threads of one process: Alembic keeps its place in globals."""

Line = tuple[str, str]
"""Role and text."""


class Talker(Protocol):
    """One of the two in a talk."""

    @property
    def failure(self) -> str | None:
        """What a person was told of a failure."""
        ...

    async def ask(self, text: str) -> None:
        """Type something that wants an answer."""
        ...

    async def speak(self, pcm: bytes) -> None:
        """Say something, at real time."""
        ...

    async def lines(self) -> list[Line]:
        """What was said, in the order in which a person would read it."""
        ...

    @property
    def played_ms(self) -> int:
        """How much sound was played."""
        ...


Open = Callable[[RealtimeMock, Path, float], AbstractAsyncContextManager[Talker]]


class _Naive:
    def __init__(self, client: NaiveClient) -> None:
        self._client = client
        self.failure: str | None = None

    async def ask(self, text: str) -> None:
        await self._client.add(type="message", role="user", content=[{"type": "input_text", "text": text}])

    async def speak(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 960):
            await self._client.send("input_audio_buffer.append", audio=_base64(pcm[start : start + 960]))
            await asyncio.sleep(LOOK_S)

    async def lines(self) -> list[Line]:
        return list(self._client.lines)

    @property
    def played_ms(self) -> int:
        return len(self._client.sound) // 48


def _base64(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


def _work() -> str:
    time.sleep(WORK_S)  # as such a tool does: it queries a database and returns
    return ANSWER


@asynccontextmanager
async def naive(mock: RealtimeMock, folder: Path, response_s: float) -> AsyncIterator[Talker]:
    """The naive client; whatever ends it is raised in the block's place."""
    del folder, response_s
    async with websockets.connect(mock.ws_url, additional_headers=mock.headers) as socket:
        client = NaiveClient(socket, _work)
        names = ("background_agent", "remain_silent")
        parameters = {"type": "object", "properties": {}}
        tools = [{"type": "function", "name": name, "parameters": parameters} for name in names]
        heard = {"input": {"transcription": {"model": "whisper-1"}}}
        session = {"type": "realtime", "instructions": f"heard: {HEARD}", "tools": tools, "audio": heard}
        await client.send("session.update", session=session)
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(_read(client))
            yield _Naive(client)
            reader.cancel()


async def _read(client: NaiveClient) -> None:
    await client.run()
    raise ConnectionError("the connection has ended")


class _Gateway:
    def __init__(self, client: RpcClient, thread: str) -> None:
        self._client = client
        self._thread = thread

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._client.call(f"thread/realtime/{method}", threadId=self._thread, **params)

    async def ask(self, text: str) -> None:
        try:
            await self.call("appendText", text=text, respond=True)
        except RefusedError as refused:
            if self.failure is None:
                raise ConnectionError(refused.name) from None

    async def speak(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 960):
            audio = {"data": _base64(pcm[start : start + 960]), "sampleRate": 24_000, "numChannels": 1}
            await self.call("appendAudio", audio=audio)
            await asyncio.sleep(LOOK_S)

    async def lines(self) -> list[Line]:
        """The items of the thread, each where its first record stands."""
        items: dict[str, Line] = {}
        for told in self._client.notifications:
            if told.method in ("item/started", "item/completed") and told.item["type"].endswith("Message"):
                items[told.item["id"]] = (told.item["type"].removesuffix("Message"), told.item.get("text") or "")
        return list(items.values())

    @property
    def failure(self) -> str | None:
        """An error or an end that nobody asked for."""
        return next((str(told.params) for told in self._client.notifications if _is_failure(told)), None)

    @property
    def played_ms(self) -> int:
        audio = [told.params["audio"]["data"] for told in self._client.named("thread/realtime/outputAudio/delta")]
        return sum(len(base64.b64decode(data)) for data in audio) // 48


def _is_failure(told: Notification) -> bool:
    return told.method == "thread/realtime/error" or (
        told.method == "thread/realtime/closed" and told.params["reason"] != "requested"
    )


@asynccontextmanager
async def gateway(mock: RealtimeMock, folder: Path, response_s: float) -> AsyncIterator[Talker]:
    """The gateway before the mock, and a client of its; ``response_s`` is when a silent response is given up."""
    upstream = {"base_url": mock.base_url, "api_key": mock.key}
    async with AsyncExitStack() as stack:
        with _ONE_AT_A_TIME:
            url = await stack.enter_async_context(
                opened(
                    folder,
                    upstream=upstream,
                    session={"prompt": f"heard: {HEARD}"},
                    agent={"spec": "embedded"},
                    limits={"response_s": response_s},
                )
            )
        client = await stack.enter_async_context(connected(url))
        talker = _Gateway(client, await client.start_thread())
        await talker.call("start", outputModality="audio")
        ended = ("thread/realtime/started", "thread/realtime/error")
        await client.until(lambda told: told.method in ended)
        yield talker


GIVES_UP = (WebSocketException, OSError, RuntimeError, ValueError, ExceptionGroup)
"""How the naive client ends."""
