"""The word rows: each known word's features, ready to be added up."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engram_store.model import DIMENSION
from transforms.embedding.features import CELL_BITS, plain_entries, plain_row, stop_word_row, word_entries
from transforms.embedding.stopwords import STOP_WORDS

#: Words after which the cache starts afresh. With about 20 entries of 4 bytes a word and the
#: dictionary beside them, that is 20 MB (70 MB if every word had 40 letters).
CAPACITY = 100_000

_CELL_MASK = (1 << CELL_BITS) - 1


class WordRows(dict[str, int]):
    """A growing sparse matrix, one row a word; indexing by a token gives its row's number.

    Tokens of a single feature (identifiers, stop words) have ready rows and are never stored,
    so that numbers and UUIDs cost no memory.
    """

    def __init__(self) -> None:
        super().__init__((word, stop_word_row(word)) for word in STOP_WORDS)
        self._entries = array("i", plain_entries())
        self._starts = array("i", range(len(self._entries) + 1))

    def __missing__(self, token: str) -> int:
        row = plain_row(token)
        if row is None:
            row = self[token] = len(self._starts) - 1
            self._entries.fromlist(word_entries(token))
            self._starts.append(len(self._entries))
        return row

    @property
    def nbytes(self) -> int:
        """Bytes held in rows, without the dictionary of words."""
        return self._entries.itemsize * (len(self._entries) + len(self._starts))

    def sums(self, rows: Sequence[int], lengths: Sequence[int]) -> npt.NDArray[np.float64]:
        """Add up rows, text by text.

        Args:
            rows: The row numbers of all texts, one text after the other.
            lengths: How many of them each text has.

        Returns:
            A (texts, 768) array of whole numbers.
        """
        row = np.array(rows, dtype=np.int64)
        starts = np.frombuffer(self._starts, dtype=np.int32)
        begin = starts[row].astype(np.int64)
        size = starts[row + 1] - begin
        ends = np.cumsum(size)
        at = np.repeat(begin - ends + size, size) + np.arange(ends[-1] if len(ends) else 0)
        text = np.repeat(np.arange(len(lengths)) * DIMENSION, lengths)
        entries = np.frombuffer(self._entries, dtype=np.int32)[at]
        cells = np.repeat(text, size) + (entries & _CELL_MASK)
        weights = (entries >> CELL_BITS).astype(np.float64)
        flat = np.bincount(cells, weights=weights, minlength=len(lengths) * DIMENSION)
        return flat.astype(np.float64, copy=False).reshape(len(lengths), DIMENSION)
