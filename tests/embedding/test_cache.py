"""Costly models are asked once for each text, in any process, and after any failure."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engram_store.errors import ConfigurationError, EmbeddingError
from tests.embedding.server import vector_of
from transforms.embedding.cache import CachedEmbedder, Part
from transforms.embedding.fit import fitted
from transforms.embedding.spent import Spent


class Costly:
    """Counts what it is asked for; gives two texts a part, and fails at last on ``poison``."""

    semantic = True
    description = "Costly."

    def __init__(self, identity: str = "costly/1") -> None:
        self.identity = identity
        self.asked: list[str] = []

    def prepare(self, text: str, *, query: bool = False) -> str:
        return text

    def compute(self, texts: Sequence[str]) -> Iterator[Part]:
        self.asked += texts
        sound = [row for row, text in enumerate(texts) if text != "poison"]
        for first in range(0, len(sound), 2):
            rows = sound[first : first + 2]
            yield Part(rows, fitted([vector_of(texts[row], 768) for row in rows], "costly"), 10)
        if len(sound) < len(texts):
            raise EmbeddingError("a text was refused")


def test_repeated_texts_are_computed_once() -> None:
    model = Costly()
    embedder = CachedEmbedder(model)
    vectors = embedder.embed(["a", "b", "a", "", "b"])
    assert model.asked == ["a", "b"]
    np.testing.assert_array_equal(vectors[0], vectors[2])
    assert not vectors[3].any()
    np.testing.assert_array_equal(embedder.embed(["b", "a"]), vectors[[1, 0]])
    assert model.asked == ["a", "b"]
    assert embedder.spent() == Spent(2, 10)


def test_a_second_run_asks_nothing(tmp_path: Path) -> None:
    file = str(tmp_path / "folder" / "cache.sqlite")
    texts = [f"text {number % 150}" for number in range(1000)]
    first = CachedEmbedder(Costly(), file).embed(texts)
    model = Costly()
    again = CachedEmbedder(model, file)
    assert again.embed(texts).tobytes() == first.tobytes()
    assert model.asked == []
    assert again.spent() == Spent()


def test_another_model_does_not_find_its_vectors(tmp_path: Path) -> None:
    file = str(tmp_path / "cache.sqlite")
    CachedEmbedder(Costly(), file).embed(["a"])
    other = Costly("costly/2")
    CachedEmbedder(other, file).embed(["a"])
    assert other.asked == ["a"]


def test_what_came_before_a_failure_is_kept() -> None:
    model = Costly()
    embedder = CachedEmbedder(model)
    with pytest.raises(EmbeddingError):
        embedder.embed(["a", "b", "poison", "c"])
    model.asked.clear()
    embedder.embed(["a", "b", "c"])
    assert model.asked == []


def test_memory_is_bounded() -> None:
    model = Costly()
    embedder = CachedEmbedder(model, memory=10 * 1536)
    embedder.embed([f"text {number}" for number in range(100)])
    embedder.embed([f"text {number}" for number in range(90, 100)])
    assert len(model.asked) == 100
    embedder.embed(["text 0"])
    assert len(model.asked) == 101


def test_vectors_are_unit_and_close_to_the_models() -> None:
    vectors = CachedEmbedder(Costly()).embed(["a", "b"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert float(vectors[0] @ fitted([vector_of("a", 768)], "costly")[0]) > 1 - 1e-7


def test_workers_share_the_file(tmp_path: Path) -> None:
    file = str(tmp_path / "cache.sqlite")
    models = [Costly() for _ in range(4)]
    texts = [f"text {number % 60}" for number in range(400)]

    def work(model: Costly) -> bytes:
        embedder = CachedEmbedder(model, file)
        return b"".join(embedder.embed(texts[at : at + 20]).tobytes() for at in range(0, 400, 20))

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(work, models))) == 1
    asked = sum(len(model.asked) for model in models)
    assert asked <= 0.2 * 4 * len(texts)


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, and long enough to be seen as none" * 50)
    with pytest.raises(ConfigurationError, match="cache of embeddings"):
        CachedEmbedder(Costly(), str(tmp_path / "notes.txt"))


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    file = tmp_path / "cache.sqlite"
    CachedEmbedder(Costly(), str(file)).embed(["a"])
    with sqlite3.connect(file) as connection:
        connection.execute("ALTER TABLE vector RENAME TO other")
        connection.execute("CREATE VIEW vector AS SELECT 1 AS x")
    with pytest.raises(ConfigurationError, match="cache of embeddings"):
        CachedEmbedder(Costly(), str(file)).embed(["a"])
