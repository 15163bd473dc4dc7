"""Where scripts come from: by name, or from a file."""

from __future__ import annotations

from pathlib import Path

import yaml

from realtime.errors import ConfigurationError
from realtime.mock.assistant import AssistantScript
from realtime.mock.magic import DefaultScript
from realtime.mock.python_script import load_python
from realtime.mock.reply import Script
from realtime.mock.rules import compile_rules

SCRIPTS: dict[str, type[DefaultScript] | type[AssistantScript]] = {
    "default": DefaultScript,
    "assistant": AssistantScript,
}


def load_script(name: str) -> Script:
    """A script by name, a Python file, or the rules of a YAML file before ``default``.

    Raises ``ConfigurationError``.
    """
    if name in SCRIPTS:
        return SCRIPTS[name]()
    path = Path(name)
    if not path.is_file():
        known = ", ".join(SCRIPTS)
        raise ConfigurationError(f"--script: no such file, and not one of {known}: {name}", setting="--script")
    if path.suffix == ".py":
        return load_python(path)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"--script: {name}: not readable as YAML: {reason}", setting="--script") from None
    return compile_rules(data, DefaultScript(), source=name)
