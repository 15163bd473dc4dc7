"""What a person at the page may see and turn: who answers, another voice model for a while, harm on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError

from realtime.errors import Forbidden, InvalidRequest, SessionNotFound
from realtime.protocol.appserver import Params
from realtime.protocol.ids import ThreadId
from realtime.protocol.json import JsonObject
from realtime.session.config import SessionBuilder
from realtime.settings import Settings, UpstreamSettings


class UpstreamChoice(Params):
    """Another voice model; all members left out: the configured one again."""

    base_url: str | None = Field(default=None, max_length=2000)
    api_key: SecretStr | None = None
    model: str | None = Field(default=None, min_length=1, max_length=256)


class BreakParams(Params):
    """Which harm is to be done, and to the call of which thread."""

    name: str
    thread_id: ThreadId


class Breaks(Protocol):
    """Does harm to calls of the embedded voice model and agent, for people who want to see what happens then."""

    def offered(self) -> Mapping[str, str]:
        """What can be done: names, and what the buttons say."""
        ...

    def strike(self, name: str, label: str, /) -> str:
        """Do it to the thread of that id; returns in plain words what was done.

        Raises ``LookupError`` where nothing runs.
        """
        ...


class Desk:
    """The page's desk of one gateway. ``note`` says what ears and mouth the embedded voice model has."""

    def __init__(self, settings: Settings, builder: SessionBuilder, breaks: Sequence[Breaks], note: str) -> None:
        self._settings = settings
        self._builder = builder
        self._breaks = breaks
        self._note = note
        self.may_switch = settings.server.is_loopback and settings.server.console_upstream
        """Only who sits at this machine may send the calls of everybody elsewhere."""

    @property
    def upstream(self) -> UpstreamSettings:
        """The voice model that new calls use."""
        return self._builder.upstream

    def about(self) -> JsonObject:
        """For the page."""
        embedded = self.upstream.embedded
        offered = {name: title for breaks in self._breaks if embedded for name, title in breaks.offered().items()}
        return {
            "upstream": described(self.upstream),
            "agent": self._settings.agent.spec,
            "note": self._note if embedded else "",
            "canSwitch": self.may_switch,
            "breaks": [{"name": name, "title": title} for name, title in offered.items()],
        }

    def use(self, choice: UpstreamChoice) -> None:
        """New calls use this voice model, until the gateway ends. Raises ``Forbidden``, ``InvalidRequest``."""
        if not self.may_switch:
            raise Forbidden("the voice model can be chosen from the gateway's own machine only")
        given = choice.model_dump(exclude_none=True)
        if not given:
            self._builder.upstream = self._settings.upstream
            return
        if "api_key" in given and not given["api_key"].get_secret_value().strip():
            raise InvalidRequest("Invalid request: the key is empty", field="apiKey")
        address = UpstreamSettings.model_fields["base_url"].default
        base = {"base_url": address, "calls_base_url": None, "api_key": None, "api_key_file": None}
        try:
            chosen = UpstreamSettings.model_validate({**self._settings.upstream.model_dump(), **base, **given})
        except ValidationError as error:
            field = {"base_url": "baseUrl", "api_key": "apiKey"}.get(str(error.errors()[0]["loc"][0]), "model")
            raise InvalidRequest(f"Invalid request: {field} cannot be used", field=field) from None
        self._builder.upstream = chosen

    def strike(self, params: BreakParams) -> str:
        """Do harm; returns what was done. Raises ``InvalidRequest``, ``SessionNotFound``."""
        for breaks in self._breaks if self.upstream.embedded else ():
            if params.name in breaks.offered():
                try:
                    return breaks.strike(params.name, params.thread_id)
                except LookupError:
                    raise SessionNotFound("there is no call on this thread that could be broken") from None
        raise InvalidRequest(f"Invalid request: unknown variant `{params.name[:80]}` of name", field="name")


def described(upstream: UpstreamSettings) -> str:
    """Who answers, in a few words; never a secret."""
    if upstream.embedded:
        return "embedded voice model"
    place = urlsplit(upstream.base_url)
    host = place.hostname if place.port is None else f"{place.hostname}:{place.port}"
    return f"upstream {host}, model {upstream.model}"
