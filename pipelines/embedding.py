"""From the settings to the embedding that they mean."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from pathlib import Path

from engram_store.errors import ConfigurationError
from pipelines.settings.model import Settings
from transforms.embedding.provider import Embedder, EmbeddingSpec, create_embedder

#: Tokens that ``--embedding-price`` is the price of.
TOKENS_PRICED = 1_000_000

_LOCAL_BATCH = 1000
_COSTLY_BATCH = 100
_CACHE = Path("engram-migrate") / "embeddings.sqlite"

_log = logging.getLogger(__name__)


def embedding_of(settings: Settings) -> EmbeddingSpec:
    """The embedding that the settings mean, `auto` decided.

    Raises:
        ConfigurationError: It needs something that is not there, or is not semantic and has to be.
    """
    provider = settings.embedding_provider
    if provider == "auto":
        provider = _chosen(settings)
    if provider == "local":
        _check_local(settings)
        return EmbeddingSpec(model=settings.embedding_model)
    if provider == "openai" and not settings.embedding_model:
        raise ConfigurationError(
            "the provider `openai` needs a model",
            suggestion="name one that the server has",
            example="--embedding-model text-embedding-3-small",
        )
    workers = min(settings.parallel_workers, os.cpu_count() or 1)
    return EmbeddingSpec(
        provider=provider,
        model=settings.embedding_model,
        base_url=settings.embedding_base_url,
        truncate=settings.embedding_truncate,
        query_prefix=settings.embedding_query_prefix,
        document_prefix=settings.embedding_document_prefix,
        cache=_cache(settings.embedding_cache),
        in_flight=settings.embedding_in_flight,
        threads=max(1, (os.cpu_count() or 1) // workers),
    )


def model_of(settings: Settings) -> str:
    """The identity of the vectors that the settings mean."""
    return embedder_for(settings).identity


def embedder_for(settings: Settings) -> Embedder:
    """The embedder that the settings mean; made once, since that may load a table or digest a model."""
    return _made(embedding_of(settings))


@lru_cache(maxsize=4)
def _made(spec: EmbeddingSpec) -> Embedder:
    return create_embedder(spec)


def announce(settings: Settings) -> None:
    """Says it loud where `auto` found nothing better than words."""
    if settings.embedding_provider == "auto" and embedding_of(settings).provider == "local":
        _log.warning(
            "no --embedding-model and no --embedding-base-url: embeddings are lexical."
            " Recall will find shared words and spellings, not shared meaning"
        )


def batch_size_of(settings: Settings, spec: EmbeddingSpec) -> int:
    """Records that are embedded together."""
    return settings.embedding_batch_size or (_LOCAL_BATCH if spec.provider == "local" else _COSTLY_BATCH)


def check_embedding(spec: EmbeddingSpec) -> None:
    """Embeds one word, so that a wrong model, address or key is found before the first row is read.

    Raises:
        MigrationError: It cannot be embedded.
    """
    if spec.provider != "local":
        _made(spec).embed_query("Engram")


def _chosen(settings: Settings) -> str:
    """What `auto` means. A key in the environment never chooses a server: texts would leave unasked."""
    if settings.embedding_base_url:
        return "openai"
    if settings.embedding_model:
        return "huggingface"
    return "local"


def _check_local(settings: Settings) -> None:
    if settings.embedding_base_url:
        raise ConfigurationError(
            "`--embedding-base-url` means nothing to the provider `local`",
            why="it asks no server",
            suggestion="name the provider, or leave the choice to `auto`",
            example="--embedding-provider auto",
        )
    if settings.require_semantic and not settings.embedding_model:
        raise ConfigurationError(
            "the provider `local` is lexical, and `--require-semantic` is given",
            why="its vectors know words and spellings, not meaning",
            suggestion="name a model, or a server that has one",
            example="--embedding-provider auto --embedding-model sentence-transformers/all-MiniLM-L6-v2",
        )


def _cache(given: str) -> str:
    if given == "off":
        return ""
    if given:
        return str(Path(given).absolute())
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return str(Path(folder) / _CACHE)
