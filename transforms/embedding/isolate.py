"""A text that cannot be embedded must not take the others along."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engram_store.errors import EmbeddingError
from engram_store.model import DIMENSION
from io_connectors.pages import Vectors
from transforms.embedding.provider import Embedder

Refused = dict[str, EmbeddingError]


def embed_each(embedder: Embedder, texts: Sequence[str]) -> tuple[Vectors, Refused]:
    """Embed all texts that can be; halve a failing batch until the failing texts stand alone.

    Args:
        embedder: Raises EmbeddingError for a text that it cannot embed.
        texts: Distinct texts.

    Returns:
        One row a text in the same order, zero for the refused; and the refused with the reason.

    Raises:
        EmbeddingError: The embedder's vectors do not have the right shape.
    """
    try:
        vectors = embedder.embed(texts)
    except EmbeddingError as error:
        return _halved(embedder, texts, error)
    _check_shape(embedder, vectors, len(texts))
    return vectors, {}


def _halved(embedder: Embedder, texts: Sequence[str], error: EmbeddingError) -> tuple[Vectors, Refused]:
    if len(texts) == 1:
        return np.zeros((1, DIMENSION), dtype=np.float32), {texts[0]: error}
    middle = len(texts) // 2
    left, refused_left = embed_each(embedder, texts[:middle])
    right, refused_right = embed_each(embedder, texts[middle:])
    return np.concatenate((left, right)), refused_left | refused_right


def _check_shape(embedder: Embedder, vectors: Vectors, texts: int) -> None:
    if vectors.shape != (texts, DIMENSION):
        raise EmbeddingError(
            f"`{embedder.identity}` gave vectors of shape {vectors.shape} for {texts} texts.",
            why=f"a memory's vector has {DIMENSION} floats",
            suggestion=f"choose a model that gives {DIMENSION} floats",
        )
