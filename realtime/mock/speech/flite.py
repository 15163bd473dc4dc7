"""Synthesis by flite's shared libraries, where the machine has them (Debian: libflite1). It blocks."""

from __future__ import annotations

import unicodedata
from ctypes import CDLL, POINTER, Structure, c_char_p, c_float, c_int, c_short, c_void_p, string_at
from typing import TYPE_CHECKING

from realtime.mock.speech.voices import Sound, is_low

if TYPE_CHECKING:
    from ctypes import _Pointer

_LOW, _HIGH = "rms", "slt"


class _Wave(Structure):
    _fields_ = (
        ("type", c_char_p),
        ("sample_rate", c_int),
        ("num_samples", c_int),
        ("num_channels", c_int),
        ("samples", POINTER(c_short)),
    )


class _Voice(Structure):
    _fields_ = (("name", c_char_p), ("features", c_void_p))


class Flite:
    """A high voice and a low one. Raises ``OSError`` where the libraries are not there."""

    name = "flite"

    def __init__(self) -> None:
        self._library = CDLL("libflite.so.1")
        self._library.flite_init()
        self._library.flite_text_to_wave.argtypes = (c_char_p, POINTER(_Voice))
        self._library.flite_text_to_wave.restype = POINTER(_Wave)
        self._library.delete_wave.argtypes = (POINTER(_Wave),)
        self._library.feat_set_float.argtypes = (c_void_p, c_char_p, c_float)
        self._voices = {each: _registered(each) for each in (_LOW, _HIGH)}

    def speak(self, text: str, *, voice: str, speed: float) -> Sound:
        """The whole text as one sound."""
        speaker = self._voices[_LOW if is_low(voice) else _HIGH]
        self._library.feat_set_float(speaker.contents.features, b"duration_stretch", 1 / speed)
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").replace(b"\0", b" ")
        wave = self._library.flite_text_to_wave(plain, speaker)
        if not wave:
            return Sound(b"", 16_000)
        try:
            pcm = string_at(wave.contents.samples, wave.contents.num_samples * 2)
            return Sound(pcm, wave.contents.sample_rate)
        finally:
            self._library.delete_wave(wave)


def _registered(name: str) -> _Pointer[_Voice]:
    library = CDLL(f"libflite_cmu_us_{name}.so.1")
    register = library[f"register_cmu_us_{name}"]
    register.argtypes, register.restype = (c_char_p,), POINTER(_Voice)
    voice: _Pointer[_Voice] = register(None)
    return voice
