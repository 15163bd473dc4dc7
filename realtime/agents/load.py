"""From the setting ``agent.spec`` to an agent. What an agent needs is imported only when it is chosen."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from realtime.agents.agent import BackgroundAgent
from realtime.errors import ConfigurationError
from realtime.settings import AgentSettings


def load(spec: str, settings: AgentSettings) -> BackgroundAgent:
    """The agent named by ``spec``: ``embedded``, ``none``, ``responses``, or ``module:factory``.

    A module is looked for in the working folder first. A factory is called with the agent's settings and returns a
    ``BackgroundAgent``. Raises ``ConfigurationError`` when there is no such agent or its settings do not suffice.
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
        with _working_folder_on_the_path():
            found = importlib.import_module(module)
    except Exception as error:  # the module is the operator's own: it may raise anything
        raise _refused(f"module {module!r} cannot be imported: {_told(error)}") from error
    factory: object = getattr(found, name, None)
    if not callable(factory):
        raise _refused(f"module {module!r} has no callable {name!r}")
    return factory


@contextmanager
def _working_folder_on_the_path() -> Iterator[None]:
    """For one import alone: what is imported later is not to be found among the operator's files by chance."""
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _made(factory: Callable[[AgentSettings], object], settings: AgentSettings, spec: str) -> BackgroundAgent:
    try:
        agent = factory(settings)
    except ConfigurationError:
        raise
    except Exception as error:  # the factory is the operator's own: it may raise anything
        raise _refused(f"{spec!r} failed, called with the agent's settings: {_told(error)}") from error
    if isinstance(agent, type) or not isinstance(agent, BackgroundAgent):
        raise _refused(f"{spec!r} made no agent: it needs the methods run and close")
    return agent


def _told(error: Exception) -> str:
    """What was raised, and the innermost line that raised it, where that is no line of ours."""
    words = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    own = frame.filename == __file__ or frame.filename.startswith("<")
    return words if own else f"{words} ({Path(frame.filename).name}, line {frame.lineno})"


def _refused(message: str) -> ConfigurationError:
    return ConfigurationError(f"agent.spec: {message}", setting="agent.spec")
