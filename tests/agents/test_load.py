from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import SecretStr

from realtime.agents.embedded import EmbeddedAgent
from realtime.agents.load import load
from realtime.agents.none import NoAgent
from realtime.agents.responses import ResponsesAgent
from realtime.errors import AgentError, ConfigurationError
from realtime.settings import AgentSettings
from tests.agents.fakes import task, updates


def make_agent(settings: AgentSettings) -> EmbeddedAgent:
    """Named by the spec of a test."""
    assert settings.model == "mine"
    return EmbeddedAgent()


def make_nothing(settings: AgentSettings) -> object:
    """No agent."""
    return object()


async def test_known_agents() -> None:
    assert isinstance(load("embedded", AgentSettings()), EmbeddedAgent)
    assert isinstance(load("none", AgentSettings()), NoAgent)
    responses = load("responses", AgentSettings(api_key=SecretStr("k")))
    assert isinstance(responses, ResponsesAgent)
    await responses.close()


def test_an_agent_of_ones_own() -> None:
    assert isinstance(load(f"{__name__}:make_agent", AgentSettings(model="mine")), EmbeddedAgent)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "none of embedded, none, responses"),
        ("unheard-of", "'unheard-of' is none of"),
        ("module:", "of the form module:factory"),
        (":factory", "of the form module:factory"),
        ("no_such_module_here:factory", "cannot be imported"),
        (f"{__name__}:missing", "no callable 'missing'"),
        (f"{__name__}:__name__", "no callable"),
        (f"{__name__}:make_nothing", "needs the methods run and close"),
    ],
)
def test_what_names_no_agent(spec: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as raised:
        load(spec, AgentSettings())
    assert raised.value.setting == "agent.spec"


async def test_no_agent_refuses_clearly() -> None:
    agent = NoAgent()
    with pytest.raises(AgentError, match="no background agent is set up"):
        await updates(agent, task("x"))
    await agent.close()


def test_a_library_is_imported_only_when_its_agent_is_chosen() -> None:
    program = (
        "import sys; from realtime.agents.load import load; from realtime.settings import AgentSettings; "
        "load('embedded', AgentSettings()); sys.exit('openai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
