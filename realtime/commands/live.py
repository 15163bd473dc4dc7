"""Live sound: the contract of a sound device, and its body on the machine's microphone and speaker.

The body is sounddevice over PortAudio (extra ``live``). Its import asks the machine for its devices and fails where the
system library is missing, so it is done only when live sound is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

from realtime.commands.sound import FRAME_S, OUT_RATE
from realtime.errors import ConfigurationError
from realtime.protocol.json import JsonObject

BLOCK_FRAMES = int(OUT_RATE * FRAME_S)
LATENCY_S = 0.06
"""What the device may keep beyond a block: what it has taken is played, so a barge-in waits for so long at most."""
_FORMAT = {"samplerate": OUT_RATE, "channels": 1, "dtype": "int16"}
_ADVICE = "`voxgate call --list-devices` shows what is there, --device IN,OUT chooses"


@dataclass(frozen=True, slots=True)
class SoundPorts:
    """What a device calls, from a thread of its own; none of the three may block. Sound is 24 kHz mono PCM16."""

    heard: Callable[[bytes], None]
    """The microphone has given a block."""
    wanted: Callable[[int], bytes]
    """The speaker takes so many frames now."""
    lost: Callable[[], None]
    """The device has ended by itself: it was unplugged, or failed."""


class SoundDevice(Protocol):
    """A microphone and, where answers are spoken, a speaker."""

    def start(self, ports: SoundPorts) -> None:
        """Begin to call the ports; raises ``ConfigurationError`` when the device cannot be had."""
        ...

    def stop(self) -> None:
        """Call the ports no more. Harmless before ``start``, and more than once."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """Which devices: a number or a part of a name; None for the machine's default."""

    microphone: int | str | None = None
    speaker: int | str | None = None


def choice(text: str) -> Choice:
    """Reads ``IN,OUT``; raises ``ConfigurationError``."""
    parts = text.split(",")
    if len(parts) != 2:
        raise ConfigurationError(
            f"--device: must be IN,OUT, not {text!r}: numbers, or parts of names that hold no comma", setting="--device"
        )
    microphone, speaker = (_device(part.strip()) for part in parts)
    return Choice(microphone, speaker)


def _device(text: str) -> int | str | None:
    return int(text) if text.isascii() and text.isdigit() else text or None


class SoundCard:
    """The machine's own devices. A stream each: microphone and speaker may be two devices with two clocks."""

    def __init__(self, devices: Choice, *, with_speaker: bool) -> None:
        """Finds out whether the devices can be had; raises ``ConfigurationError``."""
        self._library = library()
        self._devices = devices
        self._with_speaker = with_speaker
        self._streams: list[Any] = []
        self._stopping = False
        self._tried("microphone", lambda: self._library.check_input_settings(device=devices.microphone, **_FORMAT))
        if with_speaker:
            self._tried("speaker", lambda: self._library.check_output_settings(device=devices.speaker, **_FORMAT))

    def start(self, ports: SoundPorts) -> None:
        """Open both streams; see the contract."""

        def on_heard(block: Any, frames: int, time: object, status: object) -> None:
            ports.heard(bytes(block))

        def on_wanted(block: Any, frames: int, time: object, status: object) -> None:
            block[:] = ports.wanted(frames)

        def on_finished() -> None:
            if not self._stopping:
                ports.lost()

        shared = {**_FORMAT, "blocksize": BLOCK_FRAMES, "latency": LATENCY_S, "finished_callback": on_finished}
        microphone = {**shared, "device": self._devices.microphone, "callback": on_heard}
        speaker = {**shared, "device": self._devices.speaker, "callback": on_wanted}
        try:
            self._tried("microphone", lambda: self._begin(self._library.RawInputStream(**microphone)))
            if self._with_speaker:
                self._tried("speaker", lambda: self._begin(self._library.RawOutputStream(**speaker)))
        except ConfigurationError:
            self.stop()
            raise

    def stop(self) -> None:
        """At once: what the devices still hold is dropped."""
        self._stopping = True
        while self._streams:
            self._streams.pop().close()

    def _begin(self, stream: Any) -> None:
        self._streams.append(stream)
        stream.start()

    def _tried(self, which: str, act: Callable[[], None]) -> None:
        try:
            act()
        except (self._library.PortAudioError, ValueError) as error:
            raise ConfigurationError(
                f"--live: no {which} that takes 24 kHz, mono: {error}; {_ADVICE}", setting="--device"
            ) from None


def library() -> ModuleType:
    """sounddevice; raises ``ConfigurationError`` that says what is missing and how to get it."""
    try:
        import sounddevice
    except ModuleNotFoundError:
        raise ConfigurationError(
            "--live: sounddevice is not installed: it comes with `make setup`, or the extra live of the wheel",
            setting="--live",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"--live: the system library of sounddevice is missing ({error}): on Debian, apt-get install libportaudio2",
            setting="--live",
        ) from None
    module: ModuleType = sounddevice
    return module


def devices() -> list[JsonObject]:
    """Each device of the machine: ``{index, name, inputs, outputs, isDefaultInput, isDefaultOutput}``.

    Raises ``ConfigurationError`` where the library is missing.
    """
    known = library()
    default_input, default_output = known.default.device
    return [
        {
            "index": index,
            "name": device["name"],
            "inputs": device["max_input_channels"],
            "outputs": device["max_output_channels"],
            "isDefaultInput": index == default_input,
            "isDefaultOutput": index == default_output,
        }
        for index, device in enumerate(known.query_devices())
    ]


def shown(device: JsonObject) -> str:
    """A device in one line: its number, its name, what it can."""
    marks = [
        f"{device[channels]} {way}" + (" (default)" if device[default] else "")
        for channels, way, default in (("inputs", "in", "isDefaultInput"), ("outputs", "out", "isDefaultOutput"))
        if device[channels]
    ]
    return f"{device['index']:3}  {device['name']}: {', '.join(marks) or 'neither in nor out'}"
