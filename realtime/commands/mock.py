"""``voxgate mock``: the mock of the Realtime API, alone."""

from __future__ import annotations

import argparse
import asyncio
import errno
from pathlib import Path
from urllib.parse import urlsplit

from realtime.commands.listener import taken
from realtime.commands.process import log_to_stderr, run_until_signal
from realtime.commands.usage import CommandParser, meant, port_number, whole_number
from realtime.errors import ConfigurationError
from realtime.mock.scenarios import SCENARIOS
from realtime.mock.server import MockOptions, run_mock

REACH_S = 5.0


def parser() -> argparse.ArgumentParser:
    """What ``mock`` takes."""
    parser = CommandParser(
        prog="voxgate mock",
        description="Run a mock of the Realtime API: WebSocket /v1/realtime, and what agents need. "
        "Prints one line with its base URL when it is ready.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=port_number, default=8765, help="0 for any free one (default: %(default)s)")
    parser.add_argument(
        "--script", default="default", metavar="FILE|NAME", help="default, assistant, a YAML or a Python file"
    )
    parser.add_argument("--scenario", metavar="NAME", help="a situation to rehearse")
    parser.add_argument("--list-scenarios", action="store_true", help="name the scenarios and leave")
    parser.add_argument("--seed", type=whole_number, metavar="N", help="same seed, same ids")
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
    _check(arguments)
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


def _check(arguments: argparse.Namespace) -> None:
    """What can be said better here than where it is used; raises ``ConfigurationError``."""
    scenario, replay = arguments.scenario, arguments.replay
    if scenario is not None and scenario not in SCENARIOS:
        hint = meant(scenario, SCENARIOS) or "; `voxgate mock --list-scenarios` names them"
        raise ConfigurationError(f"--scenario: no such scenario: {scenario}{hint}", setting="--scenario")
    if replay is not None and not replay.is_file():
        what = "is a folder" if replay.is_dir() else "no such file"
        raise ConfigurationError(f"--replay: {what}: {replay}", setting="--replay")
    if replay is not None and arguments.record is not None:
        raise ConfigurationError("--replay: either that or --record, not both", setting="--replay")


async def _reach(upstream: str) -> None:
    """Find out now, not at the first client, that there is nothing to record; raises ``ConfigurationError``."""
    try:
        place = urlsplit(upstream)
        port = place.port or (443 if place.scheme == "https" else 80)
    except ValueError:
        raise ConfigurationError(f"--record: not a valid address: {upstream}", setting="--record") from None
    if place.scheme not in ("http", "https") or not place.hostname:
        return
    try:
        async with asyncio.timeout(REACH_S):
            _, writer = await asyncio.open_connection(place.hostname, port)
        writer.close()
    except OSError as error:
        reason = error.strerror or "no answer in time"
        raise ConfigurationError(
            f"--record: {place.hostname} port {port} is not reached: {reason}", setting="--record"
        ) from None


async def _serve(options: MockOptions, stop: asyncio.Event) -> int:
    async with asyncio.TaskGroup() as group:
        mock = group.create_task(_mock(options))
        await stop.wait()
        mock.cancel()
    return 0


async def _mock(options: MockOptions) -> None:
    if options.record is not None and options.log is not None and options.replay is None:
        await _reach(options.record)
    try:
        await run_mock(options, _say_ready)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise taken("--port", options.host, options.port, "mock") from None
        place = f"{options.host} port {options.port}"
        raise ConfigurationError(f"--port: cannot listen on {place}: {error.strerror}", setting="--port") from None


def _say_ready(base_url: str) -> None:
    print(f"The mock of the Realtime API is ready: {base_url}", flush=True)
