"""Settings from the flags that commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from realtime.configuration import load
from realtime.settings import Settings


def add_settings_flags(parser: argparse.ArgumentParser) -> None:
    """``--config`` and ``--data``."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file (default: voxgate.toml, if there)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder for the store (default: ./data)")


def settings_from(arguments: argparse.Namespace, **sections: dict[str, Any]) -> Settings:
    """All settings, the flags on top; members that are None were not given. Raises ``ConfigurationError``."""
    flags: dict[str, Any] = {
        section: given
        for section, values in sections.items()
        if (given := {name: value for name, value in values.items() if value is not None})
    }
    if arguments.data is not None:
        flags["data"] = arguments.data
    return load(config=arguments.config, flags=flags)
