"""Synthesis by espeak-ng's library. Its licence is GPL-3: only the child process that speaks may load it."""

from __future__ import annotations

from ctypes import CDLL, CFUNCTYPE, POINTER, c_char_p, c_int, c_short, c_size_t, c_uint, c_void_p, string_at
from typing import TYPE_CHECKING

from realtime.mock.speech.voices import Sound, is_low

if TYPE_CHECKING:
    from ctypes import _Pointer

_SYNCHRONOUS = 2
_UTF_8 = 1
_RATE = 1
"""Number of the parameter: words a minute."""
_WORDS_A_MINUTE = 165
_SLOWEST, _FASTEST = 80, 450
_CHUNK_MS = 60
_SCALE = 0.7
"""The engine speaks close to clipping."""
_CALLBACK = CFUNCTYPE(c_int, POINTER(c_short), c_int, c_void_p)


class Espeak:
    """A high voice and a low one. Raises ``OSError`` where the library is not there."""

    name = "espeak-ng"

    def __init__(self) -> None:
        path, data = _found()
        self._library = CDLL(path)
        self._library.espeak_Initialize.argtypes = (c_int, c_int, c_char_p, c_int)
        self._library.espeak_Synth.argtypes = (c_char_p, c_size_t, c_uint, c_int, c_uint, c_uint, c_void_p, c_void_p)
        self._library.espeak_SetVoiceByName.argtypes = (c_char_p,)
        self._library.espeak_SetParameter.argtypes = (c_int, c_int, c_int)
        self._rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, _CHUNK_MS, data, 0)
        if self._rate <= 0:
            raise OSError("espeak-ng has no data")
        self._pieces: list[bytes] = []
        self._callback = _CALLBACK(self._take)  # the library keeps no reference to it
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, *, voice: str, speed: float) -> Sound:
        """The whole text as one sound."""
        self._pieces.clear()
        self._library.espeak_SetVoiceByName(b"en-us+m3" if is_low(voice) else b"en-us+f3")
        pace = min(max(round(_WORDS_A_MINUTE * speed), _SLOWEST), _FASTEST)
        self._library.espeak_SetParameter(_RATE, pace, 0)
        plain = text.replace("\0", " ").encode()
        self._library.espeak_Synth(plain, len(plain) + 1, 0, 0, 0, _UTF_8, None, None)
        return Sound(b"".join(self._pieces), self._rate, _SCALE)

    def _take(self, wave: _Pointer[c_short], samples: int, events: object) -> int:
        del events
        if wave and samples > 0:
            self._pieces.append(string_at(wave, samples * 2))
        return 0


def _found() -> tuple[str, bytes | None]:
    """The library and its data: of the wheel, else of the machine."""
    try:
        import espeakng_loader
    except ImportError:
        return "libespeak-ng.so.1", None
    return espeakng_loader.get_library_path(), espeakng_loader.get_data_path().encode()
