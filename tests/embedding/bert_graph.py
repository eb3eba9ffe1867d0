"""BERT (Devlin et al., 2018) as an ONNX graph: what transformers computes of the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

_EPSILON = 1e-12


def graph_of(weights: Mapping[str, npt.NDArray[np.float32]], layers: int, heads: int) -> onnx.ModelProto:
    """The graph of a BERT without its pooler.

    Args:
        weights: By the names that transformers gives them.
        layers: How many layers there are.
        heads: How many heads each layer's attention has.
    """
    width = weights["embeddings.word_embeddings.weight"].shape[1]
    graph = _Graph(weights, heads, width)
    graph.embed()
    for number in range(layers):
        graph.layer(f"encoder.layer.{number}")
    graph.add("Identity", [graph.hidden], "last_hidden_state")
    shape = ("texts", "tokens")
    inputs = [
        _value(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    output = _value("last_hidden_state", TensorProto.FLOAT, (*shape, width))
    made = helper.make_graph(graph.nodes, "bert", inputs, [output], graph.initial)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class _Graph:
    def __init__(self, weights: Mapping[str, npt.NDArray[np.float32]], heads: int, width: int) -> None:
        self.nodes: list[Any] = []
        self.initial: list[Any] = []
        self.hidden = ""
        for name, values in weights.items():
            # Rows of dense layers are outputs; MatMul wants them as columns.
            turned = values.T if values.ndim == 2 and "embeddings" not in name else values
            self._constant(name, np.ascontiguousarray(turned))
        each = width // heads
        for name, number in {
            "scale": each**-0.5,
            "far": -1e9,
            "one": 1.0,
            "half": 0.5,
            "root": 2**-0.5,
        }.items():
            self._constant(name, np.array(number, dtype=np.float32))
        indices = {
            "zero": 0,
            "step": 1,
            "axes": [1, 2],
            "split": [0, 0, heads, each],
            "joined": [0, 0, width],
        }
        for name, index in indices.items():
            self._constant(name, np.array(index, dtype=np.int64))

    def add(self, kind: str, given: list[str], out: str = "", **attributes: Any) -> str:
        """Adds a node, and gives the name of its output."""
        out = out or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, given, [out], **attributes))
        return out

    def embed(self) -> None:
        """What goes into the first layer; and what keeps attention from padding."""
        length = self.add("Gather", [self.add("Shape", ["input_ids"]), "step"])
        places = self.add("Range", ["zero", length, "step"])
        ids = {"word": "input_ids", "position": places, "token_type": "token_type_ids"}
        word, place, kind = (
            self.add("Gather", [f"embeddings.{name}_embeddings.weight", given]) for name, given in ids.items()
        )
        summed = self.add("Add", [self.add("Add", [word, kind]), place])
        self.hidden = self._norm("embeddings.LayerNorm", summed)
        mask = self.add("Cast", ["attention_mask"], to=TensorProto.FLOAT)
        away = self.add("Mul", [self.add("Sub", ["one", mask]), "far"])
        self._away = self.add("Unsqueeze", [away, "axes"])

    def layer(self, name: str) -> None:
        """Attention, then two dense layers; each with its input added, and scaled."""
        seen = self._dense(f"{name}.attention.output.dense", self._attention(f"{name}.attention.self"))
        after = self._norm(f"{name}.attention.output.LayerNorm", self.add("Add", [seen, self.hidden]))
        wide = self._gelu(self._dense(f"{name}.intermediate.dense", after))
        out = self._dense(f"{name}.output.dense", wide)
        self.hidden = self._norm(f"{name}.output.LayerNorm", self.add("Add", [out, after]))

    def _attention(self, name: str) -> str:
        query = self._heads(f"{name}.query", [0, 2, 1, 3])
        key = self._heads(f"{name}.key", [0, 2, 3, 1])
        value = self._heads(f"{name}.value", [0, 2, 1, 3])
        scores = self.add("Mul", [self.add("MatMul", [query, key]), "scale"])
        attention = self.add("Softmax", [self.add("Add", [scores, self._away])], axis=-1)
        seen = self.add("Transpose", [self.add("MatMul", [attention, value])], perm=[0, 2, 1, 3])
        return self.add("Reshape", [seen, "joined"])

    def _heads(self, name: str, order: list[int]) -> str:
        return self.add(
            "Transpose", [self.add("Reshape", [self._dense(name, self.hidden), "split"])], perm=order
        )

    def _dense(self, name: str, given: str) -> str:
        return self.add("Add", [self.add("MatMul", [given, f"{name}.weight"]), f"{name}.bias"])

    def _norm(self, name: str, given: str) -> str:
        return self.add("LayerNormalization", [given, f"{name}.weight", f"{name}.bias"], epsilon=_EPSILON)

    def _gelu(self, given: str) -> str:
        share = self.add("Add", [self.add("Erf", [self.add("Mul", [given, "root"])]), "one"])
        return self.add("Mul", [self.add("Mul", [given, "half"]), share])

    def _constant(self, name: str, values: npt.NDArray[Any]) -> None:
        self.initial.append(numpy_helper.from_array(values, name))


def _value(name: str, kind: int, shape: tuple[Any, ...]) -> Any:
    return helper.make_tensor_value_info(name, kind, list(shape))
