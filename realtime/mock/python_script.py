"""Scripts written in Python: a file with a function ``reply(context)``."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from realtime.errors import ConfigurationError
from realtime.mock.magic import obeying
from realtime.mock.mcp import McpServer
from realtime.mock.mcp_script import servers
from realtime.mock.refusal import Refused
from realtime.mock.reply import Call, Context, Failure, Reply, Say, say
from realtime.mock.rules import act

_LOG = logging.getLogger(__name__)


class PythonScript:
    """Answers with what the function returns.

    That is a text to say, None for silence, an act as in a YAML file (``{"call": {"name": ...}}``), a
    ``Reply``, or a list of these to be done in a row. A function that raises makes the response fail. A call that
    the tool choice demands is made all the same. ``servers`` are its MCP servers by label.
    """

    def __init__(self, function: Callable[[Context], object], servers: Mapping[str, McpServer] | None = None) -> None:
        self._function = function
        self.servers = servers or {}

    def reply(self, context: Context) -> Reply:
        """The function's answer."""
        try:
            return obeying(context, _reply(self._function(context)))
        except Exception as error:
            _LOG.exception("the script failed")
            return Reply(failure=Failure("script_error", f"The script failed: {type(error).__name__}: {error}"))


def load_python(path: Path) -> PythonScript:
    """The script in a file, which is run; raises ``ConfigurationError`` for one that fails or has no ``reply``."""
    spec = importlib.util.spec_from_file_location(f"voxgate_script_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"--script: {path}: not readable as Python", setting="--script")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ConfigurationError(f"--script: {path}: {reason}", setting="--script") from None
    function = getattr(module, "reply", None)
    if not callable(function):
        raise ConfigurationError(f"--script: {path}: there is no function 'reply(context)' in it", setting="--script")
    try:
        return PythonScript(function, servers(getattr(module, "servers", []), "servers"))
    except Refused as refused:
        raise ConfigurationError(f"--script: {path}: {refused.message}", setting="--script") from None


def _reply(answer: object) -> Reply:
    if answer is None:
        return Reply()
    if isinstance(answer, str):
        return say(answer)
    if isinstance(answer, Reply):
        return answer
    if isinstance(answer, dict):
        return act(answer, "reply")
    if isinstance(answer, (list, tuple)):
        return _in_a_row([_reply(each) for each in answer])
    raise Refused("invalid_value", f"a reply cannot be {type(answer).__name__}")


def _in_a_row(replies: list[Reply]) -> Reply:
    parts: list[Say | Call] = [part for each in replies for part in each.parts]
    failure = next((each.failure for each in replies if each.failure), None)
    return Reply(tuple(parts), sum(each.after_s for each in replies), failure)
