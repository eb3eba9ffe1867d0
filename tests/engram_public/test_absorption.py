"""What is foreseen is what the double does; moved vectors are near to nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from io_connectors.engram.public import absorption
from io_connectors.engram.public.absorption import SIMILAR, Vectors, absorbed_by, nearest_other
from io_connectors.engram.public.disambiguate import KEPT, moved
from tests.engram_double.spaces import Quirks, Remembered, Space
from tests.engram_public.staging import unit


def _kept(vectors: Vectors, confidence: Sequence[float]) -> set[str]:
    space = Space()
    for row, vector in enumerate(vectors):
        held = float(np.float32(confidence[row]))
        space.store(str(row), Remembered("x", vector, held, "", 0.0), Quirks())
    return set(space.memories)


def _near(seed: int, groups: int, n: int, noise: float) -> Vectors:
    """``n`` vectors around a few middles: some nearer than 0.95 to each other, some not."""
    generator = np.random.default_rng(seed)
    middles = unit(seed, groups)[generator.integers(0, groups, n)]
    away = generator.uniform(0, noise, (n, 1)).astype(np.float32) * unit(seed + 1, n)
    found = middles + away
    made: Vectors = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    made[generator.random(n) < 0.05] = 0
    return made


@settings(max_examples=40)
@given(
    st.integers(0, 10**6),
    st.integers(1, 6),
    st.integers(1, 60),
    st.floats(0.05, 0.8),
    st.sampled_from([3, 16, 1024]),
)
def test_what_is_foreseen_is_what_the_double_does(
    seed: int, groups: int, n: int, noise: float, block: int
) -> None:
    vectors = _near(seed, groups, n, noise)
    confidence = np.random.default_rng(seed).choice([0.1, 0.5, 0.9], n).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(absorption, "_BLOCK", block)
        patch.setattr(absorption, "_CHUNK", block + 1)
        by = absorbed_by(vectors, confidence)
    assert {str(row) for row in np.flatnonzero(by < 0)} == _kept(vectors, confidence.tolist())


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(2, 80), st.floats(0.0, 0.8))
def test_moved_apart_all_are_kept(seed: int, groups: int, n: int, noise: float) -> None:
    vectors = _near(seed, groups, n, noise)
    by = absorbed_by(vectors, np.zeros(n, dtype=np.float32), SIMILAR - 1e-3)
    for row in np.flatnonzero(by >= 0):
        own = vectors[row].copy()
        vectors[row] = moved(own, "users", str(row))
        assert np.linalg.norm(vectors[row]) == pytest.approx(1, abs=1e-6)
        assert float(vectors[row] @ own) == pytest.approx(KEPT, abs=1e-5)
    rising = np.linspace(0.1, 1, n, dtype=np.float32)
    assert (absorbed_by(vectors, rising) < 0).all()
    assert len(_kept(vectors, rising.tolist())) == n


def test_many_equal_vectors_are_moved_apart() -> None:
    own = unit(1)[0]
    vectors = np.stack([own, *(moved(own, "users", str(n)) for n in range(2_000))])
    cosines = vectors @ vectors.T - np.eye(len(vectors), dtype=np.float32)
    assert 0.93 < cosines.max() < 0.9401
    assert cosines[1:, 1:][~np.eye(2_000, dtype=bool)].min() > 0.86


def test_a_move_is_always_the_same() -> None:
    own = unit(1)[0]
    assert (moved(own, "users", "a") == moved(own, "users", "a")).all()
    assert float(moved(own, "users", "a") @ moved(own, "other", "a")) < 0.91


def test_the_nearest_other_is_found() -> None:
    vectors = unit(5, 4)
    vectors[3] = vectors[1]
    assert nearest_other(vectors, 1) == pytest.approx(1, abs=1e-6)
    assert nearest_other(vectors, 0) < 0.3
