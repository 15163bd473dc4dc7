"""Client secrets: keys for browsers that carry a session and expire."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.mock.clock import Clock
from realtime.mock.configuration import Configuration
from realtime.mock.ids import Ids
from realtime.mock.schema import integer, mapping, nullable, one_of, record
from realtime.protocol.json import JsonObject

PREFIX = "ek_"
_LIFETIME_S = 600
_DEFAULT_MODEL = "gpt-realtime"
_SHAPE = record(
    {},
    {
        "session": nullable(mapping),
        "expires_after": nullable(record({}, {"anchor": one_of("created_at"), "seconds": integer(10, 7200)})),
    },
)


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """``opening`` is the session update that every session begins with; ``expires_at`` in Unix seconds."""

    value: str
    expires_at: int
    model: str
    opening: JsonObject


class ClientSecrets:
    """Makes secrets and knows those that still hold. Sessions outlive the secret that opened them."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._clock = clock
        self._ids = ids
        self._secrets: dict[str, ClientSecret] = {}

    def create(self, body: JsonObject) -> JsonObject:
        """The answer to ``POST /v1/realtime/client_secrets``; raises ``Refused``."""
        _SHAPE(body, "")
        opening = body.get("session") or {"type": "realtime"}
        wanted = (body.get("expires_after") or {}).get("seconds", _LIFETIME_S)
        configuration = Configuration(self._ids.new("sess"), str(opening.get("model", _DEFAULT_MODEL)))
        configuration.update(opening)
        configuration.expires_at = int(self._clock.now()) + wanted
        model = str(opening.get("model", _DEFAULT_MODEL))
        secret = ClientSecret(self._ids.new("ek"), configuration.expires_at, model, opening)
        self._forget()
        self._secrets[secret.value] = secret
        return {"value": secret.value, "expires_at": secret.expires_at, "session": configuration.values}

    def find(self, value: str) -> ClientSecret | None:
        """The secret, as long as it holds."""
        self._forget()
        return self._secrets.get(value)

    def _forget(self) -> None:
        now = self._clock.now()
        self._secrets = {value: each for value, each in self._secrets.items() if now < each.expires_at}
