"""What can be found wrong with settings before anything is begun."""

from __future__ import annotations

from pathlib import Path

from realtime.errors import ConfigurationError
from realtime.protocol.appserver import VOICES
from realtime.server.access import Access
from realtime.settings import Settings


def inspect(settings: Settings) -> None:
    """Say now what would be said to the first client else; raises ``ConfigurationError``."""
    try:
        Access(settings.server)
        settings.upstream.key()
    except ConfigurationError as error:
        # The operator is told where the file was sought; clients, who may meet the same error later, are not.
        path = secret_file(settings, error.setting)
        if path is None:
            raise
        raise ConfigurationError(f"{error.message}: {path}", setting=error.setting) from None
    voice, version = settings.session.voice, settings.upstream.version
    if voice is not None and voice not in VOICES[version]:
        allowed = ", ".join(VOICES[version])
        raise ConfigurationError(
            f"session.voice: {voice!r} is no voice of realtime {version} (upstream.version), which has {allowed}",
            setting="session.voice",
        )


def secret_file(settings: Settings, setting: str) -> Path | None:
    """The file that a setting names, where it is one of those that hold secrets."""
    files = {
        "upstream.api_key_file": settings.upstream.api_key_file,
        "server.auth_tokens_file": settings.server.auth_tokens_file,
    }
    return files.get(setting)
