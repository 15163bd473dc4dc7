"""``voxgate migrate``: bring the store's schema up to date."""

from __future__ import annotations

import argparse

from realtime.commands.process import run_until_signal
from realtime.commands.settings import add_settings_flags, settings_from
from realtime.threads.sql import migrate


def parser() -> argparse.ArgumentParser:
    """What ``migrate`` takes."""
    parser = argparse.ArgumentParser(
        prog="voxgate migrate",
        description="Bring the store's schema up to date. On SQLite `voxgate serve` does so itself.",
    )
    add_settings_flags(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Migrate, and say so."""
    url = settings_from(arguments).store_url()
    return run_until_signal(lambda stop: _migrate(url))


async def _migrate(url: str) -> int:
    await migrate(url)
    print("The store's schema is up to date.")
    return 0
