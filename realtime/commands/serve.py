"""``voxgate serve``: the gateway."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
from contextlib import AsyncExitStack

from realtime.commands.inspection import inspect
from realtime.commands.listener import is_free, taken
from realtime.commands.lock import only_gateway
from realtime.commands.process import log_to_stderr, run_until_signal
from realtime.commands.settings import add_settings_flags, settings_from
from realtime.commands.store import named
from realtime.commands.usage import CommandParser, port_number
from realtime.desk import described
from realtime.gateway import Gateway
from realtime.mock.embedded import embedded_model
from realtime.mock.script import load_script
from realtime.mock.speech.studio import Studio
from realtime.protocol.appserver import DEFAULT_VOICE
from realtime.server.app import serving
from realtime.settings import ServerSettings, Settings

SPEECH_OFF = "ears: that somebody speaks, no words; mouth: tones with a transcript (speech.engines is off)"


def parser() -> argparse.ArgumentParser:
    """What ``serve`` takes."""
    parser = CommandParser(
        prog="voxgate serve",
        description="Run the gateway. With no key and no upstream given it talks through the embedded voice model "
        "and the embedded agent. Prints one line with the page's address when it is ready.",
        epilog="Settings also come from voxgate.toml and from VOXGATE_<SECTION>__<NAME>; flags win.",
    )
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=port_number, help="port to listen on, 0 for any free one (default: 8080)")
    parser.add_argument("--upstream", metavar="URL", help="the Realtime API's address, or: embedded")
    parser.add_argument("--agent", metavar="SPEC", help="embedded, none, responses, or module:factory")
    add_settings_flags(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal."""
    settings = settings_from(
        arguments,
        server={"host": arguments.host, "port": arguments.port},
        upstream={"base_url": arguments.upstream},
        agent={"spec": arguments.agent},
    )
    inspect(settings)
    log_to_stderr(settings.telemetry.log_level)
    return run_until_signal(lambda stop: _serve(settings, stop))


def _speaking_of_progress(settings: Settings) -> Settings:
    """Unless it was set otherwise: the embedded voice says at once what the agent says on its way."""
    if "speak_progress" in settings.session.model_fields_set:
        return settings
    session = settings.session.model_copy(update={"speak_progress": True})
    return settings.model_copy(update={"session": session})


async def _serve(settings: Settings, stop: asyncio.Event) -> int:
    async with AsyncExitStack() as stack:
        stack.enter_context(only_gateway(settings))
        _find_the_port_free(settings.server)
        studio = None
        if settings.upstream.embedded:
            settings = _speaking_of_progress(settings)
            if settings.speech.engines == "auto":
                studio = Studio(settings.speech.sessions or os.cpu_count() or 1, settings.speech.recognition_model)
                await stack.enter_async_context(studio.running())
            model = await stack.enter_async_context(embedded_model(load_script("assistant"), studio))
            gateway = Gateway(settings, model.connect, breaks=(model.breaks,), note=_note(studio))
        else:
            gateway = Gateway(settings)
        with named(settings):
            await stack.enter_async_context(gateway.running())
        doors = serving(gateway, settings.server, settings.limits, gateway.telemetry)
        address = await stack.enter_async_context(doors)
        spare_the_collector()
        print(f"Voxgate is ready: {address}  ({_behind(settings, studio)})", flush=True)
        await stop.wait()
        await gateway.drain()
    return 0


def _find_the_port_free(server: ServerSettings) -> None:
    """Before what takes long to start; raises ``ConfigurationError``."""
    if not is_free(server.host, server.port):
        raise taken("server.port", server.host, server.port, "voxgate")


def spare_the_collector() -> None:
    """Leave what stays for good out of garbage collections: going through it stops every talk for 0.1 s."""
    gc.collect()
    gc.freeze()


def _note(studio: Studio | None) -> str:
    """What people at the page ought to know of the embedded voice model's ears and mouth."""
    if studio is None:
        return f"The embedded voice model works by text here ({SPEECH_OFF}). Type, or give a real one under Settings."
    quality = "Its recognition is of demo quality: short plain English works best. " if studio.model is None else ""
    return (
        f"You talk to the embedded voice model: offline, without a key ({studio.description}). "
        f"{quality}Settings take a real voice model."
    )


def _behind(settings: Settings, studio: Studio | None) -> str:
    """Which voice, ears, mouth and agent answer, in a few words; never a secret."""
    spec = settings.agent.spec
    agent = {"embedded": "embedded agent", "none": "no agent"}.get(spec, f"agent {spec}")
    if settings.upstream.embedded:
        free = ": no key needed" if spec in ("embedded", "none") else ""
        return f"embedded voice model and {agent}{free}; {studio.description if studio is not None else SPEECH_OFF}"
    upstream = settings.upstream
    voice = settings.session.voice or DEFAULT_VOICE[upstream.version]
    return f"{described(upstream)}, voice {voice}, with the ears and the mouth it has there; {agent}"
