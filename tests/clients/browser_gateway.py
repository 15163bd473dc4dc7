"""Chromium with the agents SDK as a client of ``voxgate serve``, inside a network that is this machine's loopback.

The page comes from another origin than the gateway and has a client secret, no token. What it saw, and what
the thread holds, is the last line that is printed, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from realtime.mock.server import MockServer
from tests.clients.browser_talk import HEARD, PATIENCE_S, TESTING, browser, served
from tests.gateway.process import Serve, serving
from tests.gateway.records import completed
from tests.mock.presence import no_session

TOKEN = "the-token-of-the-server-of-the-page"
SCRIPT = """
const { RealtimeAgent, RealtimeSession, OpenAIRealtimeWebRTC, tool } = OpenAIAgentsRealtime;
const given = new URLSearchParams(location.search);
const calls = `${given.get("gateway")}/v1/realtime/calls`;
const weather = tool({
  name: "get_weather",
  description: "The weather of a city.",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
  execute: async ({ city }) => `sunny in ${city}`,
});
const agent = new RealtimeAgent({ name: "tests", instructions: "heard: HEARD", tools: [weather] });
const transport = new OpenAIRealtimeWebRTC({ baseUrl: calls });
const session = new RealtimeSession(agent, { transport });
const sounds = async () => {
  const energy = async () => {
    const stats = await transport.connectionState.peerConnection.getStats();
    return [...stats.values()].find((each) => each.type === "inbound-rtp").totalAudioEnergy;
  };
  const before = await energy();
  while ((await energy()) <= before) await new Promise((go) => setTimeout(go, 20));
};
const errors = [];
const results = [];
session.on("transport_event", (event) => seen.push(event));
session.on("error", (error) => errors.push(error));
session.on("agent_tool_end", (context, agent, used, result) => results.push([used.name, result]));
await session.connect({ apiKey: given.get("secret") });
await came("input_audio_buffer.speech_started");
await came("output_audio_buffer.stopped");
session.sendMessage("how are you");
await came("output_audio_buffer.stopped", 2);
session.sendMessage('please call get_weather with {"city": "Oslo"}');
await came("output_audio_buffer.stopped", 3);
session.sendMessage("please count to twenty slowly");
await came("output_audio_buffer.started", 4);
await sounds();
session.interrupt();
await came("output_audio_buffer.cleared");
await came("response.done", 5);
const { callId } = transport;
session.close();
const headers = { Authorization: `Bearer ${given.get("secret")}`, "Content-Type": "application/sdp" };
const again = await fetch(calls, { method: "POST", headers, body: "v=0" });
const refused = [again.status, (await again.json()).error.code];
await tell({ callId, results, refused, history: session.history, errors: errors.map(String) });
"""
PAGE = (
    '<audio autoplay></audio><script src="/sdk.js"></script>'
    f'<script type="module">{TESTING}{SCRIPT.replace("HEARD", HEARD)}</script>'
)


class Owner:
    """The page's own server: it has the token, and asks the gateway by HTTP."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def secret(self) -> str:
        """A client secret for one page."""
        wanted = {"session": {"type": "realtime", "model": "gpt-realtime"}}
        async with self._http.post("/v1/realtime/client_secrets", json=wanted) as answer:
            return str((await answer.json())["value"])

    async def said(self) -> list[tuple[str, str, str]]:
        """Who said what, and how it ended, of what the only thread holds, once its call is over."""
        (thread,) = (await self._get("/v1/threads"))["data"]
        await completed(self._http, thread["id"], lambda item: item["type"] == "session")
        found = (await self._get(f"/v1/threads/{thread['id']}"))["thread"]
        items = [item for item in found["items"] if item["type"] in ("userMessage", "assistantMessage")]
        return [(item["type"].removesuffix("Message"), item["text"], item["status"]) for item in items]

    async def _get(self, path: str) -> Any:
        async with self._http.get(path) as answer:
            return await answer.json()


@asynccontextmanager
async def gateway(folder: Path, answered_by: str, origin: str) -> AsyncIterator[str]:
    """The address of one that lets this origin in; before a mock, or with the embedded model."""
    tokens = folder / "tokens"
    tokens.write_text(TOKEN)
    settings = {"server.allowed_origins": json.dumps([origin]), "server.auth_tokens_file": str(tokens)}
    settings |= {"speech.engines": "off", "upstream.api_key": "any-key"}
    async with MockServer(seed=7, log=folder / "frames.jsonl") as mock:
        if answered_by == "embedded":
            settings |= {"upstream.base_url": "embedded"}
        else:
            settings |= {"upstream.base_url": mock.base_url, "session.webrtc": answered_by}
        async with serving(Serve(os.environ, folder / "data", settings)) as process:
            yield process.url
        await no_session(mock)


async def main(folder: Path, answered_by: str) -> None:
    """The offer is answered by the ``gateway`` or the ``upstream``; ``embedded`` has the model in the gateway too."""
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        asyncio.timeout(PATIENCE_S),
        served(PAGE, told) as page,
        gateway(folder, answered_by, page.removesuffix("/")) as url,
        aiohttp.ClientSession(url, headers=headers) as http,
    ):
        owner = Owner(http)
        query = urlencode({"gateway": url, "secret": await owner.secret()})
        async with browser(f"{page}?{query}", folder):
            seen = json.loads(await told)
        if "problem" not in seen:
            seen["said"] = await owner.said()
    print(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
