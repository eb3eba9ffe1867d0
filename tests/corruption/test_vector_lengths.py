"""The lengths of vectors, by bits, are those that NumPy finds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from engram_store.model import DIMENSION
from transforms.validation.vectors import lengths

_HALVES = np.arange(2**16, dtype="<u2").view("<f2")
_ROWS = 3


@pytest.mark.parametrize("which", ["finite", "all"])
def test_every_half_there_is(which: str) -> None:
    halves = _HALVES[np.isfinite(_HALVES)] if which == "finite" else _HALVES
    vectors = np.zeros((len(halves), DIMENSION), "<f2")
    vectors[:, 5] = halves
    expected = np.abs(halves.astype(np.float64))
    np.testing.assert_array_equal(lengths(_batch(vectors)), expected)


@pytest.mark.parametrize("kind", ["<f2", "<f4"])
def test_vectors_of_either_width_and_missing_ones(kind: str) -> None:
    vectors = np.random.default_rng(7).normal(0, 0.04, (_ROWS, DIMENSION)).astype(kind)
    expected = np.linalg.norm(vectors.astype(np.float64), axis=1)
    batch = _batch(vectors)
    np.testing.assert_allclose(lengths(batch), expected, rtol=1e-5)
    np.testing.assert_allclose(lengths(batch.slice(1)), expected[1:], rtol=1e-5)
    rows = batch["embedding"].to_pylist()
    some = pa.record_batch({"embedding": pa.array([rows[0], None, rows[2]], batch["embedding"].type)})
    np.testing.assert_allclose(lengths(some), [expected[0], np.nan, expected[2]], rtol=1e-5)
    assert np.isnan(lengths(some.slice(1, 1))).all() and not len(lengths(some.slice(0, 0)))


def _batch(vectors: npt.NDArray[np.floating]) -> pa.RecordBatch:
    width = vectors.itemsize * DIMENSION
    return pa.record_batch({"embedding": pa.array([row.tobytes() for row in vectors], pa.binary(width))})
