"""Recognition models of a few numbers, made for tests: they tell quiet from soft from loud sound.

Each has the shape and the properties that sherpa-onnx wants of its kind. Where the mean of a frame's log energies is
low they say nothing, above that ``soft``, higher still ``loud``; words on end that are the same are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

BINS = 80
SOFT, LOUD = -10.0, -5.0
"""Above these a frame's mean log energy is a word, for samples of -1..1."""
NEMO_LOUD = -6.0
"""NeMo's features weigh a little less."""
WENET = 2 * float(np.log(32_768))
"""WeNet's features are made of samples of -32768..32767."""
WORDS = ("\u2581soft", "\u2581loud")
Numbers = Mapping[str, Sequence[float] | Sequence[Sequence[float]]]


def ctc(folder: Path, model_type: str, *, name: str = "model.onnx", **properties: str) -> Path:
    """A CTC model: one graph from features to the words' likeliness."""
    nemo = model_type.startswith("EncDec")
    soft, loud = SOFT, NEMO_LOUD if nemo else LOUD
    if model_type == "wenet_ctc":
        soft, loud = soft + WENET, loud + WENET
    weights, offsets = [0.0, 1.0, 2.0], [0.0, -soft, -soft - loud]
    if nemo:  # its blank is the last token
        weights, offsets = [*weights[1:], weights[0]], [*offsets[1:], offsets[0]]
    nodes = [
        helper.make_node("Transpose", ["x"], ["frames"], perm=[0, 2, 1] if nemo else [0, 1, 2]),
        helper.make_node("ReduceMean", ["frames"], ["energy"], axes=[2], keepdims=1),
        helper.make_node("Mul", ["energy", "weights"], ["weighed"]),
        helper.make_node("Add", ["weighed", "offsets"], ["log_probs"]),
        helper.make_node("Identity", ["x_lens"], ["log_probs_lens"]),
    ]
    inputs = [_floats("x", "N", *((BINS, "T") if nemo else ("T", BINS))), _integers("x_lens", "N")]
    outputs = [_floats("log_probs", "N", "T", 3), _integers("log_probs_lens", "N")]
    told = {"model_type": model_type, "vocab_size": "3", "subsampling_factor": "1", **properties}
    _save(folder / name, nodes, (inputs, outputs), {"weights": [weights], "offsets": offsets}, told)
    return _with_tokens(folder, (*WORDS, "<blk>") if nemo else ("<blk>", *WORDS))


def transducer(folder: Path, *, ending: str = ".onnx", **properties: str) -> Path:
    """A transducer as icefall makes them; it says one word a turn: after a word there is none."""
    _save(
        folder / f"encoder{ending}",
        [
            helper.make_node("ReduceMean", ["x"], ["encoder_out"], axes=[2], keepdims=1),
            helper.make_node("Identity", ["x_lens"], ["encoder_out_lens"]),
        ],
        (
            [_floats("x", "N", "T", BINS), _integers("x_lens", "N")],
            [_floats("encoder_out", "N", "T", 1), _integers("encoder_out_lens", "N")],
        ),
        {},
        {"model_type": "zipformer2", **properties},
    )
    _save(
        folder / f"decoder{ending}",
        [helper.make_node("Cast", ["y"], ["decoder_out"], to=TensorProto.FLOAT)],
        ([_integers("y", "N", 1)], [_floats("decoder_out", "N", 1)]),
        {},
        {"vocab_size": "3", "context_size": "1"},
    )
    _save(
        folder / f"joiner{ending}",
        [
            helper.make_node("Mul", ["encoder_out", "weights"], ["weighed"]),
            helper.make_node("Add", ["weighed", "offsets"], ["heard"]),
            helper.make_node("Mul", ["decoder_out", "once"], ["said"]),
            helper.make_node("Add", ["heard", "said"], ["logit"]),
        ],
        ([_floats("encoder_out", "N", 1), _floats("decoder_out", "N", 1)], [_floats("logit", "N", 3)]),
        {"weights": [[0, 1, 2]], "offsets": [0, -SOFT, -SOFT - LOUD], "once": [[0, -1000, -1000]]},
        {"joiner_dim": "1"},
    )
    return _with_tokens(folder, ("<blk>", *WORDS))


def _floats(name: str, *shape: str | int) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _integers(name: str, *shape: str | int) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.INT64, shape)


def _save(
    path: Path,
    nodes: Sequence[NodeProto],
    ends: tuple[Sequence[ValueInfoProto], Sequence[ValueInfoProto]],
    numbers: Numbers,
    properties: Mapping[str, str],
) -> None:
    """``ends`` are inputs and outputs. Versions are those that an older onnxruntime knows too."""
    held = [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in numbers.items()]
    graph = helper.make_graph(nodes, "tiny", *ends, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, dict(properties))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _with_tokens(folder: Path, tokens: Sequence[str]) -> Path:
    lines = (f"{token} {number}\n" for number, token in enumerate(tokens))
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")
    return folder
