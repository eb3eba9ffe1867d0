"""The ``local`` provider: lexical vectors, made here, without a model or a network.

    embedder = LexicalEmbedder()
    vectors = embedder.embed(["red running shoes", "shoes for running, red"])
    float(vectors[0] @ vectors[1])      # high: the words are the same

Words and their groups of 3 and 4 letters are hashed with signs into 768 cells, weighted by
length and against stop words, and scaled to unit length. Shared words, inflections and typing
errors bring texts together; shared meaning alone does not.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from engram_store.model import DIMENSION
from io_connectors.pages import Vectors
from transforms.embedding.features import code
from transforms.embedding.rows import CAPACITY, WordRows
from transforms.embedding.spent import Spent
from transforms.embedding.tokens import tokens

#: Only this much of a text is embedded, in characters after leading white space.
LONGEST_TEXT = 32_768

# Small enough for the sums to stay in the processor's cache; also what the word cache can
# outgrow its bound by, since it is emptied between chunks only.
_CHUNK_TEXTS = 32
_CHUNK_CHARACTERS = 2 * LONGEST_TEXT


class LexicalEmbedder:
    """Vectors from the letters of a text alone; the same bits on every machine.

    Args:
        capacity: Words to remember before the memory of words starts afresh.
    """

    identity = "local/lexical-1"
    semantic = False
    description = (
        "Embeddings are lexical, not semantic: recall finds shared words and spellings, not shared meaning."
    )

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._rows = WordRows()
        # Beam may run several bundles of one process in threads, all with this embedder.
        self._lock = threading.Lock()

    @property
    def known_words(self) -> int:
        """Words remembered at the moment: at most ``capacity`` and those of one chunk."""
        return len(self._rows)

    @property
    def nbytes(self) -> int:
        """Bytes of the remembered rows."""
        return self._rows.nbytes

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts; see ``Embedder.embed``. Never fails on a text."""
        vectors = np.empty((len(texts), DIMENSION), dtype=np.float32)
        with self._lock:
            for first, chunk in _chunks([text.strip()[:LONGEST_TEXT] for text in texts]):
                self._embed_chunk(chunk, vectors[first : first + len(chunk)])
        return vectors

    def embed_query(self, text: str) -> Vectors:
        """Embed a question, as any other text."""
        vector: Vectors = self.embed([text])[0]
        return vector

    def spent(self) -> Spent:
        """Nothing: the words' sums cost too little to be counted."""
        return Spent()

    def _embed_chunk(self, texts: list[str], vectors: Vectors) -> None:
        if len(self._rows) > self._capacity:
            self._rows = WordRows()
        row_of = self._rows.__getitem__
        rows: list[int] = []
        lengths: list[int] = []
        for text in texts:
            found = tokens(text)
            rows.extend(map(row_of, found))
            lengths.append(len(found))
        sums = self._rows.sums(rows, lengths)
        # Exact, in any order of additions: a text's weights add up to 3.3e7 at most, of which
        # even the square is below 2**53.
        norms = np.sqrt(np.einsum("ij,ij->i", sums, sums))
        for index in np.flatnonzero(norms == 0):
            sums[index], norms[index] = _by_character(texts[index])
        np.divide(sums, norms[:, None], out=vectors, casting="same_kind")


def _chunks(texts: list[str]) -> Iterator[tuple[int, list[str]]]:
    first = characters = 0
    for index, text in enumerate(texts):
        characters += len(text)
        if characters > _CHUNK_CHARACTERS or index - first == _CHUNK_TEXTS:
            yield first, texts[first:index]
            first, characters = index, len(text)
    if texts:
        yield first, texts[first:]


def _by_character(text: str) -> tuple[npt.NDArray[np.float64], float]:
    """The sums and norm of a text whose words leave nothing: punctuation, or a cancellation.

    All signs are positive, so that nothing can cancel again.
    """
    cells = [code(character) // 2 for character in text if not character.isspace()]
    sums = np.bincount(np.array(cells, dtype=np.int64), minlength=DIMENSION).astype(np.float64)
    return sums, float(np.sqrt(np.dot(sums, sums))) or 1.0
