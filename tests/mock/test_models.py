"""What depends on the model, and how models are shown and refused over HTTP."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI, NotFoundError

from realtime.mock.server import MockServer
from realtime.mock.tokens import is_large
from tests.mock.talk import Talk

REASONING: list[dict[str, Any]] = [{"reasoning": {"effort": "low"}}, {"parallel_tool_calls": False}]


@pytest.mark.parametrize("given", REASONING, ids=str)
class TestReasoning:
    @pytest.mark.parametrize("model", ["gpt-realtime", "gpt-realtime-1.5", "gpt-realtime-2025-08-28"])
    def test_is_unknown_to_models_that_do_not(self, given: dict[str, Any], model: str) -> None:
        talk, (name,) = Talk(model=model), given
        error = talk.refused("session.update", session={"type": "realtime", **given})
        assert (error["code"], error["param"]) == ("unknown_parameter", f"session.{name}")
        error = talk.refused("response.create", response=given)
        assert (error["code"], error["param"]) == ("unknown_parameter", f"response.{name}")

    @pytest.mark.parametrize("model", ["gpt-realtime-2", "gpt-realtime-2.1"])
    def test_is_shown_by_models_that_do(self, given: dict[str, Any], model: str) -> None:
        talk, (name,) = Talk(model=model), given
        assert talk.configure(**given)[name] == given[name]
        assert talk.respond(**given)["status"] == "completed"

    async def test_is_no_part_of_a_secret_for_others(self, http: aiohttp.ClientSession, given: dict[str, Any]) -> None:
        for model, status in (("gpt-realtime", 400), ("gpt-realtime-2", 200)):
            session = {"type": "realtime", "model": model, **given}
            async with http.post("/v1/realtime/client_secrets", json={"session": session}) as answer:
                assert answer.status == status


def test_a_date_makes_no_model_a_later_one() -> None:
    large = {"gpt-realtime-2", "gpt-realtime-2.1", "gpt-realtime-2-2026-05-01", "gpt-realtime-3"}
    small = {"gpt-realtime", "gpt-realtime-1.5", "gpt-realtime-2025-08-28", "gpt-realtime-mini", "gpt-5.2"}
    assert {model for model in large | small if is_large(model)} == large


async def test_a_model_can_be_retrieved(server: MockServer) -> None:
    async with AsyncOpenAI(base_url=server.base_url, api_key="sk-any", max_retries=0) as client:
        model = await client.models.retrieve("gpt-realtime")
        assert model in (await client.models.list()).data
        with pytest.raises(NotFoundError) as caught:
            await client.models.retrieve("gpt-nothing")
    assert (model.id, model.object) == ("gpt-realtime", "model")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("POST", "/v1/realtime/nothing", 404),
        ("GET", "/v1", 404),
        ("POST", "/v1/models", 405),
        ("GET", "/v1/realtime/calls", 405),
        ("GET", "/v1/responses", 405),
    ],
)
async def test_what_is_not_there_is_told_in_the_apis_shape(
    http: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with http.request(method, path) as answer:
        assert answer.status == status
        error = (await answer.json())["error"]
        assert ("Allow" in answer.headers) == (status == 405)
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"]) == ("invalid_request_error", None)
    assert f"{method} {path}" in error["message"] or f"{method} on {path}" in error["message"]
