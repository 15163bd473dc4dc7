"""What is posted to the owner of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from realtime.core.actions import Command
from realtime.protocol.appserver import Record
from realtime.protocol.realtime import ServerEvent

Commit = Awaitable[list[Record]]


@dataclass(frozen=True, slots=True)
class Heard:
    """An event that came by the connection of this generation."""

    generation: int
    event: ServerEvent


@dataclass(frozen=True, slots=True)
class Delivery:
    """A command whose poster waits until it is taken; ``taken`` gets the commit of the first record it made."""

    command: Command
    taken: asyncio.Future[Commit | None]


Message = Heard | Delivery | Command
