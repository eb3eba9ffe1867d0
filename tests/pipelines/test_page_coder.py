"""Pages are weighed by their records, at every step of a migration, and coded whole where they travel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.coders import registry

from io_connectors.page_coder import PageCoder
from io_connectors.pages import EdgePage, MappedPage, MemoryPage, SourcePage
from io_connectors.planned_pages import PlannedPage, PlannedPages, ReadPlannedPages
from transforms.embedding.embed import EmbedMemories
from transforms.embedding.provider import EmbeddingSpec
from transforms.mapping.map_pages import MapPages


def test_every_step_codes_its_pages_so() -> None:
    pipeline = beam.Pipeline()
    source: PlannedPages[None] = PlannedPages([PlannedPage("page", 1, None)], _never, {})
    embedded = (
        pipeline | ReadPlannedPages(source) | MapPages("Map", _never) | EmbedMemories(EmbeddingSpec("local"))
    )
    assert embedded.element_type is MappedPage
    types = [*_types(pipeline._root_transform())]
    assert {SourcePage, MappedPage} <= {*types}
    # What has no type would be coded to be weighed.
    assert beam.typehints.Any not in types and beam.typehints.List[beam.typehints.Any] not in types
    for kind in (SourcePage, MappedPage):
        assert isinstance(registry.get_coder(kind), PageCoder)


def test_page_is_the_same_behind_the_coder() -> None:
    coder = PageCoder()
    source = SourcePage("page", "notes", [(1, "a"), (2, None)], gone=1)
    assert coder.decode(coder.encode(source)) == source
    memories = MemoryPage(ids=["1"], spaces=["s"], embeddings=np.ones((1, 768), np.float32))
    mapped = coder.decode(coder.encode(MappedPage("page", memories, EdgePage(ids=["e"]))))
    assert isinstance(mapped, MappedPage)
    assert mapped.memories.ids == ["1"] and mapped.edges.ids == ["e"]
    assert mapped.memories.embeddings is not None
    np.testing.assert_array_equal(mapped.memories.embeddings, np.ones((1, 768)))
    assert coder.estimate_size(source) == 2 * coder.estimate_size(mapped) > 0


def _types(part: Any) -> Iterator[Any]:
    yield from (output.element_type for output in part.outputs.values())
    for inner in part.parts:
        yield from _types(inner)


def _never(*_: object) -> Any:
    raise AssertionError("this graph is not run")
