"""Where memories go. A target says as data what it can do; nobody asks for its type."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from engram_store.digests import combined, edge_hashes, memory_hashes
from engram_store.model import PageReceipt
from engram_store.run import Run
from engram_store.store import Store
from io_connectors.engram.arrow import edge_batch, memory_batch
from io_connectors.pages import MappedPage

if TYPE_CHECKING:
    from engram_store.edges_check import EdgeCheck

STAGES = ("read", "map", "embed", "write")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a target can do.

    Attributes:
        pages: Takes a page whole, and all of it or nothing.
        ledger: Remembers itself which pages it acknowledged.
        edges: Holds edges as such.
        undo: Can take back one run.
        most_per_space: The most memories a space can hold, or None.
        edges_at_workers: Lets a worker check the edges of all pages; where not, the launcher does it.
    """

    pages: bool
    ledger: bool
    edges: bool
    undo: bool
    most_per_space: int | None
    edges_at_workers: bool = True


class Target(Protocol):
    """One run's place in a target, as a worker sees it."""

    @property
    def capabilities(self) -> Capabilities:
        """What the target can do."""

    def write(self, page: MappedPage) -> PageReceipt:
        """Writes a page and returns once the target has acknowledged it.

        Writing the same page again leaves the target as it was.

        Raises:
            TargetTransientError: Worth another try.
            TargetTerminalError: Not worth another try.
        """

    def check_edges(self) -> EdgeCheck:
        """Counts the run's edges and orphans by origin."""

    def save_finding(self, name: str, finding: object) -> None:
        """Keeps what a check found beside the run, as JSON."""


class TargetSpec(Protocol):
    """Names a target and a run; small, picklable, and free of secrets."""

    def open(self) -> Target:
        """The target, opened in the process that calls."""


@dataclass(frozen=True, slots=True)
class EmbeddedTargetSpec:
    """A run in an embedded store.

    Attributes:
        path: The store's folder; every worker must see it.
        run: The run's name.
        vector_type: ``float16`` or ``float32``.
    """

    path: str
    run: str
    vector_type: str = "float16"

    def open(self) -> EmbeddedTarget:
        """The target, opened in the process that calls."""
        store = Store.open(Path(self.path))
        return EmbeddedTarget(store, store.run(self.run), self.vector_type)


class EmbeddedTarget:
    """The embedded store as target: pages are files, and the files are the ledger."""

    capabilities = Capabilities(pages=True, ledger=True, edges=True, undo=True, most_per_space=None)

    def __init__(self, store: Store, run: Run, vector_type: str) -> None:
        self._store = store
        self._run = run
        self._vector_type = vector_type

    def write(self, page: MappedPage) -> PageReceipt:
        """Writes dead letters, then edges, then memories: the last of them acknowledges all."""
        return write_page(self._run, page, self._vector_type)

    def check_edges(self) -> EdgeCheck:
        """Counts the run's edges and orphans by origin."""
        return self._store.check_edges(self._run.id)

    def save_finding(self, name: str, finding: object) -> None:
        """Keeps what a check found beside the run, as JSON."""
        self._run.save_finding(name, finding)


def write_page(run: Run, page: MappedPage, vector_type: str) -> PageReceipt:
    """Writes a page's files: dead letters, then edges, then memories."""
    for stage in STAGES:
        letters = (asdict(letter) for letter in page.dead_letters if letter.stage == stage)
        run.write_dead_letters(stage, page.page_id, letters)
    memories = memory_batch(page.memories, vector_type)
    edges = edge_batch(page.edges)
    return run.write_page(memories, edges, receipt_for(page, memories, edges))


def receipt_for(page: MappedPage, memories: pa.RecordBatch, edges: pa.RecordBatch) -> PageReceipt:
    """What will have been acknowledged once the page is written."""
    return PageReceipt(
        page_id=page.page_id,
        memories=dict(Counter(page.memories.spaces)),
        edges=dict(Counter(page.edges.origins)),
        dead_letters=len(page.dead_letters),
        digest=combined(memory_hashes(memories)),
        low_confidence=page.embedding.low_confidence,
        zero_vectors=page.embedding.zero_vectors,
        omitted_times=page.omitted_times,
        texts=(page.embedding.texts, page.embedding.distinct),
        bytes=0,
        written_at=0.0,
        expired=page.expired,
        derived=page.derived,
        computed=page.embedding.computed,
        tokens=page.embedding.tokens,
        edge_digest=combined(edge_hashes(edges)),
    )
