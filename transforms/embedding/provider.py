"""What turns texts into vectors, and how the pipeline names one.

The pipeline graph carries an ``EmbeddingSpec`` only; every worker process makes its own
embedder from it. A further provider is one module and one line in ``_PROVIDERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engram_store.errors import ConfigurationError
from io_connectors.pages import Vectors
from transforms.embedding.local import LexicalEmbedder


class Embedder(Protocol):
    """Turns texts into unit vectors of 768 floats.

    A text's vector depends on that text alone: not on its neighbours in the batch, the
    process, the machine or the order of calls.
    """

    @property
    def identity(self) -> str:
        """Provider, model and revision, as recorded with every vector: ``local/lexical-1``."""

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


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """Which embedder a pipeline uses; small and picklable, and free of secrets.

    Args:
        provider: A name from ``provider_names``.

    Raises:
        ConfigurationError: There is no such provider.
    """

    provider: str = "local"

    def __post_init__(self) -> None:
        if self.provider not in _PROVIDERS:
            raise ConfigurationError(
                f"There is no embedding provider `{self.provider}`.",
                why=f"known providers: {', '.join(provider_names())}",
                suggestion="name one of them",
                example="--embedding-provider local",
            )


_PROVIDERS: dict[str, Callable[[EmbeddingSpec], Embedder]] = {
    "local": lambda spec: LexicalEmbedder(),
}


def provider_names() -> list[str]:
    """The names that an ``EmbeddingSpec`` can have."""
    return sorted(_PROVIDERS)


def create_embedder(spec: EmbeddingSpec) -> Embedder:
    """The embedder that a spec names, made anew; costs a model its loading time."""
    return _PROVIDERS[spec.provider](spec)


def spec_of(identity: str) -> EmbeddingSpec:
    """The spec of the embedder that gave vectors their identity.

    Raises:
        ConfigurationError: Its provider is not known here.
    """
    return EmbeddingSpec(identity.partition("/")[0])
