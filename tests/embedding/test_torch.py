"""The ``huggingface`` provider by sentence-transformers, beside ONNX Runtime with the same weights."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo import cache
from engram_store.errors import ConfigurationError
from engram_store.store import Store
from io_connectors.pages import Vectors
from tests.embedding.bert import make_bert, set_prompts, write
from tests.embedding.contract import TEXTS, EmbedderContract
from tests.pipelines.command import verb
from tests.pipelines.stored import report
from tests.redis.migrations import migrate
from transforms.embedding.huggingface.model import TransformerModel, open_model
from transforms.embedding.provider import EmbeddingSpec, create_embedder

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("sentence_transformers"),
    reason="the extra `st` (6 GB) is not installed; `make test-st` installs it",
)

_LONG = ["w" * 126, "w" * 127, "word " * 4000, "東" * 100, "a\n\tb  c"]
_WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with the same weights: ``onnx/`` and ``torch/``."""
    return _both(tmp_path_factory.mktemp("models"))


def _both(folder: Path, **more: Any) -> Path:
    make_bert(folder / "onnx", **more)
    make_bert(folder / "torch", torch=True, **more)
    return folder


def _open(folder: Path, **more: Any) -> TransformerModel:
    return open_model(EmbeddingSpec("huggingface", str(folder), **more))


def _vectors(model: TransformerModel, texts: Sequence[str], *, query: bool = False) -> Vectors:
    """The model's vectors as they are before they are kept in 16 bits."""
    out = np.full((len(texts), 768), np.nan, dtype=np.float32)
    for part in model.compute([model.prepare(text, query=query) for text in texts]):
        out[list(part.rows)] = part.vectors
    return out


def _same(models: Path, texts: Sequence[str] = TEXTS, *, query: bool = False, **more: Any) -> Vectors:
    """Asserts that both runtimes give the same vectors, and gives them."""
    by_onnx, by_torch = (
        _vectors(_open(models / name, **more), texts, query=query) for name in ("onnx", "torch")
    )
    np.testing.assert_allclose(by_torch, by_onnx, rtol=0, atol=1e-5)
    return by_torch


class TestTorch(EmbedderContract):
    exact = False
    most_alike = 0.99

    @pytest.fixture
    def spec(self, models: Path) -> EmbeddingSpec:
        return EmbeddingSpec("huggingface", str(models / "torch"))


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "lasttoken"])
def test_both_runtimes_give_the_same_vectors(tmp_path: Path, pooling: str) -> None:
    _same(_both(tmp_path, pooling=pooling), [*TEXTS, *_LONG])


@pytest.mark.parametrize("size", [1, 3, 40])
def test_in_batches_of_any_size(models: Path, size: int) -> None:
    model, texts = _open(models / "torch"), [*TEXTS, *_LONG] * 2
    parts = [_vectors(model, texts[at : at + size]) for at in range(0, len(texts), size)]
    by_onnx = _vectors(_open(models / "onnx"), texts)
    np.testing.assert_allclose(np.concatenate(parts), by_onnx, rtol=0, atol=1e-5)


def test_texts_are_read_equally_far(models: Path) -> None:
    first, as_far, farther = _same(models, ["w" * 125, "w" * 126, "w" * 126 + "xyz"])
    np.testing.assert_allclose(as_far, farther, rtol=0, atol=1e-5)
    assert np.abs(first - as_far).max() > 1e-3


def test_prefixes_stand_once(tmp_path: Path) -> None:
    _both(tmp_path)
    plain = _same(tmp_path, ["query: one", "passage: one", "q: one"])
    for name in ("onnx", "torch"):
        set_prompts(tmp_path / name, query="query: ", passage="passage: ")
    told = np.concatenate(
        [
            _same(tmp_path, ["one"], query=True),
            _same(tmp_path, ["one"]),
            _same(tmp_path, ["one"], query=True, query_prefix="q: "),
        ]
    )
    np.testing.assert_allclose(told, plain, rtol=0, atol=1e-5)


def test_a_prompt_that_the_model_takes_by_default_is_not_added(tmp_path: Path) -> None:
    _both(tmp_path)
    for name in ("onnx", "torch"):
        settings = {"prompts": {"query": "query: "}, "default_prompt_name": "query"}
        write(tmp_path / name / "config_sentence_transformers.json", settings)
    _same(tmp_path)


