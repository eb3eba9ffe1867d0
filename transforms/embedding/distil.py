"""A table of word pieces, made from a transformer: meaning at the price of a look-up.

    distil("./my-model", "./my-table")

Each piece of the model's vocabulary is embedded alone; the vectors are brought to 384 floats by
their principal components, and weighted by how rare the piece is. How well it does is between
letters and the model itself; what it costs is about what letters cost.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from engram_store.errors import ConfigurationError
from io_connectors.pages import Vectors
from transforms.embedding.huggingface.model import encoder_of
from transforms.embedding.provider import EmbeddingSpec
from transforms.embedding.table import FORMAT, TABLE, TOKENIZER, VECTORS, WIDTH, load_tokenizer

# Smooth inverse frequency: Arora, Liang and Ma, "A Simple but Tough-to-Beat Baseline for Sentence
# Embeddings", 2017, with their constant.
_SMOOTH = 1e-3


def distil(model: str, out: str) -> int:
    """Makes a table from a model.

    Args:
        model: The model's folder, or its name on the hub.
        out: A folder for the table; it must not be there yet.

    Returns:
        How many pieces it has.

    Raises:
        ConfigurationError: There is no such model, nothing here runs it, or ``out`` is there.
    """
    folder = Path(out)
    if folder.exists():
        raise ConfigurationError(
            f"`{out}` is there already",
            suggestion="name a folder that is not, or remove it",
            example=f"{out}-2",
        )
    source, encoder = encoder_of(EmbeddingSpec("huggingface", model))
    tokenizer = load_tokenizer(source.path / TOKENIZER)
    pieces = [tokenizer.decode([number]).strip() for number in range(tokenizer.get_vocab_size())]
    vectors = np.zeros((len(pieces), 0), dtype=np.float32)
    told = [number for number, piece in enumerate(pieces) if piece]
    for rows, some in encoder.encode([pieces[number] for number in told]):
        if not vectors.shape[1]:
            vectors = np.zeros((len(pieces), some.shape[1]), dtype=np.float32)
        vectors[[told[row] for row in rows]] = some
    folder.mkdir(parents=True)
    np.save(folder / VECTORS, (_principal(vectors) * _weights(len(pieces))[:, None]).astype(np.float32))
    shutil.copy(source.path / TOKENIZER, folder / TOKENIZER)
    # The last file makes it a table: without it, a folder that was left half-way is none.
    (folder / TABLE).write_bytes(
        orjson.dumps({"format": FORMAT, "model": model, "revision": source.revision()})
    )
    return len(told)


def _principal(vectors: Vectors) -> npt.NDArray[np.float64]:
    """The vectors along their principal components, filled up with zeros to the table's width."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    # Ascending by variance; the last columns say most.
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :WIDTH]
    out = np.zeros((len(vectors), WIDTH))
    out[:, : axes.shape[1]] = centred @ axes
    return out


def _weights(pieces: int) -> npt.NDArray[np.float64]:
    """Weights by rarity: vocabularies are ordered about by frequency, which falls with the rank (Zipf)."""
    share = 1.0 / np.arange(1, pieces + 1)
    share /= share.sum()
    weights: npt.NDArray[np.float64] = _SMOOTH / (_SMOOTH + share)
    return weights
