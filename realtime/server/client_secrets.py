"""Client secrets of the gateway's own: keys for browsers, for a short time, a few sessions, one thread.

They live in this process alone: a restart makes them void. Source: ``POST /v1/realtime/client_secrets`` of
the Realtime API; the member ``voxgate`` is ours.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from realtime.errors import Overloaded, Unauthorized
from realtime.protocol.complaint import Complaint, missing
from realtime.protocol.ids import ThreadId, new_session_id
from realtime.protocol.json import JsonObject

PREFIX = "ek_"
VOID = "Incorrect API key provided: the client secret is not valid any more."
MOST = 10_000
"""Secrets that hold at a time."""

Lock = Literal["instructions", "tools", "voice", "model"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Expiry(_Strict):
    anchor: Literal["created_at"] = "created_at"
    seconds: int = Field(default=600, ge=10, le=7200)


class _Ours(_Strict):
    thread_id: str | None = None
    locks: list[Lock] = Field(default_factory=list)
    sessions: int = Field(default=1, ge=1, le=100)


class _Session(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    type: Literal["realtime"]
    model: str | None = Field(default=None, min_length=1, max_length=256)


class SecretRequest(_Strict):
    """The body of the request."""

    session: _Session | None = None
    expires_after: _Expiry | None = None
    voxgate: _Ours | None = None

    @property
    def opening(self) -> JsonObject | None:
        """The session that was settled, without its model."""
        return self.session.model_dump(exclude_unset=True, exclude={"model"}) if self.session is not None else None

    @property
    def model(self) -> str | None:
        """The model that was settled."""
        return self.session.model if self.session is not None else None


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """``expires_at`` in Unix seconds; ``sessions`` is how many may still be opened with it."""

    value: str
    expires_at: int
    sessions: int
    model: str | None
    opening: JsonObject | None
    thread_id: ThreadId | None
    locks: frozenset[Lock]


class ClientSecrets:
    """Those that hold. A session outlives the secret that it was opened with."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._secrets: dict[str, ClientSecret] = {}

    def create(self, request: SecretRequest, thread_id: ThreadId | None) -> ClientSecret:
        """A new one; raises ``Overloaded`` when there are too many."""
        self._forget()
        if len(self._secrets) >= MOST:
            raise Overloaded("too many client secrets")
        ours = request.voxgate or _Ours()
        secret = ClientSecret(
            value=f"{PREFIX}{secrets.token_urlsafe(32)}",
            expires_at=int(self._clock()) + (request.expires_after or _Expiry()).seconds,
            sessions=ours.sessions,
            model=request.model,
            opening=request.opening,
            thread_id=thread_id,
            locks=frozenset(ours.locks),
        )
        self._secrets[secret.value] = secret
        return secret

    def find(self, value: str) -> ClientSecret | None:
        """The secret, as long as it holds."""
        self._forget()
        return self._secrets.get(value)

    @contextmanager
    def spending(self, secret: ClientSecret | None) -> Iterator[None]:
        """A session is opened with it inside; one that could not be opened is given back.

        It is taken first, so that of many who come at once no more get in than it is for: the others get
        ``Unauthorized``. None is no client secret, and nothing is spent.
        """
        if secret is None:
            yield
            return
        self._add(secret, -1)
        try:
            yield
        except BaseException:
            self._add(secret, 1)
            raise

    def _add(self, secret: ClientSecret, sessions: int) -> None:
        known = self._secrets.pop(secret.value, replace(secret, sessions=0))
        left = known.sessions + sessions
        if left < 0:
            raise Unauthorized(VOID)
        if left:
            self._secrets[secret.value] = replace(known, sessions=left)

    def _forget(self) -> None:
        now = self._clock()
        for value in [value for value, secret in self._secrets.items() if secret.expires_at <= now]:
            del self._secrets[value]


def parse_request(values: JsonObject) -> SecretRequest:
    """The body as a request; raises ``Complaint`` in the API's words."""
    try:
        return SecretRequest.model_validate(values)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(step) for step in fault["loc"])
        if fault["type"] == "missing":
            raise missing(path) from None
        if fault["type"] == "extra_forbidden":
            raise Complaint("unknown_parameter", f"Unknown parameter: '{path}'.", path) from None
        code = "invalid_type" if fault["type"].endswith("_type") else "invalid_value"
        raise Complaint(code, f"Invalid '{path}': {fault['msg']}", path) from None


def shown(secret: ClientSecret) -> JsonObject:
    """The answer to whoever asked for it."""
    session = {"type": "realtime", **(secret.opening or {}), "object": "realtime.session", "id": new_session_id()}
    if secret.model is not None:
        session["model"] = secret.model
    return {"value": secret.value, "expires_at": secret.expires_at, "session": session}
