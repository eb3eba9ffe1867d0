"""Naming a provider."""

from __future__ import annotations

import pytest

from engram_store.errors import ConfigurationError
from transforms.embedding.provider import EmbeddingSpec, create_embedder, provider_names


def test_every_name_makes_an_embedder() -> None:
    for name in provider_names():
        assert create_embedder(EmbeddingSpec(name)).identity.startswith(f"{name}/")


def test_an_unknown_provider_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="`lokal`") as caught:
        EmbeddingSpec("lokal")
    assert "local" in caught.value.why
