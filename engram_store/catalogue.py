"""The pages of all runs in one order, with a number for every memory and every edge.

Numbers run through the runs from the oldest to the newest, so where an id was written twice
the higher number is the newer record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from engram_store import pages
from engram_store.model import PageReceipt
from engram_store.run import Run


@dataclass(frozen=True, slots=True)
class CataloguedPage:
    """An acknowledged page and its place among all pages.

    Attributes:
        run: The run that wrote it.
        run_number: The run's place, 0 being the oldest.
        receipt: The page's receipt.
        first: The number of its first memory.
        first_edge: The number of its first edge.
        vector_offset: Where row 0's vector stands in the file, in bytes; 0 if it has no rows.
        vector_type: ``float16`` or ``float32``; empty if it has no rows.
    """

    run: Run
    run_number: int
    receipt: PageReceipt
    first: int
    first_edge: int
    vector_offset: int
    vector_type: str

    @property
    def page_id(self) -> str:
        """The page's name in the plan."""
        return self.receipt.page_id

    @property
    def rows(self) -> int:
        """How many memories it holds."""
        return sum(self.receipt.memories.values())

    @property
    def edge_rows(self) -> int:
        """How many edges it holds."""
        return sum(self.receipt.edges.values())


def oldest_first(runs: Sequence[Run]) -> list[Run]:
    """The runs in the order in which later ones replace what earlier ones wrote."""
    return sorted(runs, key=lambda run: (run.started_at, run.id))


def catalogue(runs: Sequence[Run], under_way: str | None = None) -> Iterator[CataloguedPage]:
    """The pages of the runs that count, numbered.

    Args:
        runs: Oldest first.
        under_way: A run of which the planned pages count rather than the committed ones.

    Raises:
        IntegrityError: A page is damaged.
    """
    memory = edge = 0
    for run_number, run in enumerate(runs):
        counting = run.planned_page_ids() if run.id == under_way else run.committed_page_ids()
        for page_id in sorted(counting):
            path = run.memories_path(page_id)
            footer = pages.read_footer(path)
            receipt = pages.read_receipt(footer, path)
            offset, kind = pages.vector_place(footer, path) if footer.num_rows else (0, "")
            page = CataloguedPage(run, run_number, receipt, memory, edge, offset, kind)
            memory, edge = memory + page.rows, edge + page.edge_rows
            yield page


def fingerprint(runs: Sequence[Run], salt: str) -> str:
    """A digest of what a generation is made from: the runs, and their pages' names, sizes and times."""
    digest = blake2b(salt.encode(), digest_size=8)
    for run in sorted(runs, key=lambda run: run.id):
        digest.update(f"{run.id}\0{run.started_at}\0{run.model}\n".encode())
        for page_id in sorted(run.committed_page_ids()):
            digest.update(_facts(run.memories_path(page_id)))
    return digest.hexdigest()


def _facts(path: Path) -> bytes:
    facts = path.stat()
    return f"{path.parent.name}/{path.name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode()
