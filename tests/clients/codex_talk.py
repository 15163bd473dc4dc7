"""The codex binary as a client of the mock, both inside a network that is nothing but this machine's loopback.

Usage: python -m tests.clients.codex_talk CODEX FOLDER SCENE. The frames lie in FOLDER/frames.jsonl afterwards;
what codex told its own client is printed as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from realtime.mock.reply import Context, Reply, say
from realtime.mock.server import MockServer
from tests.mock.talk import base64_of, silence, tone

PATIENCE_S = 60.0
LISTENS = "listening on:"
ANSWER = "there are three files"
POINTER = "Background agent finished. Use the preceding [BACKEND] messages as the result."
"""What codex gives as the call's output; the mock reads it out after the agent's own words."""
CONFIG = """
model = "mock-model"
model_provider = "mock"
approval_policy = "never"
sandbox_mode = "read-only"
check_for_update_on_startup = false
experimental_realtime_ws_base_url = "{base_url}"
experimental_realtime_ws_startup_context = ""

[model_providers.mock]
name = "mock"
base_url = "{base_url}"
env_key = "MOCK_API_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0

[features]
realtime_conversation = true

[realtime]
version = "v2"
"""


class Agent:
    """What the Responses API answers."""

    def reply(self, context: Context) -> Reply:
        """The same whatever is asked, so that it can only have come from here."""
        del context
        return say(ANSWER)


class Codex:
    """The app-server's own client: calls, and everything that it is told."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._calls = 0
        self.notes: list[Any] = []
        self.thread = ""

    async def call(self, method: str, **params: Any) -> Any:
        """The result; notifications that come before it are kept."""
        self._calls += 1
        await self._socket.send(json.dumps({"id": self._calls, "method": method, "params": params}))
        while (message := await self._next()).get("id") != self._calls:
            pass
        assert "result" in message, message
        return message["result"]

    async def until(self, method: str, **members: Any) -> Any:
        """The first notification of this name and with these members, from the beginning on."""
        seen = 0
        while True:
            for note in self.notes[seen:]:
                if note["method"] == method and members.items() <= note["params"].items():
                    return note["params"]
            seen = len(self.notes)
            await self._next()

    async def open(self, *heard: str) -> None:
        """A thread with a voice session; ``heard`` is what the mock will understand, turn by turn."""
        client = {"name": "tests", "title": "tests", "version": "0"}
        await self.call("initialize", clientInfo=client, capabilities={"experimentalApi": True})
        await self._socket.send(json.dumps({"method": "initialized"}))
        self.thread = (await self.call("thread/start"))["thread"]["id"]
        prompt = "\n".join(f"heard: {words}" for words in heard)
        await self.call("thread/realtime/start", threadId=self.thread, outputModality="audio", prompt=prompt)
        await self.until("thread/realtime/started")

    async def speak(self) -> None:
        """A turn by voice: sound, and the silence that ends it."""
        pcm, size = tone(600) + silence(800), len(tone(100))
        for start in range(0, len(pcm), size):
            audio = {"data": base64_of(pcm[start : start + size]), "sampleRate": 24000, "numChannels": 1}
            await self.call("thread/realtime/appendAudio", threadId=self.thread, audio=audio)

    async def said(self, text: str) -> None:
        """Wait until the model has said this."""
        await self.until("thread/realtime/transcript/done", role="assistant", text=text)

    async def close(self) -> None:
        """End the voice session."""
        await self.call("thread/realtime/stop", threadId=self.thread)
        await self.until("thread/realtime/closed")

    async def _next(self) -> Any:
        message = json.loads(await self._socket.recv())
        if "id" not in message:
            self.notes.append(message)
        return message


async def spoken(codex: Codex) -> None:
    await codex.open("good morning")
    await codex.speak()
    await codex.said("good morning")


async def handed_over(codex: Codex) -> None:
    await codex.open("please ask the agent how many files there are")
    await codex.speak()
    await codex.until("turn/completed")
    await codex.said(f"{ANSWER} {POINTER}")


async def called_by_name(codex: Codex) -> None:
    await codex.open('please call background_agent with {"prompt": "count the files"}')
    await codex.speak()
    await codex.until("turn/completed")
    await codex.said(f"{ANSWER} {POINTER}")


async def typed(codex: Codex) -> None:
    """Typed text asks for no answer by itself; what the model is told to say does."""
    await codex.open("nothing")
    await codex.call("thread/realtime/appendText", threadId=codex.thread, text="ask the agent to count the files")
    await codex.until("thread/realtime/itemAdded")
    await codex.call("thread/realtime/appendSpeech", threadId=codex.thread, text="One moment.")
    await codex.said("One moment.")
    await codex.until("turn/completed")
    await codex.said(f"{ANSWER} {POINTER}")


async def silent(codex: Codex) -> None:
    """A turn that is met with silence, then one that is answered: all that the first could cause has come by then."""
    await codex.open("please do not answer", "good morning")
    await codex.speak()
    await codex.until("thread/realtime/transcript/done", role="user", text="please do not answer")
    await codex.speak()
    await codex.said("good morning")


SCENES: dict[str, Callable[[Codex], Awaitable[None]]] = {
    "spoken": spoken,
    "handed_over": handed_over,
    "called_by_name": called_by_name,
    "typed": typed,
    "silent": silent,
}


@asynccontextmanager
async def app_server(binary: str, folder: Path, base_url: str) -> AsyncIterator[str]:
    """Runs codex; yields its address."""
    home = folder / "home"
    home.mkdir()
    (home / "config.toml").write_text(CONFIG.format(base_url=base_url), encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "CODEX_HOME": str(home), "MOCK_API_KEY": "sk-any"}
    command = [binary, "app-server", "--listen", "ws://127.0.0.1:0"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=home, env=environment, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
    )
    assert process.stderr is not None
    try:
        async for line in process.stderr:
            sys.stderr.write(line.decode())
            if LISTENS in line.decode():
                break
        else:
            raise AssertionError("codex did not start")
        async with asyncio.TaskGroup() as group:
            log = group.create_task(_follow(process.stderr))
            yield line.decode().partition(LISTENS)[2].strip()
            log.cancel()
    finally:
        process.kill()
        await process.wait()


async def _follow(stream: asyncio.StreamReader) -> None:
    async for line in stream:
        sys.stderr.write(line.decode(errors="replace"))


async def main(binary: str, folder: Path, scene: str) -> None:
    server = MockServer(seed=7, log=folder / "frames.jsonl")
    server.mock.agent_script = Agent()
    async with (
        asyncio.timeout(PATIENCE_S),
        server,
        app_server(binary, folder, server.base_url) as url,
        connect(url) as socket,
    ):
        codex = Codex(socket)
        await SCENES[scene](codex)
        await codex.close()
    print(json.dumps({"notes": codex.notes}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
