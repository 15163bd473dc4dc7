"""Recognition with a folder of the operator's: what its model says is the transcription, or it is said why not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from realtime.errors import ConfigurationError
from realtime.mock.speech import model_folder
from realtime.mock.speech.contracts import BYTES_PER_MS, Forget, Hear, Heard
from realtime.mock.speech.decoders import prove
from realtime.mock.speech.model_folder import CTC, recognition_model
from realtime.mock.speech.onnx_properties import properties
from realtime.mock.speech.studio import Studio
from tests.mock.speech.ears import Reports, listening
from tests.mock.speech.sounds import Samples, noise, silence
from tests.mock.speech.tiny_models import ctc, transducer

PIECE = 200 * BYTES_PER_MS
SOFT: Samples = noise(600, 330.0)
LOUD: Samples = noise(600, 9800.0)


def turn(name: str, *sounds: Samples) -> list[Hear]:
    pcm = np.concatenate((silence(100), *sounds, silence(100))).astype("<i2").tobytes()
    return [Hear(name, pcm[at : at + PIECE], at + PIECE >= len(pcm)) for at in range(0, len(pcm), PIECE)]


@pytest.fixture(params=[*CTC, "transducer"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """One of each kind that is known."""
    return transducer(tmp_path) if request.param == "transducer" else ctc(tmp_path, request.param)


async def test_the_words_of_each_known_kind_are_the_transcription(folder: Path) -> None:
    async with listening(folder=folder) as (ears, reports, _):
        for words, sound in (("", silence(900)), ("soft", SOFT), ("loud", LOUD)):
            name = f"turn {words}"
            for piece in turn(name, sound):
                ears.take(piece)
            assert await reports.end_of(name) == Heard(name, words, last=True)


async def test_a_turn_that_goes_on_after_a_pause_is_heard_whole_and_once(tmp_path: Path) -> None:
    async with listening(folder=ctc(tmp_path, "zipformer2_ctc")) as (ears, reports, _):
        for piece in turn("turn", LOUD, silence(800), LOUD):
            ears.take(piece)
        assert await reports.end_of("turn") == Heard("turn", "loud loud", last=True)
        assert len(reports.all) == 1, "no word is certain before the end"


async def test_a_forgotten_turn_leaves_nothing_for_the_next(tmp_path: Path) -> None:
    async with listening(folder=ctc(tmp_path, "zipformer2_ctc")) as (ears, reports, _):
        for piece in turn("forgotten", LOUD)[:-1]:
            ears.take(piece)
        ears.take(Forget("forgotten"))
        for piece in turn("next", SOFT):
            ears.take(piece)
        assert await reports.end_of("next") == Heard("next", "soft", last=True)


async def test_the_studio_names_engine_and_folder_and_needs_no_pocketsphinx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.mock.speech.studio.find_spec", lambda name: None)
    folder = tmp_path / "mine"
    folder.mkdir()
    studio, reports = Studio(1, ctc(folder, "EncDecCTCModelBPE")), Reports()
    async with studio.running(), asyncio.TaskGroup() as group:
        assert "ears: loudness, sherpa-onnx with mine; mouth: " in studio.description
        with studio.place("thread", audio=True) as engines:
            running = group.create_task(engines.run(reports.tell))
            for piece in turn("turn", LOUD):
                engines.take(piece)
            assert await reports.end_of("turn") == Heard("turn", "loud", last=True)
            running.cancel()
            await asyncio.wait((running,))


def nothing(folder: Path) -> Path:
    return folder / "not-there"


def empty(folder: Path) -> Path:
    return folder


def no_tokens(folder: Path) -> Path:
    (ctc(folder, "zipformer2_ctc") / "tokens.txt").unlink()
    return folder


def no_joiner(folder: Path) -> Path:
    (transducer(folder) / "joiner.onnx").unlink()
    return folder


def two_models(folder: Path) -> Path:
    ctc(folder, "zipformer2_ctc", name="model-small.onnx")
    return ctc(folder, "zipformer2_ctc", name="model-large.onnx")


def unknown(folder: Path) -> Path:
    return ctc(folder, "something_else")


def streaming(folder: Path) -> Path:
    return ctc(folder, "zipformer2_ctc", decode_chunk_len="32")


def nemo_transducer(folder: Path) -> Path:
    return transducer(folder, model_type="EncDecRNNTBPEModel")


def cut_off(folder: Path) -> Path:
    model = ctc(folder, "zipformer2_ctc") / "model.onnx"
    model.write_bytes(model.read_bytes()[:-5])
    return folder


def a_web_page(folder: Path) -> Path:
    (ctc(folder, "zipformer2_ctc") / "model.onnx").write_text("<!DOCTYPE html><p>404</p>")
    return folder


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (nothing, "there is no such folder"),
        (empty, "no model that is known"),
        (no_tokens, "no model that is known"),
        (no_joiner, "no model that is known"),
        (two_models, "one model a folder: there are model-large.onnx and model-small.onnx"),
        (unknown, "model.onnx has the model_type 'something_else'"),
        (streaming, "model.onnx is a streaming model"),
        (nemo_transducer, "transducers of NeMo are not known"),
        (cut_off, "model.onnx is no ONNX file, or not the whole of one"),
        (a_web_page, "model.onnx is no ONNX file, or not the whole of one"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_with_its_setting(
    made: Callable[[Path], Path], reason: str, tmp_path: Path
) -> None:
    folder = made(tmp_path)
    with pytest.raises(ConfigurationError) as refusal:
        Studio(1, folder)
    assert refusal.value.message.startswith(f"speech.recognition_model: {folder}: {reason}")
    assert "\n" not in refusal.value.message
    assert refusal.value.setting == "speech.recognition_model"


def test_without_the_engine_it_is_said_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_folder, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="sherpa-onnx is not installed: install the extra `sherpa`"):
        Studio(1, ctc(tmp_path, "zipformer2_ctc"))


async def test_a_model_that_the_engine_does_not_load_is_refused(tmp_path: Path) -> None:
    model = recognition_model(ctc(tmp_path, "zipformer2_ctc"))
    await prove(model)
    (tmp_path / "tokens.txt").write_text("no tokens\n")
    with pytest.raises(ConfigurationError, match="sherpa-onnx does not load it as zipformer_ctc"):
        await prove(model)


def test_of_full_and_eight_bits_the_faster_is_taken(tmp_path: Path) -> None:
    transducer(tmp_path)
    model = recognition_model(transducer(tmp_path, ending="-epoch-9.int8.onnx"))
    assert {part: path.name for part, path in model.files.items()} == {
        "encoder": "encoder-epoch-9.int8.onnx",
        "decoder": "decoder-epoch-9.int8.onnx",
        "joiner": "joiner-epoch-9.int8.onnx",
        "tokens": "tokens.txt",
    }


def test_properties_are_read_past_long_ones(tmp_path: Path) -> None:
    model = ctc(tmp_path, "zipformer2_ctc", vocabulary="x" * 2_000_000, comment="") / "model.onnx"
    assert properties(model) == {
        "model_type": "zipformer2_ctc",
        "vocab_size": "3",
        "subsampling_factor": "1",
        "comment": "",
    }
