"""From the setting ``agent.spec`` to an agent. What an agent needs is imported only when it is chosen."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from realtime.agents.agent import BackgroundAgent
from realtime.errors import ConfigurationError
from realtime.settings import AgentSettings


def load(spec: str, settings: AgentSettings) -> BackgroundAgent:
    """The agent named by ``spec``: ``embedded``, ``none``, ``responses``, or ``module:factory``.

    A factory is called with the agent's settings and returns a ``BackgroundAgent``. Raises
    ``ConfigurationError`` when there is no such agent or its settings do not suffice.
    """
    known: dict[str, Callable[[AgentSettings], BackgroundAgent]] = {
        "embedded": _embedded,
        "none": _none,
        "responses": _responses,
    }
    if spec in known:
        return known[spec](settings)
    module, colon, name = spec.partition(":")
    if not (module and colon and name):
        raise _refused(f"{spec!r} is none of {', '.join(known)}, nor of the form module:factory")
    return _made(_factory(module, name), settings, spec)


def _embedded(settings: AgentSettings) -> BackgroundAgent:
    from realtime.agents.embedded import EmbeddedAgent

    return EmbeddedAgent()


def _none(settings: AgentSettings) -> BackgroundAgent:
    from realtime.agents.none import NoAgent

    return NoAgent()


def _responses(settings: AgentSettings) -> BackgroundAgent:
    from realtime.agents.responses import ResponsesAgent

    return ResponsesAgent(settings)


def _factory(module: str, name: str) -> Callable[[AgentSettings], object]:
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise _refused(f"module {module!r} cannot be imported: {error}") from error
    factory: object = getattr(found, name, None)
    if not callable(factory):
        raise _refused(f"module {module!r} has no callable {name!r}")
    return factory


def _made(factory: Callable[[AgentSettings], object], settings: AgentSettings, spec: str) -> BackgroundAgent:
    agent = factory(settings)
    if not isinstance(agent, BackgroundAgent):
        raise _refused(f"{spec!r} made no agent: it needs the methods run and close")
    return agent


def _refused(message: str) -> ConfigurationError:
    return ConfigurationError(f"agent.spec: {message}", setting="agent.spec")
