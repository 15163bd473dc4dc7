"""In place of the library sounddevice: a microphone that says a second of tone, a speaker that writes what it plays.

As much of its interface as ``voxgate call --live`` uses, with the threads that call back. What the speaker played lies
in ``played.raw`` once its stream is closed.
"""

from __future__ import annotations

import math
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

RATE = 24_000
BLOCK_S = 0.02
SILENT_BLOCKS, LOUD_BLOCKS = 25, 50
TONE = b"".join(struct.pack("<h", int(9000 * math.sin(2 * math.pi * 440 * n / RATE))) for n in range(480))

default = SimpleNamespace(device=(0, 1))
streams: list[Stream] = []


class PortAudioError(Exception):
    """What PortAudio refuses."""


def query_devices() -> list[dict[str, Any]]:
    """Two devices."""
    return [
        {"name": "Desk microphone", "max_input_channels": 1, "max_output_channels": 0},
        {"name": "Loud speaker", "max_input_channels": 0, "max_output_channels": 2},
        {"name": "Nothing", "max_input_channels": 0, "max_output_channels": 0},
    ]


def check_input_settings(*, device: int | str | None, samplerate: int, channels: int, dtype: str) -> None:
    """Device 0 alone has a microphone."""
    if device not in (None, 0, "Desk"):
        raise ValueError(f"No input device matching {device!r}")
    assert (samplerate, channels, dtype) == (RATE, 1, "int16")


def check_output_settings(*, device: int | str | None, samplerate: int, channels: int, dtype: str) -> None:
    """Device 1 has a speaker that takes this format; device 2 takes no format."""
    if device == 2:
        raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")
    assert (samplerate, channels, dtype) == (RATE, 1, "int16")


class Stream:
    """Calls back from a thread of its own until it is closed."""

    def __init__(self, *, callback: Callable[..., None], finished_callback: Callable[[], None], **how: Any) -> None:
        assert how["blocksize"] == len(TONE) // 2
        self.device = how["device"]
        self._callback = callback
        self._finished = finished_callback
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run)
        streams.append(self)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, and wait for the end."""
        self._closed.set()
        self._thread.join()

    def block(self, number: int) -> None:
        """Block after block."""

    def _run(self) -> None:
        number = 0
        while not self._closed.wait(BLOCK_S):
            self.block(number)
            number += 1
        self._finished()

    def unplug(self) -> None:
        """The device goes away."""
        self._closed.set()


class RawInputStream(Stream):
    """The microphone."""

    def block(self, number: int) -> None:
        """Silence, a tone, silence."""
        loud = SILENT_BLOCKS <= number < SILENT_BLOCKS + LOUD_BLOCKS
        self._callback(memoryview(TONE if loud else bytes(len(TONE))), len(TONE) // 2, None, None)


class RawOutputStream(Stream):
    """The speaker."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self._played = bytearray()

    def block(self, number: int) -> None:
        """Take what is there to be played."""
        out = memoryview(bytearray(len(TONE)))
        self._callback(out, len(TONE) // 2, None, None)
        self._played += out

    def close(self) -> None:
        """Leave what was played."""
        super().close()
        Path("played.raw").write_bytes(self._played)
