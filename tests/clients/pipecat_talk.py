"""Pipecat's realtime service in a pipeline without a transport. Plays one scene and prints what it saw as JSON.

Usage: pipecat_talk.py BASE_URL SCENE
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
from array import array
from collections.abc import Awaitable, Callable
from typing import Any

from pipecat.adapters.schemas.function_schema import FunctionSchema
from pipecat.adapters.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMMessagesAppendFrame,
    LLMRunFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime.events import AudioConfiguration, AudioInput, InputAudioTranscription
from pipecat.services.openai.realtime.events import SessionProperties as Session
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService as Service
from pipecat.workers.runner import WorkerRunner

RATE = 24_000
PATIENCE_S = 20.0
HEARD = "heard: good morning"
WEATHER = FunctionSchema("get_weather", "The weather of a city.", {"city": {"type": "string"}}, ["city"])


class Ear(FrameProcessor):
    """Notes what the service says; lets everything pass."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.audio_bytes = 0
        self.interruptions = 0
        self.spoke = asyncio.Event()
        self.answers: asyncio.Queue[None] = asyncio.Queue()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSTextFrame):
            self.said.append(frame.text)
        elif isinstance(frame, TTSAudioRawFrame):
            self.audio_bytes += len(frame.audio)
            self.spoke.set()
        elif isinstance(frame, InterruptionFrame):
            self.interruptions += 1
        elif isinstance(frame, LLMFullResponseEndFrame):
            self.answers.put_nowait(None)
        await self.push_frame(frame, direction)


class Mouth(FrameProcessor):
    """Where frames enter; notes the errors that come back up."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, ErrorFrame):
            self.errors.append(frame.error)
        await self.push_frame(frame, direction)


class Stage:
    """A pipeline around the service."""

    def __init__(self, base_url: str) -> None:
        hearing = AudioConfiguration(input=AudioInput(transcription=InputAudioTranscription()))
        settings = Service.Settings(
            model="gpt-realtime", system_instruction=HEARD, session_properties=Session(audio=hearing)
        )
        url = base_url.replace("http", "ws", 1) + "/realtime"
        service = Service(api_key="sk-any", base_url=url, settings=settings)
        service.register_function("get_weather", self._weather)
        self.context = LLMContext([], tools=ToolsSchema([WEATHER]))
        self.mouth, self.ear, self.used = Mouth(), Ear(), list[str]()
        pair = LLMContextAggregatorPair(self.context)
        self.worker = PipelineWorker(Pipeline([self.mouth, pair.user(), service, self.ear, pair.assistant()]))

    async def _weather(self, call: FunctionCallParams) -> None:
        self.used.append(call.arguments["city"])
        await call.result_callback(f"sunny in {call.arguments['city']}")

    async def type(self, words: str) -> None:
        await self.worker.queue_frame(LLMMessagesAppendFrame([{"role": "user", "content": words}], run_llm=True))

    async def speak(self) -> None:
        for piece in (sound(200, 0), sound(500, 8000), sound(3000, 0)):
            await self.worker.queue_frame(InputAudioRawFrame(piece, RATE, 1))


async def typed(stage: Stage) -> None:
    await stage.type("hello from Pipecat")
    await stage.ear.answers.get()


async def tool(stage: Stage) -> None:
    await stage.type('please call get_weather with {"city": "Oslo"}')
    await stage.ear.answers.get()
    await stage.ear.answers.get()


async def spoken(stage: Stage) -> None:
    await stage.worker.queue_frame(LLMRunFrame())
    await stage.ear.answers.get()
    await stage.speak()
    await stage.ear.answers.get()


async def interrupted(stage: Stage) -> None:
    await stage.type("please count to twenty slowly")
    await stage.ear.spoke.wait()
    await stage.speak()
    while not "".join(stage.ear.said).endswith("good morning"):
        await stage.ear.answers.get()


def sound(ms: int, amplitude: int) -> bytes:
    samples = (int(amplitude * math.sin(2 * math.pi * 440 * at / RATE)) for at in range(ms * RATE // 1000))
    return array("h", samples).tobytes()


SCENES: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "text": typed,
    "tool": tool,
    "spoken": spoken,
    "interrupted": interrupted,
}


async def main(base_url: str, scene: str) -> None:
    stage = Stage(base_url)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(stage.worker)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(runner.run())
        await SCENES[scene](stage)
        await stage.worker.queue_frame(EndFrame())
    seen: dict[str, Any] = {
        "said": "".join(stage.ear.said),
        "audio_bytes": stage.ear.audio_bytes,
        "interruptions": stage.ear.interruptions,
        "used": stage.used,
        "errors": stage.mouth.errors,
        "context": [message for message in stage.context.get_messages() if isinstance(message, dict)],
    }
    print(json.dumps(seen))


asyncio.run(main(*sys.argv[1:]))
