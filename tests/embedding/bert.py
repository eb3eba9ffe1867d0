"""A small BERT with random weights, in the files that models have on the hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from tests.embedding.bert_graph import graph_of

_SPECIAL = ("[PAD]", "[CLS]", "[SEP]")
#: Bytes, and what begins, ends and fills up a text.
TOKENS = 256 + len(_SPECIAL)
_FLAGS = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens", "lasttoken": "lasttoken"}

Weights = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Size:
    """How large a model is; see ``BertConfig`` of transformers."""

    width: int = 48
    heads: int = 4
    layers: int = 2
    inner: int = 96
    positions: int = 128


def make_bert(
    folder: Path,
    *,
    width: int = 48,
    size: Size | None = None,
    pooling: str = "mean",
    name: str = "onnx/model.onnx",
    torch: bool = False,
    tokenizer: Tokenizer | None = None,
) -> Path:
    """Writes a model.

    Args:
        folder: Where to.
        width: Floats of a vector.
        size: All sizes, in place of ``width``.
        pooling: ``mean``, ``cls``, ``max`` or ``lasttoken``.
        name: The ONNX file.
        torch: Whether the same weights are written for torch, and no ONNX file.
        tokenizer: Cuts texts into tokens; without it a token is a byte.
    """
    size, tokenizer = size or Size(width), tokenizer or _bytes()
    add_special_tokens(tokenizer)
    (folder / "1_Pooling").mkdir(parents=True)
    weights = _weights(size, tokenizer.get_vocab_size())
    if torch:
        _save_for_torch(folder, size, weights)
    else:
        (folder / name).parent.mkdir(exist_ok=True)
        onnx.save(graph_of(weights, size.layers, size.heads), str(folder / name))
    tokenizer.save(str(folder / "tokenizer.json"))
    kinds = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (path, kind) in enumerate(kinds)
    ]
    write(folder / "modules.json", modules)
    pooled = {f"pooling_mode_{flag}": kind == pooling for kind, flag in _FLAGS.items()}
    write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": size.width, **pooled})
    write(folder / "sentence_bert_config.json", {"max_seq_length": size.positions})
    return folder


def set_prompts(folder: Path, **prompts: str) -> None:
    """Gives the model words to be put before texts."""
    write(folder / "config_sentence_transformers.json", {"prompts": prompts})


def write(file: Path, document: object) -> None:
    """Writes a JSON file."""
    file.write_text(json.dumps(document), encoding="utf-8")


def _bytes() -> Tokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def add_special_tokens(tokenizer: Tokenizer) -> None:
    """Puts what BERT wants around each text."""
    tokenizer.add_special_tokens(list(_SPECIAL))
    around = [(token, tokenizer.token_to_id(token)) for token in _SPECIAL[1:]]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=around)


def _weights(size: Size, tokens: int) -> Weights:
    """Weights by the names that transformers gives them."""
    random = np.random.default_rng(5)
    width, shapes = size.width, dict[str, tuple[int, ...]]()
    rows = {"word": tokens, "position": size.positions, "token_type": 2}
    shapes |= {f"embeddings.{name}_embeddings.weight": (count, width) for name, count in rows.items()}
    dense = {
        "attention.self.query": (width, width),
        "attention.self.key": (width, width),
        "attention.self.value": (width, width),
        "attention.output.dense": (width, width),
        "intermediate.dense": (size.inner, width),
        "output.dense": (width, size.inner),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in (f"encoder.layer.{number}" for number in range(size.layers)):
        for name, shape in dense.items():
            shapes |= {f"{layer}.{name}.weight": shape, f"{layer}.{name}.bias": shape[:1]}
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    shapes |= {f"{norm}.{part}": (width,) for norm in norms for part in ("weight", "bias")}
    weights = {name: random.normal(size=shape) / shape[-1] ** 0.5 for name, shape in shapes.items()}
    for norm in norms:
        weights[f"{norm}.weight"] += 1
    return {name: values.astype(np.float32) for name, values in weights.items()}


def _save_for_torch(folder: Path, size: Size, weights: Weights) -> None:
    # Part of the extra `st`, so it is not there for the tests that do without.
    from safetensors.numpy import save_file

    save_file(dict(weights), folder / "model.safetensors", metadata={"format": "pt"})
    tokens = weights["embeddings.word_embeddings.weight"].shape[0]
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_size": size.width,
        "num_attention_heads": size.heads,
        "num_hidden_layers": size.layers,
        "intermediate_size": size.inner,
        "max_position_embeddings": size.positions,
        "vocab_size": tokens,
        "pad_token_id": tokens - len(_SPECIAL),
        "dtype": "float32",
    }
    write(folder / "config.json", config)
    names = {f"{name}_token": token for name, token in zip(("pad", "cls", "sep"), _SPECIAL, strict=True)}
    write(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **names})
