"""The one ordered way out of a thread: records are stored, then published; live notifications pass beside them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from realtime.protocol.appserver import Shed


@dataclass(frozen=True)
class Outgoing:
    """A notification on its way to clients, its params serialised once for all of them."""

    method: str
    params_text: str
    seq: int | None = None
    shed: Shed = Shed.NEVER

    @cached_property
    def rpc(self) -> str:
        """As a JSON-RPC message."""
        return f'{{"method":"{self.method}","params":{self.params_text}}}'


class Sink(Protocol):
    """A subscribed client."""

    def notify(self, message: Outgoing) -> None:
        """Queue the message; never waits, never raises."""
        ...

    async def room(self) -> None:
        """Wait until there is room for a batch of replayed records; raises ``SlowConsumer`` when it is gone."""
        ...
