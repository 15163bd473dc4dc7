"""What all connections of one mock share, and the list of them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from realtime.mock.carrier import Carrier, MemoryCarrier
from realtime.mock.client_secrets import ClientSecrets
from realtime.mock.clock import Clock
from realtime.mock.connection import Connection
from realtime.mock.faults import Faults
from realtime.mock.ids import Ids
from realtime.mock.journal import Journal
from realtime.mock.live import LiveSession
from realtime.mock.loudspeaker import Playback
from realtime.mock.model import MockModel, ModelSettings
from realtime.mock.reply import Script
from realtime.mock.speech.contracts import Engines
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from transports.link import MessageLink
from transports.peer import MediaPeer


@dataclass(slots=True)
class MockHost:
    """Makes sessions and knows those that live. Without a seed, identifiers differ from run to run.

    ``agent_script`` answers the Responses API; None: the same script does. ``refuse_beta``: clients of the
    beta are turned away. ``heartbeat_s``: clients that answer no ping within half of it are dropped.
    ``peers`` makes what answers calls; ``engines`` ears and mouth for a session: without it they are the
    deterministic ones.
    """

    script: Script
    settings: ModelSettings = field(default_factory=ModelSettings)
    seed: int | None = None
    journal: Journal = field(default_factory=lambda: Journal(None))
    faults: Faults = field(default_factory=Faults)
    clock: Clock = field(default_factory=Clock)
    connections: dict[str, Connection] = field(default_factory=dict)
    agent_script: Script | None = None
    refuse_beta: bool = True
    heartbeat_s: float | None = None
    engines: Callable[[], Engines] | None = None
    peers: Callable[[], MediaPeer] | None = None
    client_secrets: ClientSecrets = field(init=False)
    _ids: Ids = field(init=False)
    _live: dict[str, LiveSession] = field(default_factory=dict)
    _connected: int = 0
    _opened: int = 0

    def __post_init__(self) -> None:
        self._ids = Ids(secrets.token_hex(8) if self.seed is None else f"{self.seed}/host")
        self.client_secrets = ClientSecrets(self.clock, self._ids)

    def new_call_id(self) -> str:
        """An id for a call that is to be served."""
        return self._ids.new("rtc")

    async def serve(
        self, carrier: Carrier, model_name: str, *, opening: JsonObject | None = None, call_id: str | None = None
    ) -> None:
        """Run a session on a connection until it ends.

        ``opening`` is an update that it begins with; by ``call_id`` other connections may join it.
        """
        await self.run(self.open(model_name, opening=opening, call_id=call_id), carrier)

    def open(
        self,
        model_name: str,
        *,
        opening: JsonObject | None = None,
        call_id: str | None = None,
        playback: Playback | None = None,
    ) -> LiveSession:
        """Make a session, which is to be run. ``playback`` is what it speaks by, if that is not its connections."""
        self._opened += 1
        seed = secrets.token_hex(8) if self.seed is None else f"{self.seed}/{self._opened}"
        settings = replace(self.settings, model=model_name, refuse_beta=self.refuse_beta)
        engines = self.engines() if self.engines is not None else None
        speech = engines.speech if engines is not None else None
        model = MockModel(self.script, seed=seed, settings=settings, speech=speech, opening=opening, playback=playback)
        live = LiveSession(model, self.clock, call_id=call_id, engines=engines)
        self._live[model.session_id] = live
        return live

    async def run(self, live: LiveSession, carrier: Carrier) -> None:
        """Run an open session on a connection until it ends."""
        connection = self._connection(carrier, live)
        try:
            await live.run(connection)
        finally:
            del self._live[live.model.session_id]
            del self.connections[connection.id]

    async def join(self, carrier: Carrier, live: LiveSession) -> None:
        """Take part in a session until the connection or the session ends."""
        connection = self._connection(carrier, live)
        try:
            await live.join(connection)
        finally:
            del self.connections[connection.id]

    def call(self, call_id: str) -> LiveSession | None:
        """The session of a call, as long as it lasts."""
        return next((live for live in self._live.values() if live.call_id == call_id and not live.over), None)

    def advance(self, seconds: float) -> float:
        """Set the clock forward, and have all that is due happen; returns the new time."""
        self.clock.advance(seconds)
        for live in self._live.values():
            live.ring()
        return self.clock.now()

    def push(self, session: str, event: JsonObject) -> str | None:
        """Send an event by a connection (``c1``) or by all of a session; the session's id, or None for no such."""
        for live in self._live.values():
            if session == live.model.session_id or session in live.connections:
                for connection in live.connections.values():
                    if session in (live.model.session_id, connection.id):
                        connection.push(event)
                return live.model.session_id
        return None

    def push_all(self, event: JsonObject) -> None:
        """Send an event by all connections."""
        for live in self._live.values():
            for connection in live.connections.values():
                connection.push(event)

    def inject(self, event: JsonObject) -> None:
        """Have every model take an event as if it came from outside."""
        for live in self._live.values():
            live.take(json.encode(event))

    def sessions(self) -> list[JsonObject]:
        """All live sessions, for people and tests."""
        return [
            {
                "conn": next(iter(live.connections), None),
                "connections": list(live.connections),
                "call_id": live.call_id,
                "peer": None if live.peer is None else asdict(live.peer.stats()),
                "id": live.model.session_id,
                **live.model.state(),
            }
            for live in self._live.values()
        ]

    def _connection(self, carrier: Carrier, live: LiveSession) -> Connection:
        self._connected += 1
        connection = Connection(
            f"c{self._connected}", carrier, faults=self.faults, journal=self.journal, number=live.model.push
        )
        self.connections[connection.id] = connection
        return connection


async def serve_link(
    link: MessageLink, script: Script, *, seed: int | None = None, settings: ModelSettings | None = None
) -> None:
    """Run one session over a link until either side closes it."""
    settings = settings or ModelSettings()
    host = MockHost(script, settings=settings, seed=seed)
    await host.serve(MemoryCarrier(link), settings.model)
