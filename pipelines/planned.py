"""A planned source: all that a migration needs to know of where its records come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import apache_beam as beam

from io_connectors.pages import MappedPage


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """What a source hands over once it is planned.

    Attributes:
        system: ``postgresql``, ``neo4j`` or ``redis``.
        shown: Its address without secrets.
        snapshot: What names the state that is read.
        page_rows: Page id → records counted in the source.
        page_tables: Page id → the table, label or type of its records.
        spaces: Table, label or type → space.
        references: Origin → references counted in the source.
        not_followed: References that are left out, by name.
        bytes: Bytes that the records take in the source, to reckon the disk by.
        read: Page ids → a transform that reads and maps these pages.
    """

    system: str
    shown: str
    snapshot: str
    page_rows: Mapping[str, int]
    page_tables: Mapping[str, str]
    spaces: Mapping[str, str]
    references: Mapping[str, int]
    not_followed: tuple[str, ...]
    bytes: int
    read: Callable[[Sequence[str]], beam.PTransform[beam.pvalue.PBegin, beam.PCollection[MappedPage]]]

    @property
    def rows(self) -> int:
        """Records counted in the source."""
        return self.rows_of(self.page_rows)

    def rows_of(self, pages: Iterable[str]) -> int:
        """Records counted in some of the pages."""
        return sum(self.page_rows[page_id] for page_id in pages)
