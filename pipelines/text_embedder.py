"""Embedding single texts for the server, as the pipelines embed memories."""

from __future__ import annotations

from functools import lru_cache

from engram_store.vectors import Vectors
from transforms.embedding.provider import Embedder, EmbeddingSpec, create_embedder, embedder_of


class TextEmbedder:
    """Embeds one text at a time."""

    @property
    def default_model(self) -> str:
        """The model that is used where the store names none."""
        return create_embedder(EmbeddingSpec()).identity

    def __call__(self, model: str, text: str) -> Vectors:
        """The vector of a text, (768,), by the model that a run names."""
        return _embedder(model).embed_query(text)


@lru_cache(maxsize=4)
def _embedder(model: str) -> Embedder:
    return embedder_of(model)
