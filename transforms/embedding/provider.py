"""What turns texts into vectors, and how the pipeline names one.

The pipeline graph carries an ``EmbeddingSpec`` only; every worker process makes its own
embedder from it. A further provider is one module and one line in ``_PROVIDERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl, urlencode

from engram_store.errors import ConfigurationError
from io_connectors.pages import Vectors
from io_connectors.secrets import SecretRef
from transforms.embedding.local import LexicalEmbedder
from transforms.embedding.spent import Spent

KEY_VARIABLE = "ENGRAM_MIGRATE_EMBEDDING_KEY"


class Embedder(Protocol):
    """Turns texts into unit vectors of 768 floats.

    A text's vector depends on that text alone: not on its neighbours in the batch, the
    process, the machine or the order of calls.
    """

    @property
    def identity(self) -> str:
        """Provider, model and all else that changes a vector: ``local/lexical-1``."""

    @property
    def semantic(self) -> bool:
        """Whether texts that mean the same without sharing words come out near each other."""

    @property
    def description(self) -> str:
        """One honest sentence for people: what these vectors can and cannot find."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts.

        Args:
            texts: Any number of texts, of any length.

        Returns:
            A (n, 768) float32 array, one unit row a text in the same order; the row of a
            blank text is zero.

        Raises:
            EmbeddingError: At least one of the texts cannot be embedded.
        """

    def embed_query(self, text: str) -> Vectors:
        """The (768,) vector of a question, to be compared with those of ``embed``."""

    def spent(self) -> Spent:
        """What a costly model was asked for since this was last called."""


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """Which embedder a pipeline uses; small and picklable, and free of secrets.

    Attributes:
        provider: A name from ``provider_names``.
        model: A model's name or its folder; for `local` a table's folder, or nothing.
        base_url: Address of the server that embeds.
        truncate: Cut vectors of more than 768 floats.
        query_prefix: What is put before a question.
        document_prefix: What is put before a memory's text.
        cache: File in which vectors are kept between runs; empty for none.
        in_flight: Requests under way at once.
        threads: Threads of a model that runs here.

    Raises:
        ConfigurationError: There is no such provider.
    """

    provider: str = "local"
    model: str = ""
    base_url: str = ""
    truncate: bool = False
    query_prefix: str = ""
    document_prefix: str = ""
    cache: str = ""
    in_flight: int = 4
    threads: int = 1

    def __post_init__(self) -> None:
        if self.provider not in _PROVIDERS:
            raise ConfigurationError(
                f"There is no embedding provider `{self.provider}`.",
                why=f"known providers: {', '.join(provider_names())}",
                suggestion="name one of them",
                example="--embedding-provider local",
            )

    @property
    def key(self) -> SecretRef:
        """Where the key of the server that embeds is found."""
        return SecretRef(variable=KEY_VARIABLE)

    def identity(self, **more: str) -> str:
        """The name of the vectors that this makes, from which ``embedder_of`` makes it again.

        Args:
            more: What else changes them, such as a revision.
        """
        named = {name: getattr(self, name) for name in _NAMED}
        told = {name: str(value) for name, value in {**named, **more}.items() if value}
        return f"{self.provider}/{self.model}" + (f"?{urlencode(told)}" if told else "")


_NAMED = ("base_url", "truncate", "query_prefix", "document_prefix")


def _local(spec: EmbeddingSpec) -> Embedder:
    if not spec.model:
        return LexicalEmbedder()
    from transforms.embedding.hybrid import HybridEmbedder

    return HybridEmbedder(spec)


def _openai(spec: EmbeddingSpec) -> Embedder:
    from transforms.embedding.cache import CachedEmbedder
    from transforms.embedding.openai import OpenAIModel

    return CachedEmbedder(OpenAIModel(spec), spec.cache)


def _huggingface(spec: EmbeddingSpec) -> Embedder:
    from transforms.embedding.cache import CachedEmbedder
    from transforms.embedding.huggingface.model import open_model

    return CachedEmbedder(open_model(spec), spec.cache)


_PROVIDERS: dict[str, Callable[[EmbeddingSpec], Embedder]] = {
    "local": _local,
    "openai": _openai,
    "huggingface": _huggingface,
}


def provider_names() -> list[str]:
    """The names that an ``EmbeddingSpec`` can have."""
    return sorted(_PROVIDERS)


def create_embedder(spec: EmbeddingSpec) -> Embedder:
    """The embedder that a spec names, made anew; costs a model its loading time."""
    return _PROVIDERS[spec.provider](spec)


def embedder_of(identity: str) -> Embedder:
    """The embedder that gave vectors their identity, to compare others with them.

    Raises:
        ConfigurationError: Its provider is not known here, or its model is another one by now.
    """
    embedder = create_embedder(_spec_of(identity))
    if embedder.identity != identity:
        raise ConfigurationError(
            f"the model `{embedder.identity}` is not the one that made the vectors",
            why=f"that was `{identity}`, and vectors of the two cannot be compared",
            suggestion="put the model back as it was",
        )
    return embedder


def _spec_of(identity: str) -> EmbeddingSpec:
    name, _, told = identity.partition("?")
    provider, _, model = name.partition("/")
    if provider == "local" and not told:
        return EmbeddingSpec(provider)
    known = dict(parse_qsl(told))
    return EmbeddingSpec(
        provider,
        model,
        base_url=known.get("base_url", ""),
        truncate="truncate" in known,
        query_prefix=known.get("query_prefix", ""),
        document_prefix=known.get("document_prefix", ""),
    )
