"""``voxgate doctor``: what is wrong, and what to do about it."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from urllib.parse import urlsplit

import numpy as np

from realtime.agents.load import load
from realtime.commands.process import run_until_signal
from realtime.commands.settings import add_settings_flags, settings_from
from realtime.commands.store import reading, sqlite_file
from realtime.commands.usage import CommandParser
from realtime.errors import ConfigurationError, GatewayError
from realtime.server.access import Access
from realtime.settings import Settings
from transports.audio import Resampler

CONNECT_S = 5.0
PACKAGES = ("realtime", "transports", "prompts")
DISTRIBUTION = "voxgate"


class Trouble(Exception):
    """What is wrong; ``remedy`` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Check:
    """``look`` says what it found, or raises ``Trouble`` or ``ConfigurationError``. None of it holds a secret."""

    name: str
    look: Callable[[Settings], Awaitable[str]]


def parser() -> argparse.ArgumentParser:
    """What ``doctor`` takes."""
    parser = CommandParser(
        prog="voxgate doctor",
        description="Check configuration, store, upstream, packages and media. Exit status 1 when something is wrong.",
    )
    add_settings_flags(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Look at everything; a configuration that cannot be read ends it."""
    settings = settings_from(arguments)
    return run_until_signal(lambda stop: _examine(settings))


async def _examine(settings: Settings) -> int:
    healthy = [await _passes(check, settings) for check in CHECKS]
    return 0 if all(healthy) else 1


async def _passes(check: Check, settings: Settings) -> bool:
    try:
        print(f"ok     {check.name:14} {await check.look(settings)}")
    except Trouble as trouble:
        _complain(check.name, str(trouble), trouble.remedy)
        return False
    except ConfigurationError as error:
        _complain(check.name, error.message, f"see the setting {error.setting}")
        return False
    return True


def _complain(name: str, message: str, remedy: str) -> None:
    print(f"WRONG  {name:14} {message}")
    print(f"       {'':14} -> {remedy}")


async def _configuration(settings: Settings) -> str:
    Access(settings.server)
    settings.upstream.key()
    return f"listens on {settings.server.host} port {settings.server.port}"


async def _agent(settings: Settings) -> str:
    await load(settings.agent.spec, settings.agent).close()
    return settings.agent.spec


async def _store(settings: Settings) -> str:
    file = sqlite_file(settings)
    if file is not None and not file.exists():
        folder = next(parent for parent in file.absolute().parents if parent.exists())
        if not os.access(folder, os.W_OK):
            raise Trouble(f"{folder} cannot be written", "choose another folder with --data, or change its owner")
        return f"{file} will be made by the first `voxgate serve`"
    try:
        async with reading(settings) as store:
            await store.ping()
    except GatewayError as error:
        raise Trouble(error.message, "see store.url, the disk's free space, and `voxgate migrate`") from None
    return str(file) if file is not None else "the database answers and can be written"


async def _upstream(settings: Settings) -> str:
    upstream = settings.upstream
    if upstream.embedded:
        return "embedded voice model: no key needed"
    place = urlsplit(upstream.base_url)
    host, port = place.hostname or "", place.port or (443 if place.scheme == "https" else 80)
    if upstream.key() is None:
        raise Trouble("no API key", "set upstream.api_key_file, or OPENAI_API_KEY; or use --upstream embedded")
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, port, ssl=place.scheme == "https" or None)
        writer.close()
    except (OSError, TimeoutError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise Trouble(f"{host} port {port} is not reached: {reason}", "see upstream.base_url and the network") from None
    return f"{host} port {port} is reached"


async def _packages(settings: Settings) -> str:
    """Two owners of one folder overwrite each other silently."""
    owners = packages_distributions()
    for package in PACKAGES:
        others = sorted(set(owners.get(package, ())) - {DISTRIBUTION})
        if others:
            raise Trouble(
                f"the package {package} is also installed by {', '.join(others)}",
                "install voxgate into an environment of its own",
            )
    return f"{DISTRIBUTION} {version(DISTRIBUTION)} alone owns {', '.join(PACKAGES)}"


async def _media(settings: Settings) -> str:
    """A second of 16 kHz silence must become a second of 24 kHz."""
    resampler = Resampler(16_000, 24_000)
    samples = len(resampler.push(np.zeros(16_000, dtype=np.int16))) + len(resampler.flush())
    if abs(samples - 24_000) > 1:
        raise Trouble(f"16,000 samples became {samples}", "reinstall numpy")
    return "sound of other rates can be converted"


CHECKS = (
    Check("configuration", _configuration),
    Check("agent", _agent),
    Check("store", _store),
    Check("upstream", _upstream),
    Check("packages", _packages),
    Check("media", _media),
)
