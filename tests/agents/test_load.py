from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def make_without_settings() -> EmbeddedAgent:
    """Does not take the settings."""
    return EmbeddedAgent()


def make_and_fail(settings: AgentSettings) -> EmbeddedAgent:
    """Wants what is not there."""
    raise KeyError(settings.model)


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
        ("realtime.agents.embedded:EmbeddedAgent.run", "no callable"),
        (f"{__name__}:make_without_settings", r"failed, called with the agent's settings: TypeError: .*0 positional"),
        (f"{__name__}:make_and_fail", r"KeyError: 'gpt-5.2' \(test_load\.py, line \d+\)$"),
    ],
)
def test_what_names_no_agent(spec: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as raised:
        load(spec, AgentSettings())
    assert raised.value.setting == "agent.spec"


OWN = """
from realtime.agents.embedded import EmbeddedAgent
from beside_of_test_load import NAME

def make(settings):
    return EmbeddedAgent()
"""


def test_an_agent_is_found_in_the_working_folder_and_the_path_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_of_test_load.py").write_text(OWN)
    (tmp_path / "beside_of_test_load.py").write_text('NAME = "beside"\n')
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    assert isinstance(load("own_of_test_load:make", AgentSettings()), EmbeddedAgent)
    assert sys.path == path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_module_here\n", r"No module named 'no_such_module_here' \(broken_\d\.py, line 1\)$"),
        ("\nraise RuntimeError('no luck')\n", r"RuntimeError: no luck \(broken_\d\.py, line 2\)$"),
        ("def make(:\n", "SyntaxError: "),
    ],
)
def test_a_module_that_fails_is_told_in_one_line(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"broken_{len(text) % 10}"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=rf"^agent\.spec: module '{name}' cannot be imported: .*{words}"):
        load(f"{name}:make", AgentSettings())


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
