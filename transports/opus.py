"""Opus (RFC 6716) as the peers speak it: mono, 24 kHz, frames of 20 ms; libopus itself, called without a detour.

PyAV carries libopus, but its codec contexts decode at 48 kHz only, hide the concealment of lost packets and
cost several times the arithmetic in frame objects; so the library that comes with it is called directly, or the
system's where there is none. Calls take 30-60 us and run on the loop.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache
from pathlib import Path
from typing import Final

import av

from transports.errors import TransportError
from transports.peer import FRAME_MS, SAMPLE_RATE

FRAME_SAMPLES: Final = SAMPLE_RATE * FRAME_MS // 1000
FRAME_BYTES: Final = FRAME_SAMPLES * 2
SILENCE: Final = bytes(FRAME_BYTES)

# opus_defines.h
_RESTRICTED_LOW_DELAY: Final = 2051
_SET_BITRATE: Final = 4002
_SET_COMPLEXITY: Final = 4010
_SET_VBR_CONSTRAINT: Final = 4020
_COMPLEXITY: Final = 7
"""The least that searches for the pitch with care: 5 costs a quarter less and 10-20 dB at 150-200 Hz."""
_MAX_PACKET: Final = 1275
_MAX_SAMPLES: Final = SAMPLE_RATE * 120 // 1000
_SETTLED: Final = 3
"""Silent frames after which the codec's two ends stand where any number of silent frames would leave them."""


class CodecUnavailable(TransportError):
    """There is no libopus on this machine."""


@cache
def _library() -> ctypes.CDLL:
    """The library beside PyAV, else the system's; raises ``CodecUnavailable``."""
    site = Path(av.__file__).parent
    beside = [*site.parent.glob("av.libs/libopus*.so*"), *site.glob(".dylibs/libopus*.dylib")]
    found = str(beside[0]) if beside else ctypes.util.find_library("opus")
    if found is None:
        raise CodecUnavailable("libopus was found neither beside PyAV nor in the system")
    library = ctypes.CDLL(found)
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    library.opus_encoder_create.restype = pointer
    library.opus_encoder_create.argtypes = (integer, integer, integer, pointer)
    library.opus_encoder_ctl.argtypes = (pointer, integer, integer)
    library.opus_encoder_destroy.argtypes = (pointer,)
    library.opus_encode.argtypes = (pointer, ctypes.c_char_p, integer, pointer, integer)
    library.opus_decoder_create.restype = pointer
    library.opus_decoder_create.argtypes = (integer, integer, pointer)
    library.opus_decoder_destroy.argtypes = (pointer,)
    library.opus_decode.argtypes = (pointer, ctypes.c_char_p, integer, pointer, integer, integer)
    return library


class OpusEncoder:
    """Low-delay (CELT) encoder: 2.5 ms of look-ahead."""

    def __init__(self, bit_rate: int) -> None:
        self._library = _library()
        self._state = self._library.opus_encoder_create(SAMPLE_RATE, 1, _RESTRICTED_LOW_DELAY, None)
        if not self._state:
            raise CodecUnavailable("libopus refused to make an encoder")
        self._library.opus_encoder_ctl(self._state, _SET_BITRATE, bit_rate)
        self._library.opus_encoder_ctl(self._state, _SET_COMPLEXITY, _COMPLEXITY)
        self._library.opus_encoder_ctl(self._state, _SET_VBR_CONSTRAINT, 0)
        self._packet = ctypes.create_string_buffer(_MAX_PACKET)
        self._silent_frames = 0
        self._silence = b""

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_encoder_destroy(self._state)

    def encode(self, pcm: bytes) -> bytes:
        """A packet of one frame; ``pcm`` is ``FRAME_BYTES`` long, else ``ValueError``.

        A frame of silence resets the energy prediction on both ends (RFC 6716 4.3), so once a few have gone
        through, the packet of the last one stands for all that follow.
        """
        if len(pcm) != FRAME_BYTES:
            raise ValueError(f"{len(pcm)} bytes are not a frame")
        if pcm != SILENCE:
            self._silent_frames = 0
            return self._encode(pcm)
        if self._silent_frames < _SETTLED:
            self._silent_frames += 1
            self._silence = self._encode(pcm)
        return self._silence

    def _encode(self, pcm: bytes) -> bytes:
        size: int = self._library.opus_encode(self._state, pcm, FRAME_SAMPLES, self._packet, _MAX_PACKET)
        if size < 0:
            raise ValueError(f"libopus refused a frame: {size}")
        return ctypes.string_at(self._packet, size)


class OpusDecoder:
    """Decodes any Opus stream to 24 kHz mono, and conceals what did not come."""

    def __init__(self) -> None:
        self._library = _library()
        self._state = self._library.opus_decoder_create(SAMPLE_RATE, 1, None)
        if not self._state:
            raise CodecUnavailable("libopus refused to make a decoder")
        self._pcm = ctypes.create_string_buffer(_MAX_SAMPLES * 2)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_decoder_destroy(self._state)

    def decode(self, packet: bytes) -> bytes | None:
        """PCM of a packet, 2.5 to 120 ms; None when it is no Opus packet."""
        return self._decode(packet, _MAX_SAMPLES, recover=False) if packet else None

    def recover(self, following: bytes, samples: int) -> bytes:
        """What stood before this packet: from its in-band redundancy if it has some, else guessed."""
        return self._decode(following, samples, recover=True) or bytes(samples * 2)

    def conceal(self, samples: int) -> bytes:
        """A guess at what follows the last packet; ``samples`` is a multiple of 2.5 ms, at most 120 ms."""
        return self._decode(None, samples, recover=False) or bytes(samples * 2)

    def _decode(self, packet: bytes | None, samples: int, *, recover: bool) -> bytes | None:
        size = 0 if packet is None else len(packet)
        made: int = self._library.opus_decode(self._state, packet, size, self._pcm, samples, int(recover))
        return ctypes.string_at(self._pcm, made * 2) if made > 0 else None
