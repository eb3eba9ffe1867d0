"""The page plan: which rows belong to which page, cut once, saved, and checked on resume."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from io_connectors.postgresql.reads import TableRead

#: Bytes of values a page may hold before it is cut, whatever its rows; a single larger row
#: makes a page of its own.
PAGE_BYTES = 16 * 1024 * 1024

#: No name of a relation, since these have their schema before them.
_STATE = "state"


@dataclass(frozen=True, slots=True)
class PagePlan:
    """One page of a relation.

    Attributes:
        read: Index of the relation's TableRead in the plan.
        ordinal: Place of the page within its relation.
        start: First row's place ``(block,offset)``, or its key's texts; the first page begins at
            the very start.
        stop: Where the next page begins; None for the last page, which is open-ended.
        rows: Rows counted.
        fingerprint: Order-free 64-bit digest of the row versions (place and writer, or text).
        references: Rows that refer to a parent, by reference.
        repeats: For keyless tables: (place, n) of rows that are the n-th of their equals, n > 1.
    """

    read: int
    ordinal: int
    start: tuple[str, ...]
    stop: tuple[str, ...] | None
    rows: int
    fingerprint: int
    references: tuple[int, ...] = ()
    repeats: tuple[tuple[str, int], ...] = ()

    def page_id(self, read: TableRead, parents: str) -> str:
        """A name that changes whenever anything that the page is made of changes.

        Args:
            read: The page's relation.
            parents: A digest of the joined parent tables, or empty.
        """
        made_of = (
            str(read.relation.name),
            self.ordinal,
            self.rows,
            self.fingerprint,
            self.repeats,
            parents,
        )
        digest = hashlib.blake2b(repr(made_of).encode(), digest_size=6).hexdigest()
        slug = re.sub(r"[^a-z0-9]+", "_", str(read.relation.name).lower()).strip("_")[:40]
        return f"{slug}-{self.ordinal:06d}-{digest}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All pages of a migration, in the order of the tables.

    Attributes:
        reads: The relations.
        pages: The pages, by their page ids.
        snapshot: The exported snapshot they were counted in.
        state: What names the state of the database that it shows; empty where nothing does.
    """

    reads: tuple[TableRead, ...]
    pages: Mapping[str, PagePlan]
    snapshot: str
    state: str = ""

    @classmethod
    def of(
        cls, reads: Sequence[TableRead], pages: Iterable[PagePlan], snapshot: str, state: str = ""
    ) -> Plan:
        """Names each page by what it is made of."""
        pages = tuple(pages)
        states = _table_states(reads, pages)
        named = {}
        for page in pages:
            read = reads[page.read]
            joined = sorted({states.get(str(r.key.parent), "") for r in read.references if r.joined})
            named[page.page_id(read, "".join(joined))] = page
        return cls(tuple(reads), named, snapshot, state)

    @property
    def rows(self) -> int:
        """Rows in all pages."""
        return sum(page.rows for page in self.pages.values())

    def rows_by_table(self) -> dict[str, int]:
        """Rows counted in the source, by table."""
        counts = {str(read.table.name): 0 for read in self.reads}
        for page in self.pages.values():
            counts[str(self.reads[page.read].table.name)] += page.rows
        return counts

    def references_by_origin(self) -> dict[str, int]:
        """Rows that refer to a parent, by foreign key."""
        counts = {r.key.origin: 0 for read in self.reads for r in read.references}
        for page in self.pages.values():
            for reference, rows in zip(self.reads[page.read].references, page.references, strict=True):
                counts[reference.key.origin] += rows
        return counts


def to_document(plan: Plan) -> dict[str, Any]:
    """The page boundaries, as JSON can hold them, by relation, and the state that they were counted in."""
    document: dict[str, Any] = {str(read.relation.name): [] for read in plan.reads}
    for page in plan.pages.values():
        fields = (page.start, page.stop, page.rows, page.fingerprint, page.references, page.repeats)
        document[str(plan.reads[page.read].relation.name)].append(fields)
    return {**document, _STATE: plan.state}


def from_document(document: Mapping[str, Any], reads: Sequence[TableRead]) -> list[list[PagePlan]]:
    """The pages that ``to_document`` saved, for each of the relations."""
    return [
        [
            PagePlan(
                number,
                ordinal,
                tuple(start),
                None if stop is None else tuple(stop),
                rows,
                fingerprint,
                tuple(references),
                tuple((place, nth) for place, nth in repeats),
            )
            for ordinal, (start, stop, rows, fingerprint, references, repeats) in enumerate(
                document.get(str(read.relation.name), [])
            )
        ]
        for number, read in enumerate(reads)
    ]


def counted_in(document: Mapping[str, Any]) -> str:
    """The state that the pages of ``to_document`` were counted in; empty if it is not known."""
    return str(document.get(_STATE, ""))


def _table_states(reads: Sequence[TableRead], pages: Sequence[PagePlan]) -> dict[str, str]:
    """A digest of each table's row versions, for the children that look things up in it."""
    states: dict[str, tuple[int, int]] = {str(read.table.name): (0, 0) for read in reads}
    for page in pages:
        name = str(reads[page.read].table.name)
        rows, mixed = states[name]
        states[name] = (rows + page.rows, mixed ^ page.fingerprint)
    return {name: f"{rows}:{mixed};" for name, (rows, mixed) in states.items()}
