"""WriteToEngram: embedded pages into a target, a receipt for each.

    written = embedded | WriteToEngram(spec)
    written.receipts    # PageReceipt, one an acknowledged page
    written.edges       # (page id, {origin: edges}), for the pages that have edges

A page counts as done only when the target has acknowledged it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.metrics import Metrics

from engram_store.errors import marking
from io_connectors.engram.targets import Target, TargetSpec
from io_connectors.pages import MappedPage
from io_connectors.retry import retrying

_EDGES = "edges"
_RECEIPTS = "receipts"


class WriteToEngram(beam.PTransform[beam.PCollection[MappedPage], pvalue.DoOutputsTuple]):
    """Writes each page and emits its receipt; the edges' summary is a side output.

    Args:
        spec: Names the target and the run; opened once in every worker.
    """

    def __init__(self, spec: TargetSpec) -> None:
        super().__init__()
        self._spec = spec

    def expand(self, pages: beam.PCollection[MappedPage]) -> pvalue.DoOutputsTuple:
        """Writes the pages; gives ``receipts`` and ``edges``."""
        written: pvalue.DoOutputsTuple = pages | "Write pages" >> beam.ParDo(
            _WritePages(self._spec)
        ).with_outputs(_EDGES, main=_RECEIPTS)
        return written


class _WritePages(beam.DoFn):
    def __init__(self, spec: TargetSpec) -> None:
        self._spec = spec
        self._target: Target | None = None
        self._records = Metrics.counter("engram", "memories written")

    def setup(self) -> None:
        with marking():
            self._target = self._spec.open()

    def process(self, page: MappedPage) -> Iterator[Any]:
        target = self._target
        assert target is not None
        with marking():
            receipt = retrying(lambda: target.write(page))
        self._records.inc(len(page))
        yield receipt
        if receipt.edges:
            yield pvalue.TaggedOutput(_EDGES, (page.page_id, receipt.edges))
