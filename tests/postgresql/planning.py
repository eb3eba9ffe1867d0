"""A database under a held snapshot, planned and read, as the pipeline does it but without Beam."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from apache_beam.io.source_test_utils import read_from_source

from io_connectors.pages import MappedPage, SourcePage
from io_connectors.planned_pages import PlannedPages
from io_connectors.postgresql.introspect import Selection, read_catalogue
from io_connectors.postgresql.plan import PagePlan, Plan
from io_connectors.postgresql.session import Connection, PostgresAddress, connect
from io_connectors.postgresql.snapshot import held_snapshot
from io_connectors.postgresql.source import Place, postgres_pages
from io_connectors.postgresql.splitter import cut, recheck
from transforms.mapping.postgresql import map_page
from transforms.mapping.tables import TableChoices, TablePlan, plan_tables

EVERYTHING = Selection()
DEFAULTS = TableChoices()


@dataclass(frozen=True)
class Planned:
    """A plan, and what is needed to read it; good while the snapshot is held."""

    address: PostgresAddress
    connection: Connection
    tables: TablePlan
    plan: Plan

    def source(self, page_ids: list[str] | None = None) -> PlannedPages[Place]:
        """The Beam source of some pages, or of all."""
        return postgres_pages(
            self.address, self.plan, list(self.plan.pages) if page_ids is None else page_ids
        )

    def read(self, page_ids: list[str] | None = None) -> list[SourcePage]:
        """Some pages, or all, as the source gives them."""
        return list(read_from_source(self.source(page_ids), None, None))

    def mapped(self) -> list[MappedPage]:
        """All pages, mapped."""
        return [map_page(page, self.tables.mapping[page.relation]) for page in self.read()]


@contextmanager
def planned(
    dsn: str,
    *,
    page_rows: int = 1000,
    selection: Selection = EVERYTHING,
    choices: TableChoices = DEFAULTS,
    before: Plan | None = None,
) -> Iterator[Planned]:
    """Plans a database; ``before`` is a plan whose boundaries are checked again."""
    address = PostgresAddress.parse(dsn)
    with closing(connect(address, purpose="test")) as connection:
        tables = plan_tables(read_catalogue(connection, selection), choices)
        with held_snapshot(connection, tables.catalogue.tables) as snapshot:
            pages: list[PagePlan] = []
            for number, read in enumerate(tables.reads):
                saved = [page for page in before.pages.values() if page.read == number] if before else []
                again = recheck(connection, number, read, page_rows, saved)
                pages += again if saved else cut(connection, number, read, page_rows)
            yield Planned(address, connection, tables, Plan.of(tables.reads, pages, snapshot))


def contents(pages: list[MappedPage]) -> list[str]:
    """The JSON of all memories."""
    return [content for page in pages for content in page.memories.contents]


def ids(pages: list[MappedPage]) -> list[str]:
    """The ids of all memories."""
    return [memory_id for page in pages for memory_id in page.memories.ids]
