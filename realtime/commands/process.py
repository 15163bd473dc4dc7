"""How a command lives as a process: its loop, its signals, its log."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

import uvloop

from realtime.errors import GatewayError

T = TypeVar("T")


def run_until_signal(work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
    """Run ``work`` on a fast loop. SIGTERM or SIGINT sets the event it gets; a second one ends the process at once."""

    async def watched() -> T:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _on_signal, number, stop)
        return await work(stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(watched())
        except BaseExceptionGroup as group:
            raise _foreseen(group) or group from None


def _foreseen(group: BaseExceptionGroup[BaseException]) -> GatewayError | BrokenPipeError | None:
    """The first error of ours, or of a reader of our output that left, among those that ended a group of tasks."""
    for error in group.exceptions:
        if isinstance(error, (GatewayError, BrokenPipeError)):
            return error
        if isinstance(error, BaseExceptionGroup) and (inner := _foreseen(error)) is not None:
            return inner
    return None


def _on_signal(number: signal.Signals, stop: asyncio.Event) -> None:
    if stop.is_set():
        os._exit(128 + number)
    stop.set()


def log_to_stderr(level: str) -> None:
    """One line an event; a trace only where something failed that nobody foresaw."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # they tell at INFO that they are there, and of every address pair of a call
    for chatty in ("alembic", "aioice", "aiortc"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
