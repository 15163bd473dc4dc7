"""Reading the settings: ``voxgate.toml``, then environment ``VOXGATE_<SECTION>__<NAME>``, then flags; later wins.

The only module that reads the environment.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsConfigDict, SettingsError

from realtime.errors import ConfigurationError
from realtime.settings import NESTED, PREFIX, Section, Settings, UpstreamSettings

log = logging.getLogger(__name__)

_NOT_OURS = frozenset({f"{PREFIX}LONG"})
"""The project's own tests are told by it to take long."""
_SERVICE = re.compile(rf"{PREFIX}(SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_\w+)=|{PREFIX}PORT=\w+://")
"""Kubernetes writes these into every container beside a service that is called voxgate."""


def load(*, config: Path | None = None, flags: dict[str, Any] | None = None) -> Settings:
    """Read all sources; raises ``ConfigurationError`` with one line that names the setting.

    ``config`` None means ``voxgate.toml`` in the working folder, where there is one.
    """
    if config is not None and not config.is_file():
        raise ConfigurationError(f"--config: no such file: {config}", setting="--config")
    file = config if config is not None else Path("voxgate.toml")

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    _check_variables(os.environ)
    try:
        settings = FromFile(**(flags or {}))
    except ValidationError as error:
        raise _explained(error.errors(include_url=False, include_input=False)[0]) from None
    except SettingsError as error:
        raise _not_json(error) from None
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}", setting="--config") from None
    except ValueError as error:
        raise ConfigurationError(f"{file}: not TOML: {error}", setting="--config") from None
    return _with_fallbacks(settings)


_KINDS = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "a whole number"),
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "a text",
    "path_type": "a path",
    "tuple_type": "a list",
    "greater_than": "above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
}
"""By pydantic's type of an error: what the setting must be."""


def _explained(fault: ErrorDetails) -> ConfigurationError:
    """The first fault of the settings in words of ours; it never repeats a value, which may be a secret."""
    name, kind = ".".join(str(step) for step in fault["loc"]), fault["type"]
    if kind == "extra_forbidden":
        return _unknown(name)
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return ConfigurationError(f"{name}: must be a section, [{name}], with settings in it", setting=name)
    if kind in _KINDS:
        return ConfigurationError(f"{name}: must be {_KINDS[kind].format(**fault.get('ctx', {}))}", setting=name)
    return ConfigurationError(f"{name}: {fault['msg'].removeprefix('Value error, ')}", setting=name)


def _not_json(error: SettingsError) -> ConfigurationError:
    """A variable that must be JSON; pydantic's text names the field and nothing of its value."""
    section = next((name for name in Settings.model_fields if f'"{name}"' in str(error)), "")
    variable = f"{PREFIX}{section.upper()}"
    return ConfigurationError(f'{variable}…: lists are given as JSON, such as ["a", "b"]', setting=variable)


def _unknown(name: str) -> ConfigurationError:
    """A setting that is not there, and the one that may have been meant."""
    meant = _meant(name)
    hint = f"; did you mean {meant}?" if meant else ""
    return ConfigurationError(f"{name}: there is no such setting{hint}", setting=name)


def _meant(name: str) -> str | None:
    """The setting of that name in another section, or the one with the nearest name."""
    known = _names()
    last = name.rpartition(".")[2]
    near = [full for full in known if full.rpartition(".")[2] == last] or get_close_matches(name, known, n=1)
    return near[0] if near else None


def _names() -> list[str]:
    """All sections and settings as a user writes them."""
    names = list(Settings.model_fields)
    for section, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            names += [f"{section}.{name}" for name in field.annotation.model_fields]
    return names


def _check_variables(environment: Mapping[str, str]) -> None:
    """A variable that names no setting is not passed over in silence."""
    for variable in sorted(environment):
        section, nested, _ = variable.removeprefix(PREFIX).partition(NESTED)
        if not variable.startswith(PREFIX) or section.lower() in Settings.model_fields:
            continue  # what such a section does not know is found where it is read
        if variable in _NOT_OURS or _SERVICE.match(f"{variable}={environment[variable]}"):
            continue
        if nested:
            near = get_close_matches(section.lower(), list(Settings.model_fields), n=1)
            hint = f"; did you mean {variable.replace(section, near[0].upper(), 1)}?" if near else ""
            raise ConfigurationError(f"{variable}: there is no section {section.lower()}{hint}", setting=variable)
        # Told, and no more: a program around the gateway may have variables of its own.
        meant = _meant(section.lower())
        hint = f"; did you mean {PREFIX}{meant.upper().replace('.', NESTED)}?" if meant else ""
        log.warning("%s: there is no such setting%s", variable, hint)


def _with_fallbacks(settings: Settings) -> Settings:
    """``OPENAI_API_KEY`` and ``OPENAI_BASE_URL``; with neither a key nor an address: embedded."""
    upstream = settings.upstream
    changes: dict[str, Any] = {}
    base_url_given = "base_url" in upstream.model_fields_set
    if not base_url_given and (base_url := os.environ.get("OPENAI_BASE_URL")):
        changes["base_url"] = base_url
        base_url_given = True
    if upstream.api_key is None and upstream.api_key_file is None:
        if key := os.environ.get("OPENAI_API_KEY"):
            changes["api_key"] = SecretStr(key)
        elif not base_url_given:
            changes["base_url"] = "embedded"
    if not changes:
        return settings
    try:
        merged = UpstreamSettings.model_validate({**upstream.model_dump(), **changes})
    except ValidationError as error:
        text = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"OPENAI_BASE_URL: {text}", setting="OPENAI_BASE_URL") from None
    return settings.model_copy(update={"upstream": merged})
