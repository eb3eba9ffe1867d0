"""Which edges of a run have both ends in the store, and which are orphans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engram_store.catalogue import CataloguedPage
from engram_store.files import replacing
from engram_store.model import EDGE_SCHEMA
from engram_store.run import Run
from engram_store.workspace import Workspace

_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class OrphanSample:
    """One orphan edge: its id and the ids of its two ends (None: the source shows that it is missing)."""

    id: str
    source: str
    target: str | None


@dataclass(frozen=True, slots=True)
class OriginCheck:
    """What was found for the edges of one origin.

    Attributes:
        edges: Edges written by the run.
        orphans: Those of them that lack an end.
        samples: Up to five orphans, in page order.
    """

    edges: int
    orphans: int
    samples: tuple[OrphanSample, ...]


@dataclass(frozen=True, slots=True)
class EdgeCheck:
    """What was found for the edges of a run, by origin."""

    origins: dict[str, OriginCheck]

    @property
    def edges(self) -> int:
        """Edges written by the run."""
        return sum(origin.edges for origin in self.origins.values())

    @property
    def orphans(self) -> int:
        """Those of them that lack an end."""
        return sum(origin.orphans for origin in self.origins.values())


def edge_check_of(document: Mapping[str, Any]) -> EdgeCheck:
    """An ``EdgeCheck`` from its JSON form."""
    return EdgeCheck(
        {
            origin: OriginCheck(
                found["edges"],
                found["orphans"],
                tuple(OrphanSample(**sample) for sample in found["samples"]),
            )
            for origin, found in document["origins"].items()
        }
    )


def check_edges(run: Run, pages: Sequence[CataloguedPage]) -> EdgeCheck:
    """Joins a run's edges with the memories of all runs; the orphans go to ``orphans.parquet``.

    Args:
        run: The run whose edges are checked.
        pages: The pages of all runs of the store.

    Raises:
        IntegrityError: A page is damaged.
        TargetTerminalError: The disk is full.
    """
    own = [page for page in pages if page.run.id == run.id and page.edge_rows]
    written: Counter[str] = Counter()
    for page in own:
        written.update(page.receipt.edges)
    found = _Orphans()
    with Workspace.open(run.path, pages) as workspace, replacing(run.orphans_path) as temporary:
        workspace.load_memories(pages)
        workspace.load_edges(own)
        workspace.create("orphan", "SELECT number FROM edge ANTI JOIN link USING (number) ORDER BY number")
        with pq.ParquetWriter(str(temporary), EDGE_SCHEMA, compression="zstd") as writer:
            for batch in _orphans(workspace, own):
                found.add(batch)
                writer.write_batch(batch)
    return EdgeCheck({origin: found.check(origin, count) for origin, count in sorted(written.items())})


def _orphans(workspace: Workspace, pages: Sequence[CataloguedPage]) -> Iterator[pa.RecordBatch]:
    for page in pages:
        numbers = workspace.between("orphan", page.first_edge, page.edge_rows)["number"]
        if len(numbers):
            yield page.run.edges(page.page_id).take(pa.array(numbers - page.first_edge))


class _Orphans:
    """Counts and samples of orphans, by origin."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._samples: dict[str, list[OrphanSample]] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        columns = (batch[name].to_pylist() for name in ("origin", "id", "source", "target"))
        for origin, edge, source, target in zip(*columns, strict=True):
            self._counts[origin] += 1
            samples = self._samples.setdefault(origin, [])
            if len(samples) < _SAMPLES:
                samples.append(OrphanSample(edge, source, target))

    def check(self, origin: str, edges: int) -> OriginCheck:
        return OriginCheck(edges, self._counts[origin], tuple(self._samples.get(origin, ())))
