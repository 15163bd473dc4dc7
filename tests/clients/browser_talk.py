"""Chromium as a client of the mock, both inside a network that is nothing but this machine's loopback.

The page comes from another origin than the mock. What it saw is the last line that is printed, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import wave
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from aiohttp import web

from realtime.mock.server import MockServer
from tests.loopback import listening
from tests.mock.presence import no_session

ROOT = Path(__file__).resolve().parent.parent.parent
RECIPE = ROOT / "docs" / "mock.md"
SDK = ROOT / "tests/clients/node_modules/@openai/agents-realtime/dist/bundle/openai-realtime-agents.umd.js"
PATIENCE_S = 60.0
RATE = 48_000
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
)

TESTING = """
const seen = [];
const until = async (right) => { while (!right()) await new Promise((go) => setTimeout(go, 20)); };
const came = (type, count = 1) => until(() => seen.filter((event) => event.type === type).length >= count);
const tell = (what) => fetch("/told", { method: "POST", body: JSON.stringify({ events: seen, ...what }) });
window.addEventListener("error", ({ message }) => tell({ problem: message }));
window.addEventListener("unhandledrejection", ({ reason }) => tell({ problem: String(reason) }));
"""
HEARD = "good morning"
PAGES = {
    "recipe": """
        events.addEventListener("message", ({ data }) => seen.push(JSON.parse(data)));
        const send = (event) => events.send(JSON.stringify(event));
        const ask = (text) => {
          const content = [{ type: "input_text", text }];
          send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
          send({ type: "response.create" });
        };
        await came("session.created");
        const input = { transcription: { model: "whisper-1" } };
        send({ type: "session.update", session: { type: "realtime", instructions: "heard: HEARD", audio: { input } } });
        await came("input_audio_buffer.speech_started");
        await came("output_audio_buffer.stopped");
        ask("how are you");
        await came("output_audio_buffer.stopped", 2);
        ask("please count to twenty slowly");
        await came("output_audio_buffer.started", 3);
        send({ type: "response.cancel" });
        send({ type: "output_audio_buffer.clear" });
        await came("output_audio_buffer.cleared");
        const stats = [...(await call.getStats()).values()].find((each) => each.type === "inbound-rtp");
        const location = answer.headers.get("Location");
        const closed = new Promise((over) => events.addEventListener("close", over));
        const headers = { Authorization: `Bearer any key` };
        await fetch(new URL(`${location}/hangup`, MOCK), { method: "POST", headers });
        await closed;
        await tell({ location, packets: stats.packetsReceived, energy: stats.totalAudioEnergy });
    """,
    "agents_sdk": """
        const { RealtimeAgent, RealtimeSession, OpenAIRealtimeWebRTC } = OpenAIAgentsRealtime;
        const agent = new RealtimeAgent({ name: "tests", instructions: "heard: HEARD" });
        const transport = new OpenAIRealtimeWebRTC({ baseUrl: `${MOCK}/realtime/calls` });
        const session = new RealtimeSession(agent, { transport });
        const errors = [];
        session.on("transport_event", (event) => seen.push(event));
        session.on("error", (error) => errors.push(error));
        const secret = await fetch(`${MOCK}/realtime/client_secrets`, {
          method: "POST",
          headers: { Authorization: "Bearer any key", "Content-Type": "application/json" },
          body: JSON.stringify({ session: { type: "realtime", model: "gpt-realtime" } }),
        });
        await session.connect({ apiKey: (await secret.json()).value });
        await came("input_audio_buffer.speech_started");
        await came("output_audio_buffer.stopped");
        session.sendMessage("how are you");
        await came("output_audio_buffer.stopped", 2);
        session.sendMessage("please count to twenty slowly");
        await came("output_audio_buffer.started", 3);
        session.interrupt();
        await came("output_audio_buffer.cleared");
        const { callId } = transport;
        session.close();
        await tell({ callId, history: session.history, errors: errors.map(String) });
    """,
}


def page(name: str, base_url: str) -> str:
    """The recipe is the one of the guide, with this mock's address."""
    (recipe,) = re.findall(r"^```js\n(.*?)^```$", RECIPE.read_text(), re.MULTILINE | re.DOTALL)
    address = f"const MOCK = {json.dumps(base_url)};"
    recipe, count = re.subn(r"^const MOCK = .*;$", address, recipe, flags=re.MULTILINE)
    assert count == 1
    beginning = recipe if name == "recipe" else address
    script = f"{TESTING}{beginning}{PAGES[name].replace('HEARD', HEARD)}"
    return f'<audio autoplay></audio><script src="/sdk.js"></script><script type="module">{script}</script>'


def write_voice(path: Path) -> None:
    """Three seconds of silence, something like a voice, and silence."""
    at = np.arange(RATE) / RATE
    voice = sum(np.sin(2 * np.pi * 150 * tone * at) / tone for tone in range(1, 12)) * (1 + np.sin(2 * np.pi * 4 * at))
    quiet = np.zeros(RATE)
    samples = np.concatenate([quiet, quiet, quiet, 5000 * voice, *[quiet] * 20]).clip(-32_000, 32_000)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", "NONE"))
        file.writeframes(samples.astype("<i2").tobytes())


@asynccontextmanager
async def served(text: str, told: asyncio.Future[str]) -> AsyncIterator[str]:
    """The page's own origin; what the page tells goes to ``told``."""

    async def show(request: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    async def hear(request: web.Request) -> web.Response:
        if not told.done():
            told.set_result(await request.text())
        return web.Response(status=204)

    async def sdk(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(SDK)

    app = web.Application(client_max_size=1 << 24)
    app.add_routes([web.get("/", show), web.post("/told", hear), web.get("/sdk.js", sdk)])
    async with listening(app) as address:
        yield f"{address}/"


@asynccontextmanager
async def browser(url: str, folder: Path) -> AsyncIterator[None]:
    """Chromium with this page open."""
    voice = folder / "voice.wav"
    write_voice(voice)
    flags = (*FLAGS, f"--user-data-dir={folder / 'profile'}", f"--use-file-for-fake-audio-capture={voice}%noloop")
    process = await asyncio.create_subprocess_exec("chromium", *flags, url, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def main(folder: Path, name: str) -> None:
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(PATIENCE_S), MockServer(seed=7, log=folder / "frames.jsonl") as server:
        async with served(page(name, server.base_url), told) as url, browser(url, folder):
            seen = json.loads(await told)
        await no_session(server)
    print(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
