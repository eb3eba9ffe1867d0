"""CountRecords: how many memories, edges and dead letters a run came to, from its receipts.

    (receipts, earlier) | beam.Flatten() | CountRecords(spec)

Receipts of earlier attempts are counted in, so that a resumed run's counts are the whole's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apache_beam as beam

from engram_store.errors import marking
from engram_store.model import PageReceipt
from io_connectors.engram.targets import TargetSpec

#: The finding's name in the target.
COUNTS = "counts"

Key = tuple[str, str]


class CountRecords(beam.PTransform[beam.PCollection[PageReceipt], beam.PCollection[None]]):
    """PageReceipt → one saved finding ``counts``: ``{memories, edges, dead_letters, pages}``.

    Args:
        spec: Names the target that keeps the finding.
    """

    def __init__(self, spec: TargetSpec) -> None:
        super().__init__()
        self._spec = spec

    def expand(self, receipts: beam.PCollection[PageReceipt]) -> beam.PCollection[None]:
        """Sums per space and per origin; only counters are shuffled, a few for each page."""
        saved: beam.PCollection[None] = (
            receipts
            | "Counts of a page" >> beam.FlatMap(_counts)
            | "Sum" >> beam.CombinePerKey(sum)
            | "Gather" >> beam.CombineGlobally(_Gather())
            | "Save counts" >> beam.ParDo(_Save(self._spec))
        )
        return saved


def _counts(receipt: PageReceipt) -> Iterator[tuple[Key, int]]:
    yield ("pages", "all"), 1
    yield ("dead_letters", "all"), receipt.dead_letters
    yield from ((("memories", space), n) for space, n in receipt.memories.items())
    yield from ((("edges", origin), n) for origin, n in receipt.edges.items())


class _Gather(beam.CombineFn):
    """(group, name) → count, gathered into nested dictionaries."""

    def create_accumulator(self) -> dict[str, dict[str, int]]:
        return {"pages": {}, "memories": {}, "edges": {}, "dead_letters": {}}

    def add_input(
        self, accumulator: dict[str, dict[str, int]], element: tuple[Key, int]
    ) -> dict[str, dict[str, int]]:
        (group, name), count = element
        accumulator[group][name] = count
        return accumulator

    def merge_accumulators(
        self, accumulators: Iterable[dict[str, dict[str, int]]]
    ) -> dict[str, dict[str, int]]:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            for group, counts in accumulator.items():
                merged[group].update(counts)
        return merged

    def extract_output(self, accumulator: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        return accumulator


class _Save(beam.DoFn):
    def __init__(self, spec: TargetSpec) -> None:
        self._spec = spec

    def process(self, counts: dict[str, dict[str, int]]) -> None:
        with marking():
            self._spec.open().save_finding(COUNTS, counts)
