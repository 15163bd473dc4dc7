"""Recognition by sherpa-onnx, with a model of the operator's. Runs in a child process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sherpa_onnx import OfflineRecognizer

from realtime.mock.speech.contracts import HEARING_RATE
from realtime.mock.speech.model_folder import Kind, RecognitionModel

_FULL_SCALE = 32_768.0
_FIRST = bytes(2 * HEARING_RATE)
"""A second of silence, heard at once: what would fail at the first turn fails here."""
_LOADERS: Mapping[Kind, Callable[..., Any]] = {
    "nemo_ctc": OfflineRecognizer.from_nemo_ctc,
    "zipformer_ctc": OfflineRecognizer.from_zipformer_ctc,
    "wenet_ctc": OfflineRecognizer.from_wenet_ctc,
    "transducer": OfflineRecognizer.from_transducer,
}


class ModelListener:
    """Hears a turn as a whole, at its end; until then no words are certain.

    Raises ``RuntimeError`` or ``ValueError`` where the engine does not load the model, or ends the process.
    """

    def __init__(self, model: RecognitionModel) -> None:
        files = {part: str(path) for part, path in model.files.items()}
        self._engine = _LOADERS[model.kind](**files, num_threads=1)  # a core a session, as with pocketsphinx
        self._sound = bytearray()
        self.feed(_FIRST)
        self.end()

    def begin(self) -> None:
        """A turn begins."""
        self._sound.clear()

    def feed(self, pcm: bytes) -> None:
        """The turn's next sound."""
        self._sound += pcm

    def words(self) -> str:
        """None."""
        return ""

    def end(self) -> str:
        """All words of the turn; it is over."""
        samples = np.frombuffer(bytes(self._sound), "<i2").astype(np.float32) / _FULL_SCALE
        self._sound.clear()
        stream = self._engine.create_stream()
        stream.accept_waveform(HEARING_RATE, samples)
        self._engine.decode_stream(stream)
        return str(stream.result.text).strip()

    def drop(self) -> None:
        """The turn was none."""
        self._sound.clear()
