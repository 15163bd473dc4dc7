"""What all connections of one mock share, and the list of them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace

from realtime.mock.connection import Carrier, Connection, MemoryCarrier
from realtime.mock.faults import Faults
from realtime.mock.journal import Journal
from realtime.mock.model import MockModel, ModelSettings
from realtime.mock.reply import Script
from realtime.protocol.json import JsonObject
from transports.link import MessageLink


@dataclass(slots=True)
class MockHost:
    """Makes sessions and knows those that live. Without a seed, identifiers differ from run to run."""

    script: Script
    settings: ModelSettings = field(default_factory=ModelSettings)
    seed: int | None = None
    journal: Journal = field(default_factory=lambda: Journal(None))
    faults: Faults = field(default_factory=Faults)
    connections: dict[str, Connection] = field(default_factory=dict)
    _opened: int = 0

    async def serve(self, carrier: Carrier, model_name: str) -> None:
        """Run a session on a connection until it ends."""
        self._opened += 1
        conn = f"c{self._opened}"
        seed = secrets.token_hex(8) if self.seed is None else f"{self.seed}/{self._opened}"
        model = MockModel(self.script, seed=seed, settings=replace(self.settings, model=model_name))
        connection = Connection(conn, carrier, model, faults=self.faults, journal=self.journal)
        self.connections[conn] = connection
        try:
            await connection.run()
        finally:
            del self.connections[conn]

    def find(self, session: str) -> Connection | None:
        """A live connection by its own name (``c1``) or its session's id."""
        if session in self.connections:
            return self.connections[session]
        return next((each for each in self.connections.values() if each.model.session_id == session), None)

    def sessions(self) -> list[JsonObject]:
        """All live sessions, for people and tests."""
        return [
            {"conn": each.id, "id": each.model.session_id, **each.model.state()} for each in self.connections.values()
        ]


async def serve_link(
    link: MessageLink, script: Script, *, seed: int | None = None, settings: ModelSettings | None = None
) -> None:
    """Run one session over a link until either side closes it."""
    settings = settings or ModelSettings()
    host = MockHost(script, settings=settings, seed=seed)
    await host.serve(MemoryCarrier(link), settings.model)
