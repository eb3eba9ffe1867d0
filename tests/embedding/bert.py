"""A tiny transformer with random weights, in the files that models have on the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

TOKENS = 256
_POSITIONS = 128


def make_bert(folder: Path, *, width: int = 48, pooling: str = "mean", name: str = "onnx/model.onnx") -> Path:
    """Writes a model: one layer of attention over tokens that are bytes.

    Args:
        folder: Where to.
        width: Floats of a vector.
        pooling: ``mean``, ``cls``, ``max`` or ``lasttoken``.
        name: The ONNX file.
    """
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / name).parent.mkdir(exist_ok=True)
    onnx.save(_graph(width), str(folder / name))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    kinds = ("Transformer", "Pooling", "Normalize")
    _write(folder / "modules.json", [{"type": f"sentence_transformers.models.{kind}"} for kind in kinds])
    flag = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens", "lasttoken": "lasttoken"}[pooling]
    _write(folder / "1_Pooling" / "config.json", {f"pooling_mode_{flag}": True})
    _write(folder / "sentence_bert_config.json", {"max_seq_length": _POSITIONS})
    return folder


def set_prompts(folder: Path, **prompts: str) -> None:
    """Gives the model words to be put before texts."""
    _write(folder / "config_sentence_transformers.json", {"prompts": prompts})


def _write(file: Path, document: object) -> None:
    file.write_text(json.dumps(document), encoding="utf-8")


def _graph(width: int) -> onnx.ModelProto:
    random = np.random.default_rng(5)
    weights = {
        "words": random.normal(size=(TOKENS, width)),
        "places": random.normal(size=(_POSITIONS, width)) * 0.3,
        **{name: random.normal(size=(width, width)) / width**0.5 for name in ("q", "k", "v")},
        "scale": np.array(width**-0.5),
        "far": np.array(-1e9),
        "one": np.array(1.0),
        "gain": np.ones(width),
    }
    constants = {"zero": 0, "step": 1, "axis": [1], "one_axis": [1]}
    initial = [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()]
    initial += [numpy_helper.from_array(np.array(c, dtype=np.int64), name) for name, c in constants.items()]
    shape = ("texts", "tokens")
    inputs = [_value(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")]
    output = _value("last_hidden_state", TensorProto.FLOAT, (*shape, width))
    graph = helper.make_graph(_nodes(), "bert", inputs, [output], initial)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _nodes() -> list[Any]:
    node = helper.make_node
    return [
        node("Shape", ["input_ids"], ["shape"]),
        node("Gather", ["shape", "step"], ["length"]),
        node("Range", ["zero", "length", "step"], ["numbers"]),
        node("Gather", ["words", "input_ids"], ["meaning"]),
        node("Gather", ["places", "numbers"], ["order"]),
        node("Add", ["meaning", "order"], ["x"]),
        *(node("MatMul", ["x", name], [f"x{name}"]) for name in ("q", "k", "v")),
        node("Transpose", ["xk"], ["xkt"], perm=[0, 2, 1]),
        node("MatMul", ["xq", "xkt"], ["raw"]),
        node("Mul", ["raw", "scale"], ["scores"]),
        node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        node("Sub", ["one", "mask"], ["hidden"]),
        node("Mul", ["hidden", "far"], ["penalty"]),
        node("Unsqueeze", ["penalty", "axis"], ["penalties"]),
        node("Add", ["scores", "penalties"], ["masked"]),
        node("Softmax", ["masked"], ["attention"], axis=-1),
        node("MatMul", ["attention", "xv"], ["seen"]),
        node("Add", ["x", "seen"], ["sum"]),
        node("LayerNormalization", ["sum", "gain"], ["last_hidden_state"]),
    ]


def _value(name: str, kind: int, shape: tuple[Any, ...]) -> Any:
    return helper.make_tensor_value_info(name, kind, list(shape))
