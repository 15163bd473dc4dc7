"""What agents need of the API: the models, and the Responses API."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable

from aiohttp import web

from realtime.mock import edge
from realtime.mock.agent_api import AgentResponse, answer_request
from realtime.mock.host import MockHost
from realtime.mock.ids import Ids
from realtime.protocol import json
from realtime.protocol.json import JsonObject

_MODELS = ("gpt-realtime", "gpt-realtime-1.5", "gpt-realtime-2", "gpt-5.2")


class AgentDoor:
    """Answers by the mock's script, in one piece or streamed."""

    def __init__(self, host: MockHost, denied: Callable[[web.Request], web.Response | None]) -> None:
        self._host = host
        self._denied = denied
        self._ids = Ids(secrets.token_hex(8) if host.seed is None else f"{host.seed}/responses")

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get("/v1/models", self._models),
            web.get("/v1/models/{model}", self._model),
            web.post("/v1/responses", self._responses),
        ]

    async def _models(self, request: web.Request) -> web.Response:
        if (denied := self._denied(request)) is not None:
            return denied
        return edge.json_answer({"object": "list", "data": [_shown(name) for name in _MODELS]})

    async def _model(self, request: web.Request) -> web.Response:
        if (denied := self._denied(request)) is not None:
            return denied
        name = request.match_info["model"]
        if name not in _MODELS:
            return edge.error(404, "model_not_found", f"The model '{name}' does not exist.", param="model")
        return edge.json_answer(_shown(name))

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        if (denied := self._denied(request)) is not None:
            return denied
        body = await edge.body_of(request)
        script = self._host.agent_script or self._host.script
        answer = answer_request(body, script, self._ids, int(time.time()))
        if body.get("stream"):
            return await _streamed(request, answer)
        for step in answer.stream():
            if isinstance(step, float):
                await asyncio.sleep(step)
        return edge.json_answer(answer.body("failed" if answer.reply.failure else "completed"))


def _shown(model: str) -> JsonObject:
    return {"id": model, "object": "model", "created": 0, "owned_by": "voxgate"}


async def _streamed(request: web.Request, answer: AgentResponse) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await stream.prepare(request)
    for step in answer.stream():
        if isinstance(step, float):
            await asyncio.sleep(step)
        else:
            await stream.write(f"event: {step['type']}\ndata: {json.encode(step)}\n\n".encode())
    await stream.write_eof()
    return stream
