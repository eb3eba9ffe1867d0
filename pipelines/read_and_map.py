"""ReadAndMap: planned pages, read and mapped; in a pipeline, or here and now for a few of them."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam

from io_connectors.pages import MappedPage, SourcePage
from io_connectors.planned_pages import ReadPlannedPages
from transforms.mapping.map_pages import MapPages


class ReadAndMap(beam.PTransform[beam.pvalue.PBegin, beam.PCollection[MappedPage]]):
    """The first two steps of a migration.

    Args:
        read: Reads the pages.
        map: Maps them.
    """

    def __init__(self, read: ReadPlannedPages, map: MapPages) -> None:
        super().__init__()
        self._read = read
        self._map = map

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[MappedPage]:
        """Adds both steps to a pipeline."""
        mapped: beam.PCollection[MappedPage] = pbegin | "Read" >> self._read | "Map" >> self._map
        return mapped

    def pages(self) -> Iterator[SourcePage]:
        """Reads the pages in this process, without a runner.

        Raises:
            MigrationError: The source cannot be read.
        """
        return self._read.pages()

    def mapped(self, page: SourcePage) -> MappedPage:
        """Maps a page, or a part of one, in this process."""
        return self._map.mapped(page)
