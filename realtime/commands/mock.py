"""``voxgate mock``: the mock of the Realtime API, alone."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from realtime.commands.process import log_to_stderr, run_until_signal
from realtime.errors import ConfigurationError
from realtime.mock.scenarios import SCENARIOS
from realtime.mock.server import MockOptions, run_mock


def parser() -> argparse.ArgumentParser:
    """What ``mock`` takes."""
    parser = argparse.ArgumentParser(
        prog="voxgate mock",
        description="Run a mock of the Realtime API: WebSocket /v1/realtime, and what agents need. "
        "Prints one line with its base URL when it is ready.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="port, 0 for any free one (default: %(default)s)")
    parser.add_argument(
        "--script", default="default", metavar="FILE|NAME", help="default, assistant, a YAML or a Python file"
    )
    parser.add_argument("--scenario", metavar="NAME", help="a situation to rehearse")
    parser.add_argument("--list-scenarios", action="store_true", help="name the scenarios and leave")
    parser.add_argument("--seed", type=int, metavar="N", help="same seed, same ids")
    parser.add_argument("--api-key", metavar="KEY", help="refuse clients without this key")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write every event as a JSON line")
    parser.add_argument("--allow-beta", action="store_true", help="do not turn clients of the beta API away")
    parser.add_argument("--record", metavar="UPSTREAM", help="proxy this base URL and record its sessions to --log")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play the sessions of a recording")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal."""
    if arguments.list_scenarios:
        for name, scenario in sorted(SCENARIOS.items()):
            print(f"{name:24} {scenario.about}")
        return 0
    if not 0 <= arguments.port <= 65535:
        raise ConfigurationError("--port: must be from 0 to 65535", setting="--port")
    log_to_stderr("info")
    options = MockOptions(
        host=arguments.host,
        port=arguments.port,
        script=arguments.script,
        scenario=arguments.scenario,
        seed=arguments.seed,
        api_key=arguments.api_key,
        log=arguments.log,
        refuse_beta=not arguments.allow_beta,
        record=arguments.record,
        replay=arguments.replay,
    )
    return run_until_signal(lambda stop: _serve(options, stop))


async def _serve(options: MockOptions, stop: asyncio.Event) -> int:
    async with asyncio.TaskGroup() as group:
        mock = group.create_task(_mock(options))
        await stop.wait()
        mock.cancel()
    return 0


async def _mock(options: MockOptions) -> None:
    try:
        await run_mock(options, _say_ready)
    except OSError as error:
        place = f"{options.host} port {options.port}"
        raise ConfigurationError(f"--port: cannot listen on {place}: {error.strerror}", setting="--port") from None


def _say_ready(base_url: str) -> None:
    print(f"The mock of the Realtime API is ready: {base_url}", flush=True)
