"""ReadPlannedPages: the pages of a saved plan, read by whatever reads a page of that system.

The source is splittable by pages: a split is a slice of the plan, and a claim is one page, so
that any page can be read alone, or again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import apache_beam as beam
from apache_beam.io import iobase
from apache_beam.io.range_trackers import OffsetRangeTracker

from engram_store.errors import MigrationError, WorkerFailure, marking
from io_connectors.garbage import rare_collections
from io_connectors.page_coder import PageCoder
from io_connectors.pages import SourcePage

#: Initial splits: enough for a few dozen workers to be busy to the end, few enough that a
#: connection each costs nothing.
SPLITS = 64

P = TypeVar("P")
P_contra = TypeVar("P_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class PlannedPage(Generic[P]):
    """A page to be read.

    Attributes:
        page_id: Its name in the plan.
        rows: Records expected in it.
        place: Where it is; only its reader knows what this means. Whatever several pages share
            is pickled once a slice.
    """

    page_id: str
    rows: int
    place: P


class PageReader(Protocol[P_contra]):
    """Reads page after page over one connection."""

    def read(self, page_id: str, place: P_contra) -> SourcePage:
        """Reads a page whole; a record that cannot be read becomes a dead letter."""

    def close(self) -> None:
        """Gives the connection back."""


class ReadPlannedPages(beam.PTransform[beam.pvalue.PBegin, beam.PCollection[SourcePage]]):
    """Reads planned pages as ``SourcePage``.

    Args:
        source: The pages and their reader.
    """

    def __init__(self, source: PlannedPages[Any]) -> None:
        super().__init__()
        self._source = source

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[SourcePage]:
        """Spreads slices of the plan over the workers; Beam's splittable DoFn reads each.

        ``iobase.Read`` of the whole would carry every page of the plan into every worker.
        """
        slices = [bundle.source for bundle in self._source.split(0)]
        reader = iobase.SDFBoundedSourceReader(self._source.display_data())
        pages: beam.PCollection[SourcePage] = (
            pbegin
            | "Slices of the plan" >> beam.Create(slices, reshuffle=False)
            | "Spread slices" >> beam.Reshuffle()
            | "Read pages" >> reader.with_output_types(SourcePage)
        )
        return pages

    def pages(self) -> Iterator[SourcePage]:
        """Reads the pages in this process, without a runner: for a few of them.

        Raises:
            MigrationError: The source cannot be read.
        """
        try:
            yield from self._source.read(self._source.get_range_tracker(None, None))
        except WorkerFailure as failure:
            raise MigrationError.in_text(str(failure)) or failure from failure


class PlannedPages(iobase.BoundedSource, Generic[P]):
    """A slice of a page plan, as Beam's bounded source over page positions 0 … n.

    Args:
        pages: The pages, in the order of the plan.
        open_reader: Makes a reader; picklable, and without secrets in it.
        shown: What a runner's page shows of this step.
    """

    def __init__(
        self,
        pages: Sequence[PlannedPage[P]],
        open_reader: Callable[[], PageReader[P]],
        shown: Mapping[str, str],
        splits: int = SPLITS,
    ) -> None:
        super().__init__()
        self._pages = tuple(pages)
        self._open_reader = open_reader
        self._shown = dict(shown)
        self._splits = splits

    def estimate_size(self) -> int:
        """Records planned; Beam only compares it with itself."""
        return sum(page.rows for page in self._pages)

    def get_range_tracker(self, start_position: int | None, stop_position: int | None) -> OffsetRangeTracker:
        """A tracker over positions in this slice."""
        stop = len(self._pages) if stop_position is None else stop_position
        return OffsetRangeTracker(start_position or 0, stop)

    def split(
        self,
        desired_bundle_size: int,
        start_position: int | None = None,
        stop_position: int | None = None,
    ) -> Iterator[iobase.SourceBundle]:
        """Slices of about equal record counts, each a source of its own that carries only its pages.

        A slice is not cut up again in advance: each takes a connection.
        """
        start = start_position or 0
        stop = len(self._pages) if stop_position is None else stop_position
        rows = sum(page.rows for page in self._pages[start:stop])
        share = max(1, rows // self._splits)
        begin, taken = start, 0
        for position in range(start, stop):
            taken += self._pages[position].rows
            if taken >= share or position + 1 == stop:
                part = PlannedPages(self._pages[begin : position + 1], self._open_reader, self._shown, 1)
                yield iobase.SourceBundle(taken, part, 0, position + 1 - begin)
                begin, taken = position + 1, 0

    def default_output_coder(self) -> beam.coders.Coder:
        """How a page is coded."""
        return PageCoder()

    def read(self, range_tracker: OffsetRangeTracker) -> Iterator[SourcePage]:
        """Claims and reads one page at a time.

        Raises:
            WorkerFailure: Carrying the error of the tree.
        """
        with rare_collections(), closing(self._open_reader()) as reader, marking():
            for position in range(range_tracker.start_position(), len(self._pages)):
                if not range_tracker.try_claim(position):
                    return
                page = self._pages[position]
                yield reader.read(page.page_id, page.place)

    def display_data(self) -> dict[str, Any]:
        """What a runner's page shows of this step."""
        return {**self._shown, "pages": len(self._pages), "rows": self.estimate_size()}