def test_small_letters_where_the_model_wants_them(tmp_path: Path) -> None:
    _both(tmp_path)
    for name in ("onnx", "torch"):
        write(tmp_path / name / "sentence_bert_config.json", {"max_seq_length": 128, "do_lower_case": True})
    large, small = _same(tmp_path, ["Größe ÅNGSTRÖM", "größe ångström"])
    np.testing.assert_allclose(large, small, rtol=0, atol=1e-5)


def test_long_vectors_are_cut(tmp_path: Path) -> None:
    vectors = _same(_both(tmp_path, width=800), truncate=True)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_folder_as_the_library_saves_it(models: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(str(models / "torch"), device="cpu").save(str(tmp_path / "saved"))
    expected = _vectors(_open(models / "onnx"), [*TEXTS, *_LONG])
    saved = _vectors(_open(tmp_path / "saved"), [*TEXTS, *_LONG])
    np.testing.assert_allclose(saved, expected, rtol=0, atol=1e-5)


def test_weights_of_16_bits_are_reckoned_with_in_32(models: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = {name: w.astype(np.float16) for name, w in load_file(models / "torch" / _WEIGHTS).items()}
    for name, kind in (("half", np.float16), ("whole", np.float32)):
        folder = make_bert(tmp_path / name, torch=True)
        save_file(
            {name: w.astype(kind) for name, w in weights.items()},
            folder / _WEIGHTS,
            metadata={"format": "pt"},
        )
        config = (folder / "config.json").read_text()
        (folder / "config.json").write_text(config.replace("float32", np.dtype(kind).name))
    half, whole = (_vectors(_open(tmp_path / name), TEXTS) for name in ("half", "whole"))
    np.testing.assert_allclose(half, whole, rtol=0, atol=1e-6)


def test_one_model_serves_several_threads(models: Path) -> None:
    embedder = create_embedder(EmbeddingSpec("huggingface", str(models / "torch")))
    texts = [[f"{'word ' * (number % 20)}{start}-{number}" for number in range(50)] for start in range(4)]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(embedder.embed, texts))
    again = create_embedder(EmbeddingSpec("huggingface", str(models / "torch")))
    for some, vectors in zip(texts, at_once, strict=True):
        np.testing.assert_allclose(vectors, again.embed(some), rtol=0, atol=1e-3)


def test_it_keeps_to_its_threads_the_processor_and_this_machine(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def refuse(*_: object) -> None:
        raise AssertionError("it goes to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    model = _open(models / "torch", threads=2)
    _vectors(model, TEXTS)
    assert torch.get_num_threads() == 2
    _vectors(_open(models / "torch", threads=1), TEXTS)
    assert torch.get_num_threads() == 1


def _without_a_layer(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / _WEIGHTS)
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / _WEIGHTS, metadata={"format": "pt"})


def _as_pickle(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / _WEIGHTS), folder / "pytorch_model.bin")
    (folder / _WEIGHTS).unlink()


def _cut(folder: Path) -> None:
    (folder / _WEIGHTS).write_bytes((folder / _WEIGHTS).read_bytes()[:1000])


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_without_a_layer, r"weights are missing: encoder\.layer\.1\.output\.dense\.weight"),
        (_as_pickle, "safetensors"),
        (_cut, "cannot be loaded"),
    ],
)
def test_weights_that_are_not_whole_are_refused(tmp_path: Path, harm: Any, said: str) -> None:
    folder = make_bert(tmp_path / "bert", torch=True)
    harm(folder)
    with pytest.raises(ConfigurationError, match=said) as caught:
        _vectors(_open(folder), ["one"])
    assert str(caught.value).startswith("the model `bert` cannot be loaded")


def test_a_migration_with_it(tmp_path: Path) -> None:
    folder, target, shop = make_bert(tmp_path / "bert", torch=True), tmp_path / "store", tmp_path / "shop.rdb"
    cache.build(shop, products=5)
    model = ("--embedding-provider", "auto", "--embedding-model", str(folder), "--embedding-cache", "off")
    ended = migrate(target, "--use-rdb", shop, *model, "--require-semantic", "--parallel-workers", "2")
    ended.succeeded()
    assert "LOAD REPORT" not in ended.err
    assert "Loading weights" not in ended.err
    store = Store.open(target)
    (identity,) = {store.run(name).model for name in store.runs()}
    assert identity.startswith(f"huggingface/{folder}?revision=")
    embedding: Any = report(target)["embedding"]
    assert embedding["semantic"] is True
    assert verb("recall", "a lamp", "--target", str(target)).out.count("\n") == 5
