"""Naming a provider."""

from __future__ import annotations

import pytest

from engram_store.errors import ConfigurationError
from transforms.embedding.provider import EmbeddingSpec, create_embedder, embedder_of


def test_an_unknown_provider_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="`lokal`") as caught:
        EmbeddingSpec("lokal")
    assert "local" in caught.value.why


def test_a_transformer_needs_a_model() -> None:
    with pytest.raises(ConfigurationError, match="needs a model"):
        create_embedder(EmbeddingSpec("huggingface"))


def test_vectors_of_another_version_are_not_compared() -> None:
    with pytest.raises(ConfigurationError, match="not the one that made the vectors"):
        embedder_of("local/lexical-0")


def test_an_identity_says_all_that_changes_a_vector() -> None:
    spec = EmbeddingSpec("openai", "m/1", base_url="http://h/v1?x=1&y", truncate=True, query_prefix="q: ?&=")
    assert embedder_of(create_embedder(spec).identity).identity == spec.identity()
    others = [
        EmbeddingSpec("openai", "m/1"),
        EmbeddingSpec("openai", "m/1", base_url="http://h/v1?x=1&y", query_prefix="q: ?&="),
        EmbeddingSpec("openai", "m/1", base_url="http://h/v1?x=1&y", truncate=True),
    ]
    assert len({spec.identity(), *(other.identity() for other in others)}) == 4
