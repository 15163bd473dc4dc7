"""``voxgate doctor``: what is wrong, and what to do about it."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Awaitable, Callable
from ctypes.util import find_library
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import numpy as np

from realtime.agents.load import load
from realtime.commands.inspection import inspect, secret_file
from realtime.commands.listener import is_free
from realtime.commands.lock import is_served
from realtime.commands.process import run_until_signal
from realtime.commands.settings import add_settings_flags, settings_from
from realtime.commands.store import is_current, is_damaged, reading, sqlite_file, store_setting
from realtime.commands.trouble import Trouble
from realtime.commands.upstream_look import look_at_upstream
from realtime.commands.usage import CommandParser
from realtime.errors import ConfigurationError, GatewayError
from realtime.mock.speech.decoders import prove
from realtime.mock.speech.model_folder import recognition_model
from realtime.settings import Settings
from transports.audio import Resampler
from transports.errors import TransportError

PACKAGES = ("realtime", "transports", "prompts")
DISTRIBUTION = "voxgate"
SPEECH_ENGINES = ("onnxruntime", "pocketsphinx", "espeakng_loader")
"""What the extra ``speech`` brings; flite and espeak-ng are the system's."""


@dataclass(frozen=True, slots=True)
class Check:
    """``look`` says what it found, or raises ``Trouble``, ``Unseen`` or ``ConfigurationError``: no secret in any."""

    name: str
    look: Callable[[Settings], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class MachineCheck:
    """The same of what no setting changes."""

    name: str
    look: Callable[[], Awaitable[str]]


class Unseen(Exception):
    """This can be looked at only when something else has been put right; the text says what."""


def parser() -> argparse.ArgumentParser:
    """What ``doctor`` takes."""
    parser = CommandParser(
        prog="voxgate doctor",
        description="Check configuration, agent, store, upstream, packages, media, speech and live sound. The "
        "upstream is opened with the key, as a call would. Exit status 1 when something is wrong.",
    )
    add_settings_flags(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Look at everything; where the settings cannot be read, at what needs none."""
    settings: Settings | ConfigurationError
    try:
        settings = settings_from(arguments)
    except ConfigurationError as error:
        if arguments.config is not None and not arguments.config.is_file():
            raise  # wrong usage, as with every other command
        settings = error
    found = settings
    return run_until_signal(lambda stop: _examine(found))


async def _examine(settings: Settings | ConfigurationError) -> int:
    healthy = [await _passes(check, settings) for check in CHECKS]
    return 0 if all(healthy) else 1


async def _passes(check: Check | MachineCheck, settings: Settings | ConfigurationError) -> bool:
    try:
        print(f"ok     {check.name:14} {await _look(check, settings)}")
    except Unseen as unseen:
        print(f"skip   {check.name:14} {unseen}")
        return False
    except Trouble as trouble:
        _complain(check.name, str(trouble), trouble.remedy)
        return False
    except ConfigurationError as error:
        _complain(check.name, error.message, _remedy(error.setting, settings))
        return False
    return True


async def _look(check: Check | MachineCheck, settings: Settings | ConfigurationError) -> str:
    if isinstance(check, MachineCheck):
        return await check.look()
    if isinstance(settings, Settings):
        return await check.look(settings)
    if check.look is _configuration:
        raise settings
    raise Unseen(f"not looked at: {settings.setting} must be put right first")


def _remedy(setting: str, settings: Settings | ConfigurationError) -> str:
    """What to do about a setting that is wrong."""
    if setting == "--config":
        return "mend that file, or name another with --config"
    if isinstance(settings, ConfigurationError):
        return "mend it where it was set: in voxgate.toml or in the environment"
    if secret_file(settings, setting) is not None:
        return f"see that this file is there, holds what it should and can be read by this user, or set {setting} right"
    return f"set {setting} right, in voxgate.toml, the environment or by a flag"


def _complain(name: str, message: str, remedy: str) -> None:
    print(f"WRONG  {name:14} {' '.join(message.split())}")
    print(f"       {'':14} -> {remedy}")


async def _configuration(settings: Settings) -> str:
    inspect(settings)
    host, port = settings.server.host, settings.server.port
    place = f"listens on {host} port {port}" if port else f"listens on {host}, on any free port"
    return place + ("" if is_free(host, port) else ": somebody listens there now, a voxgate or another program")


async def _agent(settings: Settings) -> str:
    await load(settings.agent.spec, settings.agent).close()
    return settings.agent.spec


async def _store(settings: Settings) -> str:
    """Looks without changing: bringing a schema up to date is for ``serve`` and ``migrate``."""
    file = sqlite_file(settings)
    setting = store_setting(settings)
    if file is not None and not file.exists():
        return _to_be_made(file, setting)
    place = str(file) if file is not None else "the database answers, can be written"
    try:
        current = await is_current(settings)
        if current:
            async with reading(settings) as store:
                await store.ping()
    except ConfigurationError as error:
        if file is None or not is_damaged(error):
            raise
        raise Trouble(
            error.message, "move it aside, and the next `voxgate serve` makes a new one; or put a backup in its place"
        ) from None
    except GatewayError as error:
        raise Trouble(
            error.message, f"see {setting}, its owner, the disk's free space, and `voxgate migrate`"
        ) from None
    if not current and file is None:
        raise Trouble("its schema is behind this version", "run `voxgate migrate`")
    state = "its schema is up to date" if current else "the next `voxgate serve` brings its schema up to date"
    served = ", a gateway serves from it now" if is_served(settings) else ""
    return f"{place}: {state}{served}"


def _to_be_made(file: Path, setting: str) -> str:
    folder = next(parent for parent in file.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise Trouble(f"{folder} is a file, not a folder", f"choose another place with {setting}")
    if not os.access(folder, os.W_OK):
        raise Trouble(f"{folder} cannot be written", f"choose another place with {setting}, or change its owner")
    return f"{file} will be made by the first `voxgate serve`"


async def _upstream(settings: Settings) -> str:
    if not settings.upstream.embedded:
        try:
            settings.upstream.key()
        except ConfigurationError as error:
            raise Unseen(f"not looked at: {error.setting} must be put right first") from None
    return await look_at_upstream(settings.upstream)


async def _packages() -> str:
    """Two owners of one folder overwrite each other silently."""
    owners = packages_distributions()
    for package in PACKAGES:
        others = sorted(set(owners.get(package, ())) - {DISTRIBUTION})
        if others:
            raise Trouble(
                f"the package {package} is also installed by {', '.join(others)}",
                "install voxgate into an environment of its own",
            )
    return f"{DISTRIBUTION} {version(DISTRIBUTION)} alone owns {', '.join(PACKAGES)}"


async def _media() -> str:
    """WebRTC needs its library, Opus and a UDP port; sound of other rates must come out as long as it went in."""
    try:
        import_module("transports.webrtc")
        codec = import_module("transports.opus")
        codec.OpusDecoder().decode(codec.OpusEncoder(bit_rate=32_000).encode(bytes(codec.FRAME_BYTES)))
    except ImportError as error:
        raise Trouble(f"WebRTC cannot be had: {error}", "install voxgate anew, with all it needs") from None
    except TransportError as error:
        raise Trouble(
            f"WebRTC has no codec: {error}", "install voxgate anew, or the system's libopus (Debian: libopus0)"
        ) from None
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("0.0.0.0", 0))  # noqa: S104 - bound for a moment, nothing is read
    except OSError as error:
        raise Trouble(
            f"no UDP port can be bound: {error.strerror}", "allow this process UDP, or clients will have WebSocket only"
        ) from None
    resampler = Resampler(16_000, 24_000)
    samples = len(resampler.push(np.zeros(16_000, dtype=np.int16))) + len(resampler.flush())
    if abs(samples - 24_000) > 1:
        raise Trouble(f"16,000 samples became {samples}", "reinstall numpy")
    return "WebRTC and Opus are there, a UDP port can be bound, sound of other rates can be converted"


async def _speech(settings: Settings) -> str:
    """The embedded voice model's ears and mouth; without them it reads text and sounds tones, which is no fault.

    A model of the operator's that cannot be used is one: it is loaded once to see.
    """
    engines = {name: find_spec(name) is not None for name in SPEECH_ENGINES}
    engines["flite"] = find_library("flite") is not None
    engines["espeak-ng"] = which("espeak-ng") is not None
    there = [name for name, found in engines.items() if found]
    missing = [name for name, found in engines.items() if not found]
    told = f"engines there: {', '.join(there) or 'none'}"
    if missing:
        told += f"; not there: {', '.join(missing)}"
    if not all(engines[name] for name in SPEECH_ENGINES):
        told += " (the embedded voice model hears and speaks with voxgate[speech])"
    if settings.speech.recognition_model is not None:
        model = recognition_model(settings.speech.recognition_model)
        await prove(model)
        told += f"; words by {model.description}"
    return told


async def _live_sound() -> str:
    """For ``voxgate call --live`` alone. Looked for, not loaded: PortAudio takes hold of the machine's devices."""
    if find_spec("sounddevice") is None:
        return "sounddevice is not there (`voxgate call --live` needs voxgate[live])"
    if find_library("portaudio") is None:
        return "PortAudio is not there (`voxgate call --live` needs Debian's libportaudio2)"
    return "sounddevice and PortAudio are there; `voxgate call --list-devices` shows microphones and speakers"


CHECKS: tuple[Check | MachineCheck, ...] = (
    Check("configuration", _configuration),
    Check("agent", _agent),
    Check("store", _store),
    Check("upstream", _upstream),
    MachineCheck("packages", _packages),
    MachineCheck("media", _media),
    Check("speech", _speech),
    MachineCheck("live sound", _live_sound),
)
