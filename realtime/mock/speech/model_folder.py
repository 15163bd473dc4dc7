"""A folder with a speech recognition model of the operator's: which kind it is, told by the files that are there.

Only looked at here; ``sherpa.py`` loads it, in a process of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from realtime.errors import ConfigurationError
from realtime.mock.speech.onnx_properties import properties

SETTING = "speech.recognition_model"
ENGINE = "sherpa-onnx"
Kind = Literal["nemo_ctc", "zipformer_ctc", "wenet_ctc", "transducer"]

CTC: Mapping[str, Kind] = {
    "EncDecCTCModelBPE": "nemo_ctc",
    "EncDecCTCModel": "nemo_ctc",
    "EncDecHybridRNNTCTCBPEModel": "nemo_ctc",
    "zipformer2_ctc": "zipformer_ctc",
    "wenet_ctc": "wenet_ctc",
}
"""By the property ``model_type`` of ``model.onnx``, as sherpa-onnx has it: each kind wants its sound differently."""
_NEMO = "EncDec"
_STREAMING = frozenset({"decode_chunk_len", "window_size", "left_chunks"})
"""Properties that only models have which take their sound piece by piece (``online`` in sherpa-onnx's words)."""
_LAYOUTS = "tokens.txt, and either model.onnx (CTC) or encoder.onnx, decoder.onnx and joiner.onnx (transducer)"


@dataclass(frozen=True, slots=True)
class RecognitionModel:
    """``files`` by their part: ``model``, or ``encoder``, ``decoder`` and ``joiner``; and always ``tokens``."""

    folder: Path
    kind: Kind
    files: Mapping[str, Path]

    @property
    def description(self) -> str:
        """Engine and folder, in a few words."""
        return f"{ENGINE} with {self.folder.name}"


def recognition_model(folder: Path) -> RecognitionModel:
    """What is in the folder; raises ``ConfigurationError`` where it cannot be used, and says why."""
    folder = folder.absolute()
    if not folder.is_dir():
        raise refused(folder, "there is no such folder")
    if find_spec("sherpa_onnx") is None:
        raise refused(folder, f"{ENGINE} is not installed: install the extra `sherpa`")
    try:
        return _recognised(folder)
    except OSError as error:
        raise refused(folder, f"cannot be read: {error.strerror}") from None


def refused(folder: Path, reason: str) -> ConfigurationError:
    """The setting is wrong, and why."""
    return ConfigurationError(f"{SETTING}: {folder}: {reason}", setting=SETTING)


def _recognised(folder: Path) -> RecognitionModel:
    tokens = folder / "tokens.txt"
    parts = {part: _file(folder, part) for part in ("model", "encoder", "decoder", "joiner")}
    found = {part: path for part, path in parts.items() if path is not None}
    if not tokens.is_file() or set(found) not in ({"model"}, {"encoder", "decoder", "joiner"}):
        raise refused(folder, f"no model that is known: there must be {_LAYOUTS}")
    kind = _ctc(folder, found["model"]) if "model" in found else _transducer(folder, found["encoder"])
    return RecognitionModel(folder, kind, {**found, "tokens": tokens})


def _file(folder: Path, part: str) -> Path | None:
    """The one file of a part; where it is there in full and in 8 bits, the one in 8 bits, which is faster."""
    all_files = sorted(folder.glob(f"{part}*.onnx"))
    files = [path for path in all_files if path.name.endswith(".int8.onnx")] or all_files
    if len(files) > 1:
        raise refused(folder, f"one model a folder: there are {' and '.join(path.name for path in files)}")
    return files[0] if files else None


def _ctc(folder: Path, model: Path) -> Kind:
    told = _properties(folder, model).get("model_type", "")
    if told not in CTC:
        raise refused(folder, f"{model.name} has the model_type {told[:40]!r}, known are {', '.join(CTC)}")
    return CTC[told]


def _transducer(folder: Path, encoder: Path) -> Kind:
    if _properties(folder, encoder).get("model_type", "").startswith(_NEMO):
        raise refused(folder, "transducers of NeMo are not known, those of icefall are")
    return "transducer"


def _properties(folder: Path, model: Path) -> Mapping[str, str]:
    try:
        found = properties(model)
    except ValueError:
        raise refused(folder, f"{model.name} is no ONNX file, or not the whole of one") from None
    if found.keys() & _STREAMING:
        raise refused(folder, f"{model.name} is a streaming model; an offline one is wanted, which hears whole turns")
    return found
