"""A background agent behind the Responses API: streamed requests, one after another, until nothing steers any more."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final, Literal

import openai
from openai import AsyncOpenAI, AsyncStream

from prompts import render
from realtime.agents.agent import AgentTask, AgentUpdate, Output, Progress
from realtime.errors import AgentError, ConfigurationError
from realtime.protocol.json import JsonObject
from realtime.settings import AgentSettings

DEFAULT_URL: Final = "https://api.openai.com/v1"
CONNECT_S: Final = 10.0
RETRIES: Final = 1
CONVERSATION: Final = {"live": "realtime_conversation", "ended": "realtime_conversation_ended"}


class ResponsesAgent:
    """Speaks the Responses API with an address and key of its own, never the voice model's.

    Each finished message is passed on at once. What steers the task while a request runs makes a
    further request after its answer; the task ends when a request is complete and nothing waits.
    """

    def __init__(self, settings: AgentSettings) -> None:
        if settings.api_key is None and settings.base_url is None:
            raise ConfigurationError("agent.api_key is not set, nor is agent.base_url", setting="agent.api_key")
        self._model = settings.model
        self._instructions = render("agent_instructions") if settings.instructions is None else settings.instructions
        self._client = AsyncOpenAI(
            api_key=settings.api_key.get_secret_value() if settings.api_key else "none",
            base_url=settings.base_url or DEFAULT_URL,
            max_retries=RETRIES,
            timeout=openai.Timeout(settings.timeout_s, connect=CONNECT_S),
        )
        # The library takes these from the environment, where they are the voice model's.
        self._client.organization = self._client.project = None
        self._create = self._client.responses.with_raw_response.create

    async def run(self, task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        """One request or more; see the class."""
        inputs = _opening(task)
        while True:
            async with aclosing(self._request(inputs, task)) as updates:
                async for update in updates:
                    inputs = [*inputs, _message("assistant", update.text)]
                    yield update
            steering = task.steering.take()
            if not steering:
                return
            inputs = [*inputs, *(_message("user", text) for text in steering)]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _request(self, inputs: list[Any], task: AgentTask) -> AsyncGenerator[AgentUpdate, None]:
        """The finished messages of one request, up to its end; raises ``AgentError`` when there is no good end."""
        try:
            async with await self._open(inputs, task) as stream:
                async for event in stream:
                    if not isinstance(event, dict):
                        continue
                    for update in _updates(event):
                        yield update
                    if _is_end(event):
                        return
        except openai.APIError as error:
            raise AgentError(_problem(error)) from None
        except (ValueError, RecursionError):  # a line of the stream is no JSON, or too deep
            raise AgentError("the agent's model sent what cannot be understood") from None
        raise AgentError("the agent's model broke off before its answer was complete")

    async def _open(self, inputs: list[Any], task: AgentTask) -> AsyncStream[object]:
        """The stream of events as they are: the library's models take half a second to build, and promise too much."""
        response = await self._create(
            model=self._model,
            instructions=self._instructions,
            input=inputs,
            stream=True,
            store=False,
            extra_body={"client_metadata": dict(task.metadata)} if task.metadata else None,
        )
        return response.parse(to=AsyncStream[object])


def _opening(task: AgentTask) -> list[JsonObject]:
    """What stands before the first answer: the situation, the earlier turns, the task."""
    situation = [_message("developer", render(CONVERSATION[task.conversation]))] if task.conversation else []
    earlier = [_message(message.role, message.text) for message in task.history]
    return [*situation, *earlier, _message("user", task.prompt)]


def _message(role: Literal["developer", "user", "assistant"], text: str) -> JsonObject:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def _updates(event: JsonObject) -> list[AgentUpdate]:
    """The message in a finished output item, as a list of one; none for reasoning, tool calls and other events.

    Servers leave members out, so none is taken for granted.
    """
    item = event.get("item")
    if event.get("type") != "response.output_item.done" or not isinstance(item, dict) or item.get("type") != "message":
        return []
    content = item.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    text = "".join(str(part.get("text") or part.get("refusal") or "") for part in parts)
    return [Progress(text) if item.get("phase") == "commentary" else Output(text)]


def _is_end(event: JsonObject) -> bool:
    """True at the good end of a response; raises ``AgentError`` at a bad one."""
    match event.get("type"):
        case "response.completed":
            return True
        case "response.failed" | "error":
            raise AgentError("the agent's model reported a failure")
        case "response.incomplete":
            raise AgentError("the agent's model stopped before its answer was complete")
    return False


def _problem(error: openai.APIError) -> str:
    """The class of the problem; never the service's own words, which may hold what is none of a client's business."""
    if isinstance(error, openai.APITimeoutError):
        return "the agent's model did not answer in time"
    if isinstance(error, openai.APIConnectionError):
        return "the agent's model cannot be reached"
    if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
        return "the agent's model refused the key it was given"
    if isinstance(error, openai.RateLimitError):
        return "the agent's model is overloaded, or its quota is used up"
    if isinstance(error, openai.APIStatusError):
        return f"the agent's model refused the request (HTTP status {error.status_code})"
    return "the agent's model reported a failure"
