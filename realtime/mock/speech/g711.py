"""G.711: both laws as tables. A code is a byte, a sample 16 bits at 8 kHz."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
Codes = npt.NDArray[np.uint8]

_BIAS = 132
_CLIP = 32_635
_A_SEGMENT_ENDS = np.array([0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF])


class Law:
    """One of the two laws: ``decode`` and ``encode`` are a look-up each."""

    def __init__(self, to_samples: Samples, to_codes: Codes) -> None:
        self._to_samples = to_samples
        self._to_codes = to_codes

    def decode(self, codes: bytes) -> Samples:
        """A sample for each byte."""
        return self._to_samples[np.frombuffer(codes, np.uint8)]

    def encode(self, samples: Samples) -> bytes:
        """A byte for each sample."""
        return self._to_codes[samples.view(np.uint16)].tobytes()


def _mu_samples() -> Samples:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0xF) << 3) + _BIAS) << ((code >> 4) & 7)) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _mu_codes() -> Codes:
    sample = _all_samples()
    magnitude = np.minimum(np.abs(sample), _CLIP) + _BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0xF
    code = ~(np.where(sample < 0, 0x80, 0) | (exponent << 4) | mantissa)
    return np.asarray(code & 0xFF, np.uint8)


def _a_samples() -> Samples:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (code >> 4) & 7
    mantissa = (code & 0xF) << 4
    magnitude = np.where(segment == 0, mantissa + 8, (mantissa + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _a_codes() -> Codes:
    sample = _all_samples() >> 3
    magnitude = np.where(sample < 0, -sample - 1, sample)
    segment = np.searchsorted(_A_SEGMENT_ENDS, magnitude).astype(np.int32)
    mantissa = (magnitude >> np.maximum(segment, 1)) & 0xF
    return (((segment << 4) | mantissa) ^ np.where(sample < 0, 0x55, 0xD5)).astype(np.uint8)


def _all_samples() -> npt.NDArray[np.int32]:
    """Every sample, in the order of its bit pattern."""
    return np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)


MU_LAW = Law(_mu_samples(), _mu_codes())
A_LAW = Law(_a_samples(), _a_codes())
