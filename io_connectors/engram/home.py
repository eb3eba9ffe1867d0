"""Where runs live: what a launcher and the verbs need of a target, whatever it is.

``RunHome`` is a target as a whole, ``TargetRun`` one run in it, ``MemoryReader`` what readers see.
The embedded store has them all itself; over HTTP they are in ``io_connectors/engram/http``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import numpy.typing as npt
import pyarrow as pa

from engram_store.model import Edge, Memory, PageReceipt
from engram_store.parts import Part, Parts
from engram_store.reader import Direction, Neighbour
from engram_store.vectors import Vectors
from io_connectors.engram.targets import Capabilities, TargetSpec

if TYPE_CHECKING:
    from engram_store.edges_check import EdgeCheck
    from engram_store.finalize import FinalizeResult


class TargetRun(Protocol):
    """One run: its manifest, its plan, its acknowledged pages, and what was found out about it."""

    @property
    def id(self) -> str:
        """The run's name."""

    @property
    def manifest(self) -> dict[str, Any]:
        """What the launcher saved about this run."""

    @property
    def started_at(self) -> float:
        """When the run started, in Unix seconds: the instant for which its activations hold."""

    @property
    def model(self) -> str:
        """The embedding model that made the run's vectors."""

    def save_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replaces the manifest."""

    def page_ids(self) -> set[str]:
        """The acknowledged pages."""

    def plan_pages(self, page_ids: Iterable[str]) -> None:
        """Says of which pages this attempt will consist, before it writes any."""

    def planned_page_ids(self) -> set[str]:
        """The acknowledged pages of the attempt that is under way, or was the last."""

    def commit_pages(self, page_ids: Iterable[str]) -> None:
        """Says that these pages, all of them acknowledged, are the run from now on."""

    def committed_page_ids(self) -> set[str]:
        """The pages that count for readers."""

    def keep_only(self, page_ids: Set[str]) -> None:
        """Removes what does not belong to these pages."""

    def receipts(self, page_ids: Iterable[str] | None = None) -> Iterator[PageReceipt]:
        """The receipts of all acknowledged pages, or of some, by page id."""

    def memories(self, page_id: str, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """A page's memories as they are kept, all columns or some."""

    def edges(self, page_id: str, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """A page's edges as they are kept, checked or not, all columns or some."""

    def dead_letters(self) -> Iterator[dict[str, Any]]:
        """All refused records, by stage and page."""

    def save_finding(self, name: str, finding: object) -> None:
        """Keeps what was found out about the run, as JSON."""

    def finding(self, name: str) -> Any:
        """What ``save_finding`` kept, or None.

        Raises:
            IntegrityError: It cannot be read.
        """

    def drop_orphans(self) -> None:
        """Forgets the list of orphan edges."""

    def place(self, name: str) -> str:
        """Where a person finds a part of the run, such as ``report.json``."""


class ServedParts(Protocol):
    """All that readers are given, by the page that it came from; see ``engram_store.parts``."""

    @property
    def here(self) -> Parts | None:
        """The same in files of this machine, where other processes can look, too; None if elsewhere."""

    def memories(self, start: int = 0) -> Iterator[Part]:
        """Memories by page, from the part of number ``start`` on; parts without any are left out."""

    def edges(self, start: int = 0) -> Iterator[Part]:
        """Edges by page, as ``memories`` gives memories."""

    def faults(self) -> list[str]:
        """What is wrong with the index as such, in words."""


class MemoryReader(Protocol):
    """A look at what was last finalized."""

    def spaces(self) -> dict[str, int]:
        """How many memories each space holds."""

    def count(self, space: str) -> int:
        """How many memories a space holds; 0 if there is no such space."""

    def run_counts(self, run: str) -> dict[str, int]:
        """How many memories of a run each space holds; those that a newer run replaced do not count."""

    def edge_counts(self) -> dict[str, int]:
        """How many edges were committed, by origin."""

    def get(self, space: str, id: str, at: datetime | None = None) -> Memory | None:
        """A memory, or None; ``at`` is the moment for which its activation is given."""

    def embedding(self, space: str, id: str) -> Vectors | None:
        """A memory's vector, (768,) float32, or None."""

    def edges(self, space: str, id: str, direction: Direction = "out") -> list[Edge]:
        """The edges that leave a memory, reach it, or both."""

    def neighbours(self, space: str, id: str, depth: int = 1, limit: int = 1000) -> list[Neighbour]:
        """The memories within ``depth`` edges, whichever way these point; nearest first."""

    def recall(
        self, vector: npt.ArrayLike, space: str | None = None, k: int = 10, at: datetime | None = None
    ) -> list[tuple[Memory, float]]:
        """The ``k`` memories nearest to a vector by cosine, with it, best first."""

    def page(self, space: str, offset: int = 0, limit: int = 100, at: datetime | None = None) -> list[Memory]:
        """Some memories of a space, in the order of ``scan``."""

    def scan(self, space: str, at: datetime | None = None) -> Iterator[Memory]:
        """All memories of a space, in bounded memory."""

    def parts(self) -> ServedParts:
        """All that is served, page by page, as it is compared with what was written."""


class RunHome(Protocol):
    """A target as a whole.

    Attributes:
        address: How ``--target`` named it.
    """

    address: str

    @property
    def capabilities(self) -> Capabilities:
        """What the target can do."""

    def lock(self) -> AbstractContextManager[None]:
        """Keeps other migrations from writing, as long as the block and its process last.

        Raises:
            TargetTransientError: Another migration writes to the target.
        """

    def runs(self) -> list[str]:
        """The names of the runs, by name."""

    def run(self, run_id: str) -> TargetRun:
        """A run.

        Raises:
            ConfigurationError: There is none of that name.
        """

    def create_run(self, run_id: str, manifest: Mapping[str, Any]) -> TargetRun:
        """Makes a new run.

        Raises:
            ConfigurationError: The name is taken or impossible.
        """

    def undo(self, run_id: str) -> FinalizeResult:
        """Removes a run and finalizes again, so that what it had replaced is back."""

    def finalize(self) -> FinalizeResult:
        """Makes of the committed pages of all runs what readers see; at once if nothing has changed.

        Raises:
            IntegrityError: An id stands twice within one run, or a page is damaged.
        """

    def check_edges(self, run_id: str) -> EdgeCheck:
        """Counts a run's edges and orphans by origin, from the launcher."""

    def read_back(self) -> None:
        """Looks again at what was delivered to where no page can be read; keeps what it found.

        Where the reader gives what the target itself has, there is nothing to do.
        """

    def reader(self) -> AbstractContextManager[MemoryReader]:
        """A reader of what was last finalized.

        Raises:
            TargetTerminalError: Nothing was finalized yet.
        """

    def free_bytes(self) -> int:
        """Bytes that are free where the target keeps its memories."""

    def target(self, run_id: str, vector_type: str) -> TargetSpec:
        """The run's place as a worker opens it."""
