"""Small mapped pages, and a provider that fails on some texts."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.pages import page_of
from engram_store.errors import EmbeddingError
from io_connectors.pages import Vectors
from transforms.embedding.local import LexicalEmbedder
from transforms.embedding.spent import Spent

__all__ = ["Fussy", "page_of"]


class Fussy:
    """The lexical embedder, but any text with ``poison`` in it fails its whole batch."""

    identity = "fussy/1"
    semantic = False
    description = "Not semantic, and fussy."

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self._embedder = LexicalEmbedder()

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(list(texts))
        if any("poison" in text for text in texts):
            raise EmbeddingError("The text was refused.", why="it is poison", suggestion="leave it out")
        return self._embedder.embed(texts)

    def embed_query(self, text: str) -> Vectors:
        return self._embedder.embed_query(text)

    def spent(self) -> Spent:
        return Spent()
