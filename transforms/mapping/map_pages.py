"""MapPages: what every source's mapper is, a step that turns pages of records into pages of memories."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import apache_beam as beam

from engram_store.errors import marking
from io_connectors.pages import MappedPage, SourcePage

MapPage = Callable[[SourcePage], MappedPage]


class MapPages(beam.PTransform[beam.PCollection[SourcePage], beam.PCollection[MappedPage]]):
    """``SourcePage`` → ``MappedPage``; records that cannot be mapped become dead letters.

    Args:
        step: What the step is called in a runner.
        map_page: Maps one page; picklable.
    """

    def __init__(self, step: str, map_page: MapPage) -> None:
        super().__init__()
        self._step = step
        self._map_page = map_page

    def expand(self, pages: beam.PCollection[SourcePage]) -> beam.PCollection[MappedPage]:
        """Maps each page."""
        mapping = beam.ParDo(_MapPages(self._map_page)).with_output_types(MappedPage)
        mapped: beam.PCollection[MappedPage] = pages | self._step >> mapping
        return mapped

    def mapped(self, page: SourcePage) -> MappedPage:
        """Maps one page in this process."""
        return self._map_page(page)


class _MapPages(beam.DoFn):
    def __init__(self, map_page: MapPage) -> None:
        self._map_page = map_page

    def process(self, page: SourcePage) -> Iterator[MappedPage]:
        with marking():
            yield self._map_page(page)
