"""A whole gateway with its doors open on a socket, in the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from realtime.gateway import Gateway
from realtime.mock.embedded import embedded_model
from realtime.mock.script import load_script
from realtime.mock.speech.studio import Studio
from realtime.server.app import serving
from realtime.settings import LimitsSettings, ServerSettings, Settings, StoreSettings, UpstreamSettings
from tests.gateway.rpc_client import Notification, RpcClient


def settings_for(
    folder: Path, *, upstream: str = "embedded", key: str = "k" * 20, reconnect: bool = True, **limits: Any
) -> Settings:
    """A gateway on a free port; ``upstream`` is an http address or ``embedded``."""
    return Settings(
        upstream=UpstreamSettings(
            base_url=upstream, api_key=SecretStr(key), connect_timeout_s=0.5, reconnect=reconnect
        ),
        store=StoreSettings(url=f"sqlite:///{folder / 'fuzz.db'}"),
        server=ServerSettings(port=0, max_sessions=32, console_upstream=False),
        limits=LimitsSettings(**{"orphan_s": 1.0, "reconnect_s": 1.0, "drain_s": 3.0, **limits}),
        data=folder,
    )


@asynccontextmanager
async def served(settings: Settings, studio: Studio | None = None) -> AsyncIterator[str]:
    """The address of a running gateway, ``http://127.0.0.1:PORT/``; by a ``studio`` that runs it hears and speaks."""
    async with AsyncExitStack() as stack:
        if settings.upstream.embedded:
            model = await stack.enter_async_context(embedded_model(load_script("assistant"), studio))
            gateway = Gateway(settings, model.connect, breaks=(model.breaks,))
        else:
            gateway = Gateway(settings)
        await stack.enter_async_context(gateway.running())
        doors = serving(gateway, settings.server, settings.limits, gateway.telemetry)
        yield await stack.enter_async_context(doors)


async def good_talk(client: RpcClient, words: str = "hello") -> str:
    """A talk as it should be; returns what the voice answered."""
    thread_id = await client.start_thread()
    begin = len(client.notifications)
    await client.call("thread/realtime/start", threadId=thread_id, outputModality="text")
    await client.call("thread/realtime/appendText", threadId=thread_id, text=words)
    answer = await client.until(
        lambda seen: (
            seen.method == "item/completed"
            and seen.params["threadId"] == thread_id
            and seen.item.get("type") == "assistantMessage"
        ),
        after=begin,
    )
    await client.call("thread/realtime/stop", threadId=thread_id)
    return str(answer.item["text"])


async def bad_call(client: RpcClient, model: str, over: asyncio.Event) -> list[Notification]:
    """A call with a hostile model, until it ends or the model has said all; returns what the client was told."""
    thread_id = await client.start_thread()
    begin = len(client.notifications)
    await client.call("thread/realtime/start", threadId=thread_id, outputModality="audio", model=model)
    await client.until("thread/realtime/started", after=begin)
    async with asyncio.TaskGroup() as group:
        ended = group.create_task(client.until("thread/realtime/closed", after=begin, within_s=600))
        said_all = group.create_task(over.wait())
        await asyncio.wait((ended, said_all), return_when=asyncio.FIRST_COMPLETED)
        await client.call("thread/realtime/stop", threadId=thread_id)
        await ended
        said_all.cancel()
    return client.notifications[begin:]
