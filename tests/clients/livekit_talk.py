"""LiveKit's realtime client, without a room. Plays one scene and prints what it saw as JSON.

Usage: livekit_talk.py BASE_URL SCENE
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import sys
from array import array
from collections.abc import Awaitable, Callable
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool, llm
from livekit.plugins.openai.realtime import RealtimeModel, RealtimeSession

RATE = 24_000
PATIENCE_S = 20.0
HEARD = "heard: good morning"


class Clerk(Agent):
    def __init__(self, used: list[str]) -> None:
        super().__init__(instructions="You are a clerk.")
        self._used = used

    @function_tool
    async def get_weather(self, city: str) -> str:
        """The weather of a city."""
        self._used.append(city)
        return f"sunny in {city}"


def chat(context: llm.ChatContext) -> list[tuple[str, str | None]]:
    return [(item.role, item.text_content) for item in context.items if item.type == "message"]


def sound(ms: int, amplitude: int) -> rtc.AudioFrame:
    count = ms * RATE // 1000
    samples = array("h", (int(amplitude * math.sin(2 * math.pi * 440 * at / RATE)) for at in range(count)))
    return rtc.AudioFrame(samples.tobytes(), RATE, 1, count)


async def agent(model: RealtimeModel, *turns: str) -> dict[str, Any]:
    """Typed turns with the whole agent around the model."""
    used: list[str] = []
    errors: list[str] = []
    async with AgentSession(llm=model) as session:
        session.on("error", lambda event: errors.append(str(event.error)))
        await session.start(Clerk(used))
        for turn in turns:
            await session.run(user_input=turn)
        return {"chat": chat(session.history), "used": used, "errors": errors}


async def text(model: RealtimeModel) -> dict[str, Any]:
    return await agent(model, "hello from LiveKit", "and once more")


async def tool(model: RealtimeModel) -> dict[str, Any]:
    return await agent(model, 'please call get_weather with {"city": "Oslo"}')


async def spoken(model: RealtimeModel) -> dict[str, Any]:
    """A turn by voice with the model alone."""
    session = model.session()
    heard: asyncio.Queue[str] = asyncio.Queue()
    answers: asyncio.Queue[llm.GenerationCreatedEvent] = asyncio.Queue()
    errors: list[str] = []

    def note(event: llm.InputTranscriptionCompleted) -> None:
        if event.is_final:
            heard.put_nowait(event.transcript)

    session.on("input_audio_transcription_completed", note)
    session.on("generation_created", answers.put_nowait)
    session.on("error", lambda event: errors.append(str(event.error)))
    try:
        await session.update_instructions(HEARD)
        for piece in (sound(200, 0), sound(500, 8000), sound(3000, 0)):
            session.push_audio(piece)
        said, spoken_ms = await listen(await answers.get())
        return {"heard": await heard.get(), "said": said, "spoken_ms": spoken_ms, "errors": errors}
    finally:
        await session.aclose()


async def interrupted(model: RealtimeModel) -> dict[str, Any]:
    """An answer that the client ends, cut to what was heard, and a turn after it."""
    session = model.session()
    errors: list[str] = []
    session.on("error", lambda event: errors.append(str(event.error)))
    try:
        first = await ask(session, "please count to twenty slowly")
        message = await anext(aiter(first.message_stream))
        await anext(aiter(message.audio_stream))
        session.interrupt()
        session.truncate(message_id=message.message_id, modalities=["audio"], audio_end_ms=50, audio_transcript="One")
        said, spoken_ms = await listen(await ask(session, "are you there"))
        return {"said": said, "spoken_ms": spoken_ms, "chat": chat(session.chat_ctx), "errors": errors}
    finally:
        await session.aclose()


async def ask(session: RealtimeSession, words: str) -> llm.GenerationCreatedEvent:
    context = session.chat_ctx.copy()
    context.add_message(role="user", content=words)
    await session.update_chat_ctx(context)
    return await session.generate_reply()


async def listen(answer: llm.GenerationCreatedEvent) -> tuple[str, float]:
    """The words and the length in ms of the first message of an answer."""
    message = await anext(aiter(answer.message_stream))
    said = "".join([str(delta) async for delta in message.text_stream])
    return said, 1000 * sum([frame.duration async for frame in message.audio_stream])


SCENES: dict[str, Callable[[RealtimeModel], Awaitable[dict[str, Any]]]] = {
    "text": text,
    "tool": tool,
    "spoken": spoken,
    "interrupted": interrupted,
}


async def main(base_url: str, scene: str) -> None:
    model = RealtimeModel(model="gpt-realtime", base_url=base_url, api_key="sk-any")
    try:
        async with asyncio.timeout(PATIENCE_S):
            seen = await SCENES[scene](model)
    finally:
        await model.aclose()
    print(json.dumps(seen))


logging.basicConfig(stream=sys.stderr, level=logging.INFO)
asyncio.run(main(*sys.argv[1:]))
