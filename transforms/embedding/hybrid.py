"""The ``local`` provider with a table: half of a vector is meaning, half is letters.

The table's half is the sum of the word pieces' vectors; the other is that of ``LexicalEmbedder``,
folded to 384 floats. Both have the same length, so that a cosine is the mean of the two halves'.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from io_connectors.pages import Vectors
from transforms.embedding.fit import unit
from transforms.embedding.local import LONGEST_TEXT, LexicalEmbedder
from transforms.embedding.provider import EmbeddingSpec
from transforms.embedding.spent import Spent
from transforms.embedding.table import WIDTH, Table
from transforms.embedding.tokens import tokens

#: Words after which the memory of words starts afresh; 150 MB.
_CAPACITY = 50_000
#: A longer token is an identifier, and so is one with a digit: it has no meaning to look up.
_LONGEST_WORD = 40


class HybridEmbedder:
    """Vectors from a table of word pieces and from letters.

    Args:
        spec: Names the table's folder.
    """

    semantic = True

    def __init__(self, spec: EmbeddingSpec) -> None:
        self._table = Table.open(spec.model)
        self._letters = LexicalEmbedder()
        self._words = _Words(self._table)
        self._lock = threading.Lock()
        self.identity = spec.identity(revision=self._table.revision)
        self.description = (
            f"Embeddings are half letters, half word meanings distilled from `{self._table.model}`:"
            " they know words of like meaning, not sentences."
        )

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts; see ``Embedder.embed``. Never fails on a text."""
        whole = self._letters.embed(texts)
        with self._lock:
            meanings = self._words.sums(texts)
        letters = whole[:, :WIDTH] + whole[:, WIDTH:]
        out: npt.NDArray[np.float64] = np.concatenate((unit(meanings), unit(letters)), axis=1)
        return unit(out).astype(np.float32)

    def embed_query(self, text: str) -> Vectors:
        """Embed a question, as any other text."""
        vector: Vectors = self.embed([text])[0]
        return vector

    def spent(self) -> Spent:
        """Nothing: look-ups cost too little to be counted."""
        return Spent()


class _Words(dict[str, int]):
    """The vectors of whole words, made of their pieces when they are first met; by the word's row."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self._table = table
        self._vectors = np.zeros((1024, WIDTH))

    def __missing__(self, word: str) -> int:
        row = self[word] = len(self)
        if row == len(self._vectors):
            self._vectors = np.concatenate((self._vectors, np.zeros_like(self._vectors)))
        self._vectors[row] = self._of(word)
        return row

    def sums(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """The sum of each text's words, (n, 384)."""
        if len(self) > _CAPACITY:
            self.clear()
        words = [[self[word] for word in tokens(text.strip()[:LONGEST_TEXT])] for text in texts]
        out = np.zeros((len(texts), WIDTH))
        for text, rows in enumerate(words):
            if rows:
                np.add.reduce(self._vectors[rows], axis=0, out=out[text])
        return out

    def _of(self, word: str) -> npt.NDArray[np.float64]:
        if len(word) > _LONGEST_WORD or any(character.isdigit() for character in word):
            return np.zeros(WIDTH)
        pieces = self._table.tokenizer.encode(_sound(word), add_special_tokens=False).ids
        vector: npt.NDArray[np.float64] = self._table.vectors[pieces].sum(axis=0, dtype=np.float64)
        return vector


def _sound(word: str) -> str:
    return word.encode("utf-8", "replace").decode()
