"""``EmbedMemories``: the stage of the pipeline that gives memories their vectors.

    embedded = mapped | "Embed" >> EmbedMemories(EmbeddingSpec("local"))

Pages stay whole and keep their names; small ones are embedded together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.utils.shared import Shared

from engram_store.errors import ConfigurationError
from io_connectors.pages import MappedPage
from transforms.embedding.batch import embed_pages
from transforms.embedding.provider import Embedder, EmbeddingSpec, create_embedder

DEFAULT_BATCH_SIZE = 1000


class EmbedMemories(beam.PTransform[beam.PCollection[MappedPage], beam.PCollection[MappedPage]]):
    """PCollection of MappedPage → the same pages, embedded.

    Args:
        spec: Which embedder to use; it is made once in every worker process.
        batch_size: Records embedded together. Pages are never split: a larger page is a
            batch of its own.

    Raises:
        ConfigurationError: ``batch_size`` is not positive.
    """

    def __init__(self, spec: EmbeddingSpec, batch_size: int = DEFAULT_BATCH_SIZE) -> None:
        super().__init__()
        if batch_size < 1:
            raise ConfigurationError(
                f"An embedding batch of {batch_size} records is not possible.",
                suggestion="choose 1 or more",
            )
        self._spec = spec
        self._batch_size = batch_size

    def expand(self, pages: beam.PCollection[MappedPage]) -> beam.PCollection[MappedPage]:
        """Group pages into batches, and embed each batch."""
        grouping = beam.BatchElements(
            min_batch_size=self._batch_size,
            max_batch_size=self._batch_size,
            element_size_fn=_weight,
            record_metrics=False,
        )
        embedding = beam.ParDo(_EmbedBatch(self._spec, Shared())).with_output_types(MappedPage)
        embedded: beam.PCollection[MappedPage] = (
            pages | "Group small pages" >> grouping | "Embed each batch" >> embedding
        )
        return embedded

    def display_data(self) -> dict[str, object]:
        """The provider and the batch size, as runners show them."""
        return {"provider": self._spec.provider, "batch_size": self._batch_size}


def _weight(page: MappedPage) -> int:
    # Edges, which are not embedded, count too: else pages of them would pile up in one batch.
    return max(1, len(page) + len(page.edges))


class _EmbedBatch(beam.DoFn):
    def __init__(self, spec: EmbeddingSpec, shared: Shared) -> None:
        self._spec = spec
        self._shared = shared
        self._texts = Metrics.counter("embedding", "texts")
        self._distinct = Metrics.counter("embedding", "distinct")

    def setup(self) -> None:
        self._embedder: Embedder = self._shared.acquire(lambda: create_embedder(self._spec))

    def process(self, batch: Iterable[MappedPage]) -> Iterator[MappedPage]:
        for page in embed_pages(self._embedder, list(batch)):
            self._texts.inc(page.embedding.texts)
            self._distinct.inc(page.embedding.distinct)
            yield page
