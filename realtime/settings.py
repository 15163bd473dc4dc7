"""What can be set: one section for each room, which receives that and never the whole."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from realtime.errors import ConfigurationError

PREFIX = "VOXGATE_"
NESTED = "__"


class Section(BaseModel):
    """A section knows no foreign names: a misspelt setting is an error, not a silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_KEY_FILE = "upstream.api_key_file"


class UpstreamSettings(Section):
    """The voice model. ``base_url`` is http(s), or ``embedded`` for the built-in model."""

    base_url: str = "https://api.openai.com/v1"
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    model: str = "gpt-realtime-1.5"
    version: Literal["v1", "v2"] = "v2"
    connect_timeout_s: float = Field(default=10.0, gt=0, le=300)
    reconnect: bool = True
    retries: int = Field(default=2, ge=0, le=20)
    transcription_model: str = "gpt-4o-mini-transcribe"
    session_limit_s: float = Field(default=3600.0, gt=0)
    """How long the upstream lets a session live; a new one is prepared before."""
    calls_base_url: str | None = None
    """Where WebRTC calls are made; None: at ``base_url``."""

    @property
    def embedded(self) -> bool:
        """True when the voice model runs inside this process."""
        return self.base_url == "embedded"

    @property
    def calls_base(self) -> str:
        """The base address of WebRTC calls."""
        return self.calls_base_url or self.base_url

    @field_validator("base_url")
    @classmethod
    def _known_scheme(cls, value: str) -> str:
        if value != "embedded" and not value.startswith(("http://", "https://")):
            raise ValueError("must be an http or https address, or 'embedded'")
        return value

    @field_validator("calls_base_url")
    @classmethod
    def _known_calls_scheme(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must be an http or https address")
        return value

    def key(self) -> str | None:
        """The API key, read anew from ``api_key_file`` when that is set, so that it may be rotated.

        Raises ``ConfigurationError``.
        """
        if self.api_key_file is None:
            return self.api_key.get_secret_value() if self.api_key else None
        try:
            key = self.api_key_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ConfigurationError(f"{_KEY_FILE}: cannot be read: {reason}", setting=_KEY_FILE) from None
        if not key:
            raise ConfigurationError(f"{_KEY_FILE}: holds no key", setting=_KEY_FILE)
        return key


class SessionSettings(Section):
    """What a realtime session is given, unless the client says otherwise."""

    type: Literal["conversational", "transcription"] = "conversational"
    voice: str | None = None
    prompt: str | None = None
    startup_context: str | None = None
    startup_context_tokens: int = Field(default=5300, ge=0, le=16_000)
    user_first_name: str | None = None
    webrtc: Literal["upstream", "gateway"] = "upstream"
    """Who answers a WebRTC offer; an embedded upstream implies ``gateway``."""
    speak_progress: bool = False
    """True: the voice is asked to speak after each progress message of the agent."""


class AgentSettings(Section):
    """The background agent: ``embedded``, ``none``, ``responses``, or ``module:factory``."""

    spec: str = "embedded"
    model: str = "gpt-5.2"
    base_url: str | None = None
    api_key: SecretStr | None = None
    timeout_s: float = Field(default=600.0, gt=0)
    instructions: str | None = None


class StoreSettings(Section):
    """``url`` None means SQLite in the data folder."""

    url: str | None = None
    timeout_s: float = Field(default=5.0, gt=0)


IceUrl = Annotated[str, StringConstraints(pattern=r"^(stuns?|turns?):[!#-;=?-\[\]-~]+$")]


class IceServerSettings(Section):
    """A STUN or TURN server for clients (RFC 7064, RFC 7065).

    With ``secret``, the TURN server's ``static-auth-secret``, each client gets credentials of its own that are
    good for ``ttl_s`` seconds; else ``username`` and ``credential`` are handed out as they are.
    """

    urls: tuple[IceUrl, ...] = Field(min_length=1, max_length=8)
    username: str | None = None
    credential: SecretStr | None = None
    secret: SecretStr | None = None
    ttl_s: int = Field(default=3600, ge=60, le=604_800)

    @field_validator("username", "credential")
    @classmethod
    def _fits_a_header(cls, value: str | SecretStr | None) -> str | SecretStr | None:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value or ""
        if not (text.isascii() and text.isprintable()):
            raise ValueError("must be printable ASCII")
        return value


class ServerSettings(Section):
    """The doors."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    auth_tokens_file: Path | None = None
    allowed_origins: tuple[str, ...] = ()
    public_ip: str | None = None
    """Announced in answers to WebRTC offers in place of this machine's own addresses (1:1 NAT)."""
    udp_ports: str | None = None
    """``FIRST-LAST``: the UDP ports of the gateway's own WebRTC peers; None: any."""
    private_candidates: bool = True
    """False: a browser's candidates in private, loopback and link-local ranges are never contacted."""
    ice_servers: tuple[IceServerSettings, ...] = ()
    """Handed out to clients with the answer of a WebRTC call."""
    realtime_locks: tuple[Literal["instructions", "tools", "voice", "model"], ...] = ()
    """What clients of the Realtime API cannot change."""
    realtime_beta: bool = True
    """Clients of the Realtime API's beta shape are served, by translation."""
    strict_active_response: bool = False
    """On that door a second ``response.create`` is refused, as by the API itself, and not queued."""
    max_sessions: int = Field(default=200, ge=1)
    max_connections: int = Field(default=2000, ge=1)
    console_upstream: bool = True
    """True: the page of a listener that is loopback may choose another voice model for new calls."""

    @property
    def udp_port_range(self) -> tuple[int, int] | None:
        """First and last port."""
        if self.udp_ports is None:
            return None
        first, _, last = self.udp_ports.partition("-")
        return int(first), int(last)

    @field_validator("public_ip")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None:
            ipaddress.ip_address(value)
        return value

    @field_validator("udp_ports")
    @classmethod
    def _is_range(cls, value: str | None) -> str | None:
        if value is not None:
            match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", value)
            if match is None or not 1024 <= int(match[1]) <= int(match[2]) <= 65_535:
                raise ValueError("must be FIRST-LAST, two ports from 1024 to 65535")
        return value

    @property
    def is_loopback(self) -> bool:
        """True when only this machine reaches the listener."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False


class LimitsSettings(Section):
    """Bounds. Times in seconds, sizes in bytes."""

    response_s: float = Field(default=60.0, gt=0)
    transcription_s: float = Field(default=20.0, gt=0)
    """How long the words of a spoken turn are awaited; words that come later still fill it."""
    orphan_s: float = Field(default=60.0, gt=0)
    audio_queue_ms: float = Field(default=1000.0, gt=0)
    control_queue: int = Field(default=256, ge=1)
    inbox: int = Field(default=1024, ge=1)
    lane: int = Field(default=1024, ge=1)
    client_messages: int = Field(default=1024, ge=8)
    client_bytes: int = Field(default=1_048_576, ge=65_536)
    client_stall_s: float = Field(default=10.0, gt=0)
    message_bytes: int = Field(default=4_194_304, ge=65_536)
    realtime_client_bytes: int = Field(default=33_554_432, ge=65_536)
    """What may wait for a client of the Realtime API, of which nothing is left out, before it is closed."""
    upstream_message_bytes: int = Field(default=16_777_216, ge=65_536)
    steering: int = Field(default=16, ge=1)
    history_items: int = Field(default=200, ge=1)
    history_chars: int = Field(default=60_000, ge=1)
    drain_s: float = Field(default=5.0, ge=0)
    join_s: float = Field(default=5.0, gt=0)
    """How long the sideband of a new WebRTC call is sought."""
    reconnect_s: float = Field(default=60.0, gt=0)
    """How long a lost upstream is sought before the call is given up."""


class SpeechSettings(Section):
    """Ears and mouth of the embedded voice model."""

    engines: Literal["auto", "off"] = "auto"
    """``off``: scripted words and tones, as ``voxgate mock`` has them."""
    sessions: int | None = Field(default=None, ge=1, le=1000)
    """How many spoken sessions there may be at a time; None: one for each core."""
    recognition_model: Path | None = None
    """A folder with a model that sherpa-onnx loads, used in place of pocketsphinx."""


class TelemetrySettings(Section):
    """What is told to the log."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(BaseSettings):
    """All of it, built once in ``cli``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=NESTED, extra="forbid", frozen=True)

    upstream: UpstreamSettings = UpstreamSettings()
    session: SessionSettings = SessionSettings()
    agent: AgentSettings = AgentSettings()
    store: StoreSettings = StoreSettings()
    server: ServerSettings = ServerSettings()
    limits: LimitsSettings = LimitsSettings()
    speech: SpeechSettings = SpeechSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    data: Path = Path("data")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then the file (the first named wins)."""
        del dotenv_settings, file_secret_settings
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))

    def store_url(self) -> str:
        """The store's address, SQLite in the data folder by default."""
        return self.store.url or f"sqlite:///{self.data / 'voxgate.db'}"
