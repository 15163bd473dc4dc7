"""A talk of one minute's worth of everything, held in a second: typed, spoken, silent, handed over and steered.

The person waits for each answer, and says again what was lost with the connection; nothing else is done about
a cut. What came of it is the folded thread.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from realtime.mock.model import ModelSettings
from realtime.mock.server import MockServer
from realtime.session.config import words
from tests.gateway import errands
from tests.gateway.in_process import opened
from tests.gateway.rpc_client import Notification, RpcClient, connected

RATE = 24_000
HEARD = "what is twelve times twelve, ask the agent"
MODEL = ModelSettings(think_s=0.12, pace_s=0.005, transcription_delay_s=0.0)
"""Quick, and with the words of the person there before the answer begins."""
CHUNK_MS = 100
CHUNK_S = 0.005
"""The person speaks quickly, but not so quickly that a sentence is over before its loss is known."""

RECONNECTING, RESUMED = "thread/realtime/reconnecting", "thread/realtime/resumed"

Item = dict[str, Any]


class Talk:
    """One talk through a gateway; ``client`` keeps all that was notified, ``log_file`` what the mock saw."""

    def __init__(self, client: RpcClient, thread_id: str, log_file: Path) -> None:
        self.client = client
        self.log_file = log_file
        self.thread_id = thread_id
        self._known = 0

    async def hold(self, at_rest: Callable[[], None] | None = None) -> None:
        """From start to stop; ``at_rest`` is called in the middle, when nothing goes on but a hand-off."""
        pointer, steered = words().result_pointer, words().steered
        await self._call("thread/realtime/start", outputModality="audio")
        await self.client.until("thread/realtime/started")
        await self._type("good morning", "good morning")
        await self._speak(f"{errands.QUICK} {pointer}")
        await self._type("please stay silent", None)
        await self._type("do the slow work, ask the agent", None)
        await self.client.until(lambda told: told.params.get("state") == "progress")
        if at_rest is not None:
            at_rest()
            await self.client.until(RESUMED)
        await self._type("use blue paper, ask the agent", steered)
        await self._call("turn/steer", input=[{"type": "text", "text": errands.GO}])
        await self._answer(f"{errands.DONE} {pointer}")
        await self._type("goodbye", "goodbye")
        await self._call("thread/realtime/stop")
        await self.client.until("thread/realtime/closed")
        await self.client.until(
            lambda told: (told.item.get("type"), told.item.get("status")) == ("session", "completed")
        )

    async def items(self) -> list[Item]:
        """The folded thread."""
        thread = await self.client.call("thread/read", threadId=self.thread_id)
        folded: list[Item] = thread["thread"]["items"]
        return folded

    async def _call(self, method: str, **params: Any) -> None:
        await self.client.call(method, threadId=self.thread_id, **params)

    async def _type(self, text: str, answer: str | None) -> None:
        self._known = len(self.client.notifications)
        await self._call("thread/realtime/appendText", text=text, respond=True)
        if answer is not None:
            await self._answer(answer)
        else:
            await self.client.until(lambda told: told.params.get("responseActive") is True, after=self._known)
            await self._rest()

    async def _speak(self, answer: str) -> None:
        """Until the words have arrived."""
        while not await self._say_once():
            await self.client.until(RESUMED, after=self._known)
        await self._answer(answer)

    async def _say_once(self) -> bool:
        """False when the connection was lost before the gateway had the words."""
        self._known = len(self.client.notifications)
        for chunk in utterance():
            await self._call("thread/realtime/appendAudio", audio=chunk)
            await asyncio.sleep(CHUNK_S)  # the person's pace
            if not self._connected():
                break
        await self.client.until(lambda told: _heard(told) or _lost(told), after=self._known)
        return any(_heard(told) for told in self.client.notifications[self._known :])

    async def _answer(self, text: str) -> None:
        """Wait for an answer that was said to its end, or the part of it that had not been said before."""
        told = await self.client.until(lambda told: _said(told, text), after=self._known)
        played = {"itemId": told.item["id"], "playedMs": told.item["audioMs"]}
        await self._call("thread/realtime/played", **played)
        await self._rest()

    async def _rest(self) -> None:
        """Wait until nobody speaks and the connection stands."""
        while not self._resting():
            before = len(self.client.notifications)
            await self.client.until(lambda told: True, after=before)

    def _resting(self) -> bool:
        state = self.client.named("thread/realtime/state")[-1].params
        quiet = not (state["responseActive"] or state["responseWanted"] or state["speaking"])
        return quiet and self._connected()

    def _connected(self) -> bool:
        told = [told.method for told in self.client.notifications]
        away = [name for name in told if name in (RECONNECTING, RESUMED)]
        return not away or away[-1] == RESUMED


def utterance() -> list[Item]:
    """A tone with silence around it, in chunks."""
    tone = 6000 * np.sin(np.arange(int(RATE * 0.4)) * 2 * np.pi * 300 / RATE)
    quiet = np.zeros(int(RATE * 0.3))
    pcm = np.concatenate([quiet, tone, quiet, quiet]).astype("<i2").tobytes()
    size = RATE * CHUNK_MS // 1000 * 2
    pieces = [pcm[start : start + size] for start in range(0, len(pcm), size)]
    return [{"data": base64.b64encode(each).decode(), "sampleRate": RATE, "numChannels": 1} for each in pieces]


@asynccontextmanager
async def talking(folder: Path, key: str) -> AsyncIterator[tuple[Talk, MockServer]]:
    """A gateway with its doors, a mock behind it, and somebody who is about to talk. The folder must exist."""
    server = MockServer(seed=1, log=folder / "mock.jsonl")
    server.mock.settings = MODEL
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(server)
        sections = {
            "upstream": {"base_url": server.base_url, "api_key": key},
            "session": {"prompt": f"heard: {HEARD}"},
            "agent": {"spec": errands.SPEC},
        }
        address = await stack.enter_async_context(opened(folder, **sections))
        client = await stack.enter_async_context(connected(address))
        yield Talk(client, await client.start_thread(), folder / "mock.jsonl"), server


def _heard(told: Notification) -> bool:
    """Told live, as a loss is: the record may still be on its way to the disk when the connection is back."""
    return told.method == "thread/realtime/transcript/done" and told.params["text"] == HEARD


def _lost(told: Notification) -> bool:
    return told.method == RESUMED


def _said(told: Notification, text: str) -> bool:
    if told.method != "item/completed" or told.item["type"] != "assistantMessage":
        return False
    said = told.item["text"]
    return told.item["status"] == "completed" and bool(said) and (said in text or text in said)
