"""The memories nearest to a vector, by exact cosine."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from engram_store.errors import ConfigurationError
from engram_store.model import DIMENSION

Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


def unit(vector: npt.ArrayLike) -> Vectors:
    """The vector at length 1.

    Raises:
        ConfigurationError: It does not have 768 finite numbers, or is zero.
    """
    query = np.asarray(vector, dtype=np.float32).ravel()
    length = float(np.linalg.norm(query))
    if query.shape != (DIMENSION,) or not np.isfinite(length) or length == 0:
        raise ConfigurationError(
            f"A vector of {query.size} numbers and length {length:g} cannot be recalled by.",
            why=f"A query has {DIMENSION} finite numbers, not all of them zero.",
            suggestion="Embed the query with the model of the store's memories.",
        )
    return query / np.float32(length)


def nearest(blocks: Iterable[tuple[Numbers, Vectors]], query: Vectors, k: int) -> list[tuple[int, float]]:
    """The ``k`` best of all blocks, one block in memory at a time.

    Args:
        blocks: Numbers and vectors of some memories; a zero vector has cosine 0 with everything.
        query: A unit vector.
        k: How many.

    Returns:
        (number, cosine), best first; the lower number first where cosines are equal.
    """
    numbers, scores = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    for block_numbers, vectors in blocks:
        numbers = np.concatenate([numbers, block_numbers])
        scores = np.concatenate([scores, _cosines(vectors, query)])
        best = np.lexsort((numbers, -scores))[:k]
        numbers, scores = numbers[best], scores[best]
    return [(int(number), float(score)) for number, score in zip(numbers, scores, strict=True)]


def _cosines(vectors: Vectors, query: Vectors) -> Vectors:
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    lengths[lengths == 0] = 1
    cosines: Vectors = (vectors @ query) / lengths
    return cosines
