"""Costly models are asked once for each text: what they gave is kept in memory and in a file.

    embedder = CachedEmbedder(model, "embeddings.sqlite")

Vectors are kept as 16-bit floats (1 − cos ≤ 3e-8), and those that were just computed are given in
that form too: a text has one vector, wherever it came from.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

import numpy as np

from engram_store.model import DIMENSION
from io_connectors.pages import Vectors
from transforms.embedding.cache_file import CacheFile
from transforms.embedding.fit import unit
from transforms.embedding.spent import Meter, Spent

#: Bytes of vectors that a process keeps in memory.
MEMORY = 64 * 1024 * 1024

_KEY_BYTES = 16
_VECTOR_BYTES = 2 * DIMENSION
_Kept = bytes


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the vectors that a model was asked for.

    Attributes:
        rows: Which texts they are of.
        vectors: (n, 768) float32 unit rows.
        tokens: Tokens that were paid for; 0 where nobody counts them.
    """

    rows: Sequence[int]
    vectors: Vectors
    tokens: int = 0


class Model(Protocol):
    """A model that costs time or money."""

    @property
    def identity(self) -> str:
        """As ``Embedder.identity``."""

    @property
    def semantic(self) -> bool:
        """As ``Embedder.semantic``."""

    @property
    def description(self) -> str:
        """As ``Embedder.description``."""

    def prepare(self, text: str, *, query: bool = False) -> str:
        """The text as the model reads it: with its prefix, and cut where it does not read on."""

    def compute(self, texts: Sequence[str]) -> Iterator[Part]:
        """Computes prepared texts, and gives the vectors in parts, as soon as they are there.

        Raises:
            EmbeddingError: Some of the texts cannot be embedded; all others were given before.
        """


class CachedEmbedder:
    """An ``Embedder`` over a costly model.

    Args:
        model: The model.
        file: Where vectors are kept between runs and shared between processes; empty for nowhere.
        memory: Bytes of vectors that are kept in memory.
    """

    def __init__(self, model: Model, file: str = "", memory: int = MEMORY) -> None:
        self._model = model
        self._file = CacheFile(file) if file else None
        self._salt = blake2b(model.identity.encode(), digest_size=_KEY_BYTES).digest()
        self._recent: OrderedDict[bytes, _Kept] = OrderedDict()
        self._most = max(1, memory // _VECTOR_BYTES)
        self._lock = threading.Lock()
        self._meter = Meter()

    @property
    def identity(self) -> str:
        """The model's."""
        return self._model.identity

    @property
    def semantic(self) -> bool:
        """The model's."""
        return self._model.semantic

    @property
    def description(self) -> str:
        """The model's."""
        return self._model.description

    def spent(self) -> Spent:
        """What the model was asked for since this was last called."""
        return self._meter.take()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embeds texts; see ``Embedder.embed``."""
        return self._embed([self._model.prepare(text) if text.strip() else "" for text in texts])

    def embed_query(self, text: str) -> Vectors:
        """Embeds a question; see ``Embedder.embed_query``."""
        vector: Vectors = self._embed([self._model.prepare(text, query=True) if text.strip() else ""])[0]
        return vector

    def _embed(self, texts: Sequence[str]) -> Vectors:
        keys = [blake2b(_bytes(text), digest_size=_KEY_BYTES, key=self._salt).digest() for text in texts]
        wanted = {key: text for key, text in zip(keys, texts, strict=True) if text}
        found = self._known(list(wanted))
        found |= self._computed({key: text for key, text in wanted.items() if key not in found})
        empty = bytes(_VECTOR_BYTES)
        kept = b"".join(found[key] if text else empty for key, text in zip(keys, texts, strict=True))
        return unit(np.frombuffer(kept, dtype="<f2").reshape(-1, DIMENSION).astype(np.float32))

    def _known(self, keys: list[bytes]) -> dict[bytes, _Kept]:
        with self._lock:
            found = {key: self._recent[key] for key in keys if key in self._recent}
            for key in found:
                self._recent.move_to_end(key)
        if self._file and len(found) < len(keys):
            stored = self._file.get([key for key in keys if key not in found])
            self._remember(stored)
            found |= stored
        return found

    def _computed(self, wanted: Mapping[bytes, str]) -> dict[bytes, _Kept]:
        """Asks the model; what it gives is kept part by part, also if it fails in the end."""
        computed: dict[bytes, _Kept] = {}
        keys, texts = list(wanted), list(wanted.values())
        for part in self._model.compute(texts) if texts else ():
            vectors = part.vectors.astype("<f2")
            new = {keys[row]: vector.tobytes() for row, vector in zip(part.rows, vectors, strict=True)}
            self._meter.add(len(new), part.tokens)
            self._remember(new)
            if self._file:
                self._file.put(new)
            computed |= new
        return computed

    def _remember(self, vectors: Mapping[bytes, _Kept]) -> None:
        with self._lock:
            self._recent.update(vectors)
            while len(self._recent) > self._most:
                self._recent.popitem(last=False)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
