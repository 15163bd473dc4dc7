"""The command line: finds the command, runs it, and says in one line what went wrong."""

from __future__ import annotations

import argparse
import errno
import io
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from types import FrameType

from realtime.commands.usage import EXIT_USAGE, CommandParser, complain, meant
from realtime.errors import ConfigurationError, GatewayError

COMMANDS = {
    "serve": "run the gateway",
    "mock": "run a mock of the Realtime API, to test clients against",
    "call": "talk through a running gateway, from the terminal",
    "threads": "list threads, or show one",
    "tail": "follow a thread of a running gateway",
    "doctor": "check configuration, store, upstream, packages, media, speech and live sound",
    "migrate": "bring the store's schema up to date",
}

UNTIL_SIGNAL = frozenset({"serve", "mock", "tail"})
"""Commands that a signal ends as it should be."""

EXIT_FAILED = 1

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. Without ``argv`` it is the process's own, and so are its signals."""
    if argv is None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end_at_once)
        _see_to_the_streams()
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.error(f"which command? One of {', '.join(COMMANDS)}")
    if arguments.command not in COMMANDS:
        parser.error(f"no such command: {arguments.command}{meant(arguments.command, COMMANDS)}")
    # only the chosen command is imported: asking for help must not load a database driver
    command = import_module(f"realtime.commands.{arguments.command}")
    try:
        status: int = command.run(command.parser().parse_args(arguments.arguments))
        sys.stdout.flush()
    except ConfigurationError as error:
        return _fail(error, EXIT_USAGE)
    except GatewayError as error:
        return _fail(error, EXIT_FAILED)
    except BrokenPipeError:
        # whoever read our output (a pager, head) has seen enough
        _write_no_more()
        return EXIT_FAILED
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        _write_no_more()
        complain(f"the output cannot be written: {error.strerror}")
        return EXIT_FAILED
    return status


def _write_no_more() -> None:
    """What still waits goes nowhere: the interpreter would try it again at its end, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _see_to_the_streams() -> None:
    """What was said may have letters that the terminal has not; and whoever began us may have closed a stream."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Else a socket of the loop's would take its number, and the loop refuses that.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _end_at_once(number: int, frame: FrameType | None) -> None:
    """A signal before the command has a loop of its own to hear it: nothing is open yet, and no trace is due."""
    del number, frame
    os._exit(0 if UNTIL_SIGNAL.intersection(sys.argv[1:2]) else EXIT_FAILED)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog="voxgate",
        description="A realtime voice gateway.",
        epilog="commands:\n"
        + "\n".join(f"  {name:8}  {summary}" for name, summary in COMMANDS.items())
        + "\n\n`voxgate COMMAND --help` says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="voxgate [-h] [--version] COMMAND ...",
    )
    parser.add_argument("--version", action="version", version=f"voxgate {version('voxgate')}")
    parser.add_argument("command", nargs="?", metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _fail(error: GatewayError, status: int) -> int:
    complain(error.message)
    return status
