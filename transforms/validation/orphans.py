"""CheckEdges: once every page is written, which edges have an end that is not there.

    written.edges | CheckEdges(spec)

Ends cannot be checked page by page, since a parent may be in a page yet to come. What flows
here is a page's name and counts; the edges themselves are joined where they lie.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import apache_beam as beam

from engram_store.errors import marking
from io_connectors.engram.targets import TargetSpec

if TYPE_CHECKING:
    from engram_store.edges_check import EdgeCheck

#: The finding's name in the target.
ORPHANS = "orphans"

EdgeSummary = tuple[str, dict[str, int]]


class CheckEdges(beam.PTransform[beam.PCollection[EdgeSummary], beam.PCollection[None]]):
    """(page id, edges by origin) → one saved finding ``orphans``: origin → edges, orphans, samples.

    Args:
        spec: Names the target whose edges are checked.
    """

    def __init__(self, spec: TargetSpec) -> None:
        super().__init__()
        self._spec = spec

    def expand(self, edges: beam.PCollection[EdgeSummary]) -> beam.PCollection[None]:
        """Waits for all pages, then checks once."""
        saved: beam.PCollection[None] = (
            edges
            | "All pages are written" >> beam.combiners.Count.Globally()
            | "Find orphans" >> beam.ParDo(_FindOrphans(self._spec))
        )
        return saved


class _FindOrphans(beam.DoFn):
    def __init__(self, spec: TargetSpec) -> None:
        self._spec = spec

    def process(self, _pages: int) -> None:
        with marking():
            target = self._spec.open()
            found = target.check_edges()
            target.save_finding(ORPHANS, orphans_of(found))


def orphans_of(found: EdgeCheck) -> dict[str, dict[str, Any]]:
    """What is kept of a check: origin → edges, orphans, samples."""
    return {origin: asdict(check) for origin, check in found.origins.items()}
