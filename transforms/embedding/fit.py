"""From a model's vectors to those of a memory: 768 floats of unit length."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from engram_store.errors import ConfigurationError
from engram_store.model import DIMENSION
from io_connectors.pages import Vectors

_Float = TypeVar("_Float", np.float32, np.float64)


def fitted(vectors: npt.ArrayLike, model: str, *, truncate: bool = False) -> Vectors:
    """Vectors as a memory has them.

    Shorter ones are filled up with zeros, which keeps every cosine as it is. Longer ones are cut
    only where that was asked for, and scaled anew: the first floats of a vector mean something by
    themselves only in models that were trained so (Kusupati et al., "Matryoshka Representation
    Learning", 2022).

    Args:
        vectors: (n, width).
        model: The model's name, for errors.
        truncate: Whether longer vectors may be cut.

    Returns:
        (n, 768) float32 unit rows; a zero row stays zero.

    Raises:
        ConfigurationError: The vectors are too long, or hold what is no number.
    """
    given = np.asarray(vectors, dtype=np.float32)
    width = given.shape[1]
    if width > DIMENSION and not truncate:
        raise ConfigurationError(
            f"`{model}` gives vectors of {width} floats, and a memory's vector has {DIMENSION}.",
            why="only some models may have their vectors cut",
            suggestion=f"choose a model of at most {DIMENSION} floats, or have them cut if it was trained so",
            example="--embedding-truncate",
        )
    if not np.isfinite(given).all():
        raise ConfigurationError(
            f"`{model}` gives vectors with values that are no numbers.",
            suggestion="see what is wrong with the model, or choose another one",
        )
    out = np.zeros((len(given), DIMENSION), dtype=np.float32)
    out[:, : min(width, DIMENSION)] = given[:, :DIMENSION]
    return unit(out)


def unit(vectors: npt.NDArray[_Float]) -> npt.NDArray[_Float]:
    """Rows scaled to length 1; a zero row stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    out = np.zeros_like(vectors)
    np.divide(vectors, norms, out=out, where=norms > 0)
    return out
