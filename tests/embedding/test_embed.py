"""``EmbedMemories`` in a pipeline."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.test_pipeline import TestPipeline as BeamPipeline
from apache_beam.testing.util import assert_that
from apache_beam.transforms.display import DisplayData

from engram_store.errors import ConfigurationError
from io_connectors.pages import EdgePage, MappedPage, MemoryPage
from tests.embedding.pages import page_of
from transforms.embedding import embed
from transforms.embedding.batch import embed_pages
from transforms.embedding.embed import EmbedMemories
from transforms.embedding.local import LexicalEmbedder
from transforms.embedding.provider import Embedder, EmbeddingSpec

SPEC = EmbeddingSpec("local")
PAGES = [
    page_of("a", ["one", "two", None]),
    page_of("b", []),
    page_of("c", ["two", "three"] * 6),
    page_of("d", ["four"]),
]
EXPECTED = {page.page_id: page for page in embed_pages(LexicalEmbedder(), PAGES)}


def _check(found: list[MappedPage]) -> None:
    assert sorted(page.page_id for page in found) == sorted(EXPECTED)
    for page in found:
        expected = EXPECTED[page.page_id].memories
        assert page.memories.embeddings is not None
        assert expected.embeddings is not None
        np.testing.assert_array_equal(page.memories.embeddings, expected.embeddings)
        assert page.memories.ids == expected.ids
        assert page.memories.confidence == expected.confidence


@pytest.mark.parametrize("batch_size", [1, 5, 1000])
def test_pages_come_out_whole_and_embedded(batch_size: int) -> None:
    with BeamPipeline(runner=FnApiRunner()) as pipeline:
        pages = pipeline | beam.Create(PAGES) | "Embed" >> EmbedMemories(SPEC, batch_size)
        assert_that(pages, _check)


def test_counters_add_up() -> None:
    pipeline = BeamPipeline(runner=FnApiRunner())
    _ = pipeline | beam.Create(PAGES) | EmbedMemories(SPEC)
    counters = pipeline.run().metrics().query()["counters"]
    found = {counter.key.metric.name: counter.committed for counter in counters}
    assert found["texts"] == 16
    # Create may spread the pages over bundles, and so over batches.
    assert 5 <= found["distinct"] <= 7


def test_pages_of_edges_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []

    def count(embedder: Embedder, pages: list[MappedPage]) -> Iterator[MappedPage]:
        batches.append(len(pages))
        return embed_pages(embedder, pages)

    monkeypatch.setattr(embed, "embed_pages", count)
    edges = EdgePage(ids=["e"] * 500)
    with BeamPipeline(runner=FnApiRunner()) as pipeline:
        pages = [MappedPage(str(number), MemoryPage(), edges) for number in range(20)]
        _ = pipeline | beam.Create(pages) | EmbedMemories(SPEC, 1000)
    assert sum(batches) == 20
    assert max(batches) <= 2


def test_shows_what_it_does() -> None:
    display = DisplayData.create_from(EmbedMemories(SPEC, 50))
    shown = {item.key: item.value for item in display.items}
    assert shown["provider"] == "local"
    assert shown["batch_size"] == 50


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="0 records"):
        EmbedMemories(SPEC, 0)
