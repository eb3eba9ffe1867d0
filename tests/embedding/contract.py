"""What every embedding provider must keep to; subclass it and say how one is made.

class TestLocal(EmbedderContract):
    @pytest.fixture
    def spec(self) -> EmbeddingSpec:
        return EmbeddingSpec("local")
"""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from io_connectors.pages import Vectors
from transforms.embedding.provider import Embedder, EmbeddingSpec, create_embedder, embedder_of

ROOT = Path(__file__).parents[2]

TEXTS = [
    "The quick brown fox jumps over the lazy dog",
    "to be or not to be",
    "naïve café — ÅNGSTRÖM ﬁne",
    "東京都庁に行く",
    "ภาษาไทยไม่มีช่องว่าง",
    "हिन्दी भाषा",
    "اللغة العربية",
    "한국어 문장",
    "👩‍👩‍👧‍👦 🎉",
    "?!… —",
    "\ud800 lone surrogate",
    "a\x00b",
    "550e8400-e29b-41d4-a716-446655440000",
    "1 2",
    "x" * 5000,
]

_DIGEST = """
import hashlib, pickle, sys
from transforms.embedding.provider import create_embedder
spec, texts = pickle.loads(sys.stdin.buffer.read())
print(hashlib.sha256(create_embedder(spec).embed(texts).tobytes()).hexdigest())
"""


def _digest_elsewhere(spec: EmbeddingSpec, hash_seed: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", _DIGEST],
        input=pickle.dumps((spec, TEXTS)),
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    return run.stdout.decode().strip()


class EmbedderContract:
    """The tests; a subclass gives the fixture ``spec``.

    Attributes:
        exact: Whether vectors are the same to the bit in any batch and process. A transformer's
            sums depend on what else is in the batch, by the last digits of a float.
        most_alike: Cosine that no two of the texts may reach.
    """

    exact: ClassVar[bool] = True
    most_alike: ClassVar[float] = 0.9

    @pytest.fixture
    def embedder(self, spec: EmbeddingSpec) -> Embedder:
        return create_embedder(spec)

    def same(self, some: Vectors, others: Vectors) -> None:
        if self.exact:
            assert some.tobytes() == others.tobytes()
        np.testing.assert_allclose(some, others, atol=1e-3)

    @pytest.fixture
    def vectors(self, embedder: Embedder) -> Vectors:
        return embedder.embed(TEXTS)

    def test_gives_float32_rows_of_unit_length(self, vectors: Vectors) -> None:
        assert vectors.dtype == np.float32
        assert vectors.shape == (len(TEXTS), 768)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)

    def test_keeps_the_order(self, embedder: Embedder, vectors: Vectors) -> None:
        self.same(embedder.embed(TEXTS[::-1]), vectors[::-1])

    @pytest.mark.parametrize("size", [1, 2, 7])
    def test_gives_the_same_in_any_batch(self, spec: EmbeddingSpec, vectors: Vectors, size: int) -> None:
        embedder = create_embedder(spec)
        parts = [embedder.embed(TEXTS[at : at + size]) for at in range(0, len(TEXTS), size)]
        self.same(np.concatenate(parts), vectors)

    def test_gives_the_same_among_many_texts(self, spec: EmbeddingSpec, vectors: Vectors) -> None:
        many = create_embedder(spec).embed(TEXTS * 40)
        self.same(many, np.tile(vectors, (40, 1)))

    def test_a_question_is_embedded_as_a_text(self, embedder: Embedder, vectors: Vectors) -> None:
        self.same(embedder.embed_query(TEXTS[1]), vectors[1])

    @pytest.mark.parametrize("hash_seed", ["0", "4711"])
    def test_gives_the_same_bits_in_other_processes(
        self, spec: EmbeddingSpec, vectors: Vectors, hash_seed: str
    ) -> None:
        assert _digest_elsewhere(spec, hash_seed) == hashlib.sha256(vectors.tobytes()).hexdigest()

    def test_tells_different_texts_apart(self, vectors: Vectors) -> None:
        likeness = vectors @ vectors.T - np.eye(len(TEXTS))
        assert likeness.max() < self.most_alike

    @pytest.mark.parametrize("blank", ["", " ", "\n\t\u3000"])
    def test_gives_blank_texts_the_zero_vector(self, embedder: Embedder, blank: str) -> None:
        assert not embedder.embed([blank, "word"])[0].any()

    def test_gives_no_rows_for_no_texts(self, embedder: Embedder) -> None:
        nothing = embedder.embed([])
        assert nothing.shape == (0, 768)
        assert nothing.dtype == np.float32

    def test_takes_a_text_of_a_megabyte(self, embedder: Embedder) -> None:
        vector = embedder.embed(["lorem ipsum dolor " * 58_000])
        np.testing.assert_allclose(np.linalg.norm(vector), 1, atol=1e-6)

    def test_says_what_it_is(self, spec: EmbeddingSpec, embedder: Embedder) -> None:
        assert embedder.identity.startswith(f"{spec.provider}/")
        assert embedder.description.endswith(".")
        assert ("not semantic" in embedder.description) is not embedder.semantic

    def test_is_made_again_from_its_identity(self, embedder: Embedder, vectors: Vectors) -> None:
        again = embedder_of(embedder.identity)
        assert again.identity == embedder.identity
        self.same(again.embed(TEXTS[:3]), vectors[:3])

    def test_spec_survives_pickling(self, spec: EmbeddingSpec) -> None:
        assert pickle.loads(pickle.dumps(spec)) == spec
