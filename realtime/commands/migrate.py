"""``voxgate migrate``: bring the store's schema up to date."""

from __future__ import annotations

import argparse

from realtime.commands.process import run_until_signal
from realtime.commands.settings import add_settings_flags, settings_from
from realtime.commands.store import named
from realtime.commands.usage import CommandParser
from realtime.settings import Settings
from realtime.threads.sql import migrate


def parser() -> argparse.ArgumentParser:
    """What ``migrate`` takes."""
    parser = CommandParser(
        prog="voxgate migrate",
        description="Bring the store's schema up to date. On SQLite `voxgate serve` does so itself.",
    )
    add_settings_flags(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Migrate, and say so."""
    settings = settings_from(arguments)
    return run_until_signal(lambda stop: _migrate(settings))


async def _migrate(settings: Settings) -> int:
    with named(settings):
        await migrate(settings.store_url())
    print("The store's schema is up to date.")
    return 0
