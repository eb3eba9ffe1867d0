"""A planned source: all that a migration needs to know of where its records come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from io_connectors.lookups import SourceLookups
from pipelines.read_and_map import ReadAndMap


@dataclass(frozen=True, slots=True)
class Recount:
    """A source without snapshots, counted again after it was read.

    Attributes:
        rows: Table, or another group of pages → records.
        references: Origin → references.
        changes: What differs from the first count, in words; empty if nothing does.
        changed_pages: Pages in which records came, went or were replaced: what was read of them
            may be their state before, after or between.
        settled_references: Origin → references in the other pages; without the added edges of
            which no page can say alone how many there are.
    """

    rows: Mapping[str, int]
    references: Mapping[str, int]
    changes: tuple[str, ...]
    changed_pages: frozenset[str]
    settled_references: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """What a source hands over once it is planned.

    Attributes:
        system: ``postgresql``, ``neo4j`` or ``redis``.
        shown: Its address without secrets.
        snapshot: What names the state that is read; empty where the source has no snapshots.
        page_rows: Page id → records counted in the source.
        page_tables: Page id → the table, or other group, that its records are counted in.
        tables: Table → the space of its memories; empty where they go to several, or to none.
        spaces: The memory spaces, in the order in which they are reported.
        references: Origin → references counted in the source.
        not_followed: References that are left out, by name.
        bytes: Bytes that the records take in the source, to reckon the disk by.
        read: Page ids → a transform that reads and maps these pages.
        edge_tables: Tables whose records become edges rather than memories.
        added_edges: Origins of edges that no record of the source stands for; those without
            references cannot be counted in the source.
        recount: Counts the source again, where there is no snapshot.
        derived: Memories that are expected beyond one a record, to reckon the disk by.
        notes: What is not migrated, was lost or was taken for granted, in sentences.
        lookups: Looks up single records; None where nothing answers single questions.
    """

    system: str
    shown: str
    snapshot: str
    page_rows: Mapping[str, int]
    page_tables: Mapping[str, str]
    tables: Mapping[str, str]
    spaces: tuple[str, ...]
    references: Mapping[str, int]
    not_followed: tuple[str, ...]
    bytes: int
    read: Callable[[Sequence[str]], ReadAndMap]
    edge_tables: frozenset[str] = frozenset()
    added_edges: frozenset[str] = frozenset()
    recount: Callable[[], Recount] | None = None
    derived: int = 0
    notes: tuple[str, ...] = ()
    lookups: SourceLookups | None = None

    def unchanged(self) -> Recount:
        """A recount that finds everything as it was planned."""
        return Recount({}, self.references, (), frozenset(), self.references)

    @property
    def rows(self) -> int:
        """Records counted in the source."""
        return self.rows_of(self.page_rows)

    def rows_of(self, pages: Iterable[str]) -> int:
        """Records counted in some of the pages."""
        return sum(self.page_rows[page_id] for page_id in pages)

    def memories_of(self, pages: Iterable[str]) -> int:
        """Records counted in some of the pages that will be memories."""
        return self.rows_of(page_id for page_id in pages if self.page_tables[page_id] not in self.edge_tables)
