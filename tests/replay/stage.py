"""The stage of a scenario: a client on one side, an upstream and an agent's service on the other, the gateway between.

What a scenario compares is bare: frames without the ids that the gateway gives, notifications without the thread's id
and without the members that it adds to its clients' vocabulary.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.agents.service import COMPLETED, CREATED, Script, Service, Write, message
from tests.agents.service import serving as serving_agent
from tests.canary import Canary
from tests.gateway.in_process import opened
from tests.gateway.rpc_client import Notification, RpcClient, connected
from tests.replay.upstream import Connection, Event, Upstream, listening

REALTIME = "thread/realtime/"
SHOWN = ("started", "closed", "error", "itemAdded", "transcript/delta", "transcript/done", "outputAudio/delta")
ADDED = ("threadId", "itemId", "responseId", "realtimeSessionId", "retryable")
MARK = "mark"


@dataclass(frozen=True, slots=True)
class Play:
    """What a scenario needs beforehand: settings by section, and what the agent's service says."""

    canary: Canary
    folder: Path
    agent: Script | int = 500
    upstream: Mapping[str, Any] = field(default_factory=dict)
    session: Mapping[str, Any] = field(default_factory=dict)


class Stage:
    """A scenario that runs. ``thread`` is its thread; the first connection is meant where none is named."""

    def __init__(self, client: RpcClient, upstream: Upstream, agent: Service) -> None:
        self.client = client
        self.upstream = upstream
        self.agent = agent
        self.thread = ""
        self._marks = 0

    # -- doing ---------------------------------------------------------------------------------------

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A call of ``thread/realtime/…`` on the thread; raises ``RefusedError``."""
        return await self.client.call(REALTIME + method, **{"threadId": self.thread, **params})

    async def start(self, **params: Any) -> Connection:
        """Begin a call with a plain prompt, unless the scenario has its own; the connection, once it is configured."""
        number = len(self.upstream.connections)
        given = {"outputModality": "audio", "prompt": "be a voice", **params}
        assert await self.call("start", **given) == {}
        connection = await self.upstream.connection(number)
        await connection.got("session.update")
        return connection

    async def push(self, *events: Event, to: int = 0) -> None:
        """The upstream says something; returns when the gateway has taken it in and sent what it sends for it."""
        connection = self.upstream.connections[to]
        await connection.push(*events)
        await self.settle(to=to)

    async def settle(self, *, to: int = 0) -> None:
        """Wait until a mark has gone all the way: from the upstream to the client, and back as a frame."""
        connection = self.upstream.connections[to]
        self._marks += 1
        name = f"{MARK} {self._marks}"
        await connection.push({"type": "conversation.item.added", "item": {"id": name, "type": MARK}})
        marked = await self.client.until(lambda told: told.params.get("item", {}).get("id") == name)
        back = sum(frame["type"] == "input_audio_buffer.clear" for frame in connection.frames)
        await self.client.call(f"{REALTIME}clearAudio", threadId=marked.params["threadId"])
        await connection.got("input_audio_buffer.clear", back + 1)

    async def turn_over(self) -> None:
        """Wait until the agent's turn has ended, and the gateway has told the upstream."""
        await self.client.until("turn/completed")

    async def stop(self) -> None:
        """End the call and wait until the upstream has seen all of it."""
        before = len(self.client.notifications)
        assert await self.call("stop") == {}
        await self.client.until(f"{REALTIME}closed", after=before)
        await self.upstream.connections[-1].ended.wait()

    # -- looking -------------------------------------------------------------------------------------

    def frames(self, number: int = 0) -> list[Event]:
        """What a connection brought after ``session.update``, bare and without marks."""
        return [bare(frame) for frame in self.upstream.connections[number].frames[1:] if _counts(frame)]

    def session(self, number: int = 0) -> Event:
        """The body of a connection's ``session.update``."""
        update = self.upstream.connections[number].frames[0]
        assert update["type"] == "session.update"
        session: Event = update["session"]
        return session

    def told(self, thread: str | None = None) -> list[tuple[str, Event]]:
        """What the client was told of a thread's call, bare and without marks, ``started`` and ``closed`` as well."""
        about = [told for told in self.client.notifications if told.params.get("threadId") == (thread or self.thread)]
        return [_lean(told) for told in about if _is_shown(told)]

    def between(self) -> list[tuple[str, Event]]:
        """The same without the ``started`` that it begins with and the ``closed`` that it ends with."""
        told = self.told()
        assert told[0][0] == "started"
        assert told[-1] == ("closed", {"reason": "requested"})
        return told[1:-1]


@asynccontextmanager
async def staged(play: Play) -> AsyncIterator[Stage]:
    """The stage with a thread, for the length of the block."""
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(listening())
        agent = await stack.enter_async_context(serving_agent(play.agent))
        sections: dict[str, Mapping[str, Any]] = {
            "upstream": {
                "base_url": upstream.base_url,
                "api_key": play.canary.key,
                "reconnect": False,
                "retries": 0,
                **play.upstream,
            },
            "session": play.session,
            "agent": {"spec": "responses", "base_url": agent.url, "api_key": play.canary.key, "model": "worker"},
        }
        address = await stack.enter_async_context(opened(play.folder, **sections))
        client = await stack.enter_async_context(connected(address, play.canary))
        stage = Stage(client, upstream, agent)
        stage.thread = await client.start_thread()
        yield stage


# -- what scenarios are made of --------------------------------------------------------------------------


def agent_call(call_id: str, arguments: str, name: str = "background_agent") -> Event:
    """A complete function call of the voice."""
    item = {"id": f"item_{call_id}", "type": "function_call", "name": name, "call_id": call_id, "arguments": arguments}
    return {"type": "conversation.item.done", "item": item}


def response(state: str, response_id: str) -> Event:
    """A response has begun or ended."""
    return {"type": f"response.{state}", "response": {"id": response_id}}


def heard(text: str) -> Event:
    """Spoken words."""
    return {"type": "conversation.item.input_audio_transcription.completed", "transcript": text}


def user_item(text: str) -> Event:
    """The frame that adds words of the person or the agent to the conversation."""
    content = [{"type": "input_text", "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}}


def output(call_id: str, words: str) -> Event:
    """The frame that answers a function call."""
    item = {"type": "function_call_output", "call_id": call_id, "output": words}
    return {"type": "conversation.item.create", "item": item}


CREATE: Event = {"type": "response.create"}


def held(gate: Callable[[], Awaitable[object]], *texts: str) -> Script:
    """An agent that holds back what it says until the gate opens; a request after the first is answered at once."""

    async def script(number: int, write: Write) -> None:
        await write(CREATED)
        if number == 0:
            await gate()
        await write(message(texts[min(number, len(texts) - 1)]))
        await write(COMPLETED)

    return script


# -- leaving out -----------------------------------------------------------------------------------------


def bare(frame: Event) -> Event:
    """A frame without ids of the gateway's making."""
    kept = {name: value for name, value in frame.items() if name not in ("event_id", "response")}
    if isinstance(item := frame.get("item"), dict):
        kept["item"] = {name: value for name, value in item.items() if name != "id"}
    return kept


def _counts(frame: Event) -> bool:
    return bool(frame["type"] != "input_audio_buffer.clear")


def _is_shown(told: Notification) -> bool:
    shown = told.method.removeprefix(REALTIME) in SHOWN
    return shown and (told.params.get("item") or {}).get("type") != MARK


def _lean(told: Notification) -> tuple[str, Event]:
    params = {name: value for name, value in told.params.items() if name not in ADDED}
    return told.method.removeprefix(REALTIME), params
